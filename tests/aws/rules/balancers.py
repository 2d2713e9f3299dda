"""Network load balancers: made slowly, found again by name, with interfaces and targets."""

import re
from xml.sax.saxutils import escape

from tests.aws.account import Account, Answered, Rule
from tests.aws.wire import Answer, Call, Refused, query_answer
from tests.aws.world import ELB_INTERFACE, FakeLoadBalancer

NAME = re.compile(r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
SAME = {
    "CreateLoadBalancer": (
        "DuplicateLoadBalancerName",
        "A load balancer with the same name '{}' exists, but with different settings",
    ),
    "CreateTargetGroup": (
        "DuplicateTargetGroupName",
        "A target group with the same name '{}' exists, but with different settings",
    ),
    "CreateListener": (
        "DuplicateListener",
        "A listener already exists on this port for this load balancer '{}'",
    ),
}
"""Creating calls that succeed again with equal settings, and the error with others."""
REASONS = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "unused": ("Target.NotInUse", "Target group is not configured to receive traffic"),
}


def _key(call: Call) -> str:
    return call.get("Name") or f"{call.get('LoadBalancerArn')}:{call.get('Port')}"


def _again(account: Account, call: Call) -> Answer | None:
    before = account.answered.get((call.action, _key(call)))
    if before is None or not before.ids & _arns(account):
        return None
    if before.parameters == call.parameters:
        return before.answer
    code, message = SAME[call.action]
    raise Refused(code, message.format(_key(call)))


def _arns(account: Account) -> set[str]:
    balancers = account.world.balancers()
    listeners = {arn for balancer in balancers for arn in balancer.listeners}
    groups = {group.arn for group in account.world.target_groups()}
    return {balancer.arn for balancer in balancers} | listeners | groups


def _remember(account: Account, call: Call, answer: Answer) -> None:
    made = frozenset(arn for arn in _arns(account) if arn in answer.body.decode())
    account.answered[call.action, _key(call)] = Answered(call.parameters, answer, made)


def _named(account: Account, call: Call) -> None:
    if not NAME.fullmatch(call.get("Name")):
        raise Refused("ValidationError", f"'{call.get('Name')}' is not a valid name")


def _reachable(account: Account, call: Call) -> None:
    subnets = [account.world.subnet(s) for s in _subnets(call)]
    vpcs = {subnet.vpc_id for subnet in subnets if subnet}
    attached = {getattr(gateway.vpc, "id", "") for gateway in account.world.gateways()}
    if call.get("Scheme") != "internal" and vpcs - attached:
        raise Refused("InvalidSubnet", f"VPC {vpcs.pop()} has no internet gateway")


def _subnets(call: Call) -> list[str]:
    mapped = call.below("SubnetMappings.member.")
    return call.listed("Subnets") or [v for k, v in mapped.items() if k.endswith("SubnetId")]


def _made(account: Account, call: Call, answer: Answer) -> Answer | None:
    body = answer.body.decode()
    for balancer in account.world.balancers():
        if balancer.arn in account.known:
            continue
        number = balancer.arn.rpartition("/")[2]
        name = f"{balancer.name}-{number}.elb.{account.world.region}.amazonaws.com"
        old_name, old_arn = balancer.dns_name, balancer.arn
        balancer.dns_name = name
        if balancer.type == "network":
            account.world.as_network(balancer)
        body = body.replace(old_name, name).replace(old_arn, balancer.arn)
        account.looks[balancer.arn] = account.laws.balancer_looks
        _plug_in(account, balancer, number)
    return Answer(answer.status, body.encode())


def _plug_in(account: Account, balancer: FakeLoadBalancer, number: str) -> None:
    for subnet in balancer.subnets:
        used = account.world.used_addresses(subnet.id)
        free = next(str(a) for a in reversed(list(subnet.cidr.hosts())) if str(a) not in used)
        wanted = account.laws.balancer_address
        address = wanted if wanted and wanted not in used else free
        description = f"{ELB_INTERFACE}{balancer.name}/{number}"
        groups = list(balancer.security_groups or [])
        eni = account.world.add_interface(subnet, address, groups, description)
        account.looks[eni.id] = account.laws.linger_looks
        if balancer.scheme == "internet-facing":
            eni.public_ip = account.public_address()


def _pass_time(account: Account, call: Call) -> None:
    for balancer in account.world.balancers():
        # moto makes it active at the first look, so that it must not see `provisioning`.
        balancer.state = "active" if account.settled(balancer.arn) else "provisioning "


def _trim(account: Account, call: Call, answer: Answer) -> Answer:
    return Answer(answer.status, answer.body.replace(b"provisioning ", b"provisioning"))


def _health(account: Account, call: Call) -> Answer | None:
    arn = call.get("TargetGroupArn")
    group = next((g for g in account.world.target_groups() if g.arn == arn), None)
    if group is None:
        return None  # moto's answer to that is right
    rows = []
    for target in group.targets.values():
        address, port = str(target["Id"]), int(target["Port"])
        state = _state(account, arn, address, port)
        reason, text = REASONS.get(state, ("", ""))
        rows.append(
            f"<member><HealthCheckPort>{port}</HealthCheckPort><TargetHealth><State>{state}</State>"
            + (f"<Reason>{reason}</Reason><Description>{text}</Description>" if reason else "")
            + f"</TargetHealth><Target><Id>{escape(address)}</Id><Port>{port}</Port></Target>"
            "</member>"
        )
    inner = f"<TargetHealthDescriptions>{''.join(rows)}</TargetHealthDescriptions>"
    return query_answer(call.action, inner)


def _state(account: Account, arn: str, address: str, port: int) -> str:
    group = next(g for g in account.world.target_groups() if g.arn == arn)
    live = {balancer.arn for balancer in account.world.balancers()}
    if not live & set(group.load_balancer_arns):
        return "unused"
    hook = account.hooks.healthy
    if hook is not None:
        return "healthy" if hook(address, port) else "unhealthy"
    running = [i for i in account.world.alive() if i.private_ip == address]
    if not any(instance.state == "running" for instance in running):
        return "unhealthy"
    name = f"{arn} {address}:{port}"
    account.looks.setdefault(name, account.laws.health_looks)
    return "healthy" if account.settled(name) else "initial"


def _forget_health(account: Account, call: Call, answer: Answer) -> None:
    for name in [key for key in account.looks if key.startswith(call.get("TargetGroupArn"))]:
        del account.looks[name]


ELB = "elasticloadbalancing:"
NEW = tuple(ELB + action for action in SAME)
NAMED = (f"{ELB}CreateLoadBalancer", f"{ELB}CreateTargetGroup")
RULES = (
    Rule(actions=NAMED, before=_named, why="32 letters, digits and hyphens at most"),
    Rule(actions=NEW, before=_again, why="equal settings: the same one; moto makes a second"),
    Rule(actions=NAMED[:1], before=_reachable, why="it must be reachable from the internet"),
    Rule(actions=NAMED[:1], after=_made, why="its interfaces, and its name in DNS"),
    Rule(actions=NEW, after=_remember, why="for the second rule"),
    Rule(actions=(f"{ELB}DescribeLoadBalancers",), before=_pass_time, after=_trim, why="minutes"),
    Rule(actions=(f"{ELB}DescribeTargetHealth",), before=_health, why="moto: healthy, always"),
    Rule(actions=(f"{ELB}RegisterTargets",), after=_forget_health, why="it begins anew"),
)
