"""Who may do what: throttling, the account's IAM policy, and dry runs, in the order AWS asks."""

from tests.aws.account import Account, Rule
from tests.aws.policy import denied, iam_action
from tests.aws.wire import Call, Refused

SLOW_DOWN = {
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "elasticloadbalancing": ("Throttling", "Rate exceeded", 400),
}
DENIED = {"ec2": ("UnauthorizedOperation", 403), "elasticloadbalancing": ("AccessDenied", 403)}


def _throttle(account: Account, call: Call) -> None:
    if call.number in account.laws.throttled_calls:
        raise Refused(*SLOW_DOWN.get(call.service, ("ThrottlingException", "Rate exceeded", 400)))


def _authorize(account: Account, call: Call) -> None:
    policy = account.laws.allowed
    if policy is None or iam_action(call) == "sts:GetCallerIdentity":
        return
    refused = denied(policy, call, account.world)
    if refused is not None:
        code, status = DENIED.get(call.service, ("AccessDeniedException", 400))
        raise Refused(
            code,
            "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:"
            f"user/hardway is not authorized to perform: {refused.action} on resource: "
            f"{refused.resource} because no identity-based policy allows the {refused.action} "
            "action. Encoded authorization failure message: AAAA",
            status,
        )


def _dry_run(account: Account, call: Call) -> None:
    if call.get("DryRun") == "true":
        raise Refused(
            "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
        )


RULES = (
    Rule(actions=("*",), before=_throttle, why="clients that ask too often are told to slow down"),
    Rule(actions=("*",), before=_authorize, why="moto knows neither conditions nor AWS's codes"),
    Rule(actions=("ec2:*",), before=_dry_run, why="moto creates VPCs and subnets in a dry run"),
)
