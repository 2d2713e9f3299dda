"""Client tokens: the same call again is the same thing, not a second one."""

from dataclasses import replace

from tests.aws.account import Account, Answered, Rule
from tests.aws.wire import Answer, Call, Refused

TOKENED = ("ec2:RunInstances", "ec2:CreateRouteTable", "ec2:CreateNetworkInterface")
FILTER = "client-token"


def _again(account: Account, call: Call) -> Answer | None:
    before = account.answered.get((call.action, call.get("ClientToken")))
    if before is None:
        return None
    if before.parameters != call.parameters:
        raise Refused(
            "IdempotentParameterMismatch",
            "The request uses the same client token as a previous, but non-identical request.",
        )
    made = [i for i in account.world.instances() if i.id in before.ids]
    if made and all(i.state == "terminated" for i in made):
        raise Refused(
            "IdempotentInstanceTerminated",
            "The client token you have provided is associated with a resource that is already "
            "deleted. Please use a different client token.",
        )
    return before.answer


def _remember(account: Account, call: Call, answer: Answer) -> None:
    token = call.get("ClientToken")
    if token:
        made = account.world.ids() - account.known
        account.answered[call.action, token] = Answered(call.parameters, answer, made)


def _by_token(account: Account, call: Call) -> Call | None:
    """Ask moto for the instance's id instead: it fails at this filter."""
    for name, value in call.parameters.items():
        if value == FILTER and name.endswith(".Name"):
            prefix = name.removesuffix("Name")
            tokens = call.below(f"{prefix}Value.").values()
            kept = {k: v for k, v in call.parameters.items() if not k.startswith(prefix)}
            rows = [account.answered.get(("RunInstances", token)) for token in tokens]
            ids = [i for row in rows if row for i in row.ids if i.startswith("i-")] or ["i-none"]
            kept[f"{prefix}Name"] = "instance-id"
            kept |= {f"{prefix}Value.{n}": i for n, i in enumerate(ids, 1)}
            return replace(call, parameters=kept)
    return None


RULES = (
    Rule(actions=TOKENED, before=_again, after=_remember, why="moto makes a second instance"),
    Rule(actions=("ec2:DescribeInstances",), before=_by_token, why="moto fails at this filter"),
)
