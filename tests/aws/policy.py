"""Whether an IAM policy allows a call: its action on each resource, with conditions on tags.

What AWS asks of which call is in `RESOURCES`, from its service authorization reference and not
from hardway's own table, so that the two can contradict each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.aws.wire import Call
from tests.aws.world import ACCOUNT, World

PREFIXES = {"tagging": "tag"}
"""Services whose actions in a policy begin otherwise than their signatures."""
ELB = "elasticloadbalancing"
READING = ("Describe", "Get", "List")

INTERFACE = "NetworkInterface.1."
RESOURCES: Mapping[str, Sequence[tuple[str, str]]] = {
    "ec2:CreateVpc": [("vpc", "")],
    "ec2:ModifyVpcAttribute": [("vpc", "VpcId")],
    "ec2:DeleteVpc": [("vpc", "VpcId")],
    "ec2:CreateSubnet": [("subnet", ""), ("vpc", "VpcId")],
    "ec2:DeleteSubnet": [("subnet", "SubnetId")],
    "ec2:CreateInternetGateway": [("internet-gateway", "")],
    "ec2:AttachInternetGateway": [("internet-gateway", "InternetGatewayId"), ("vpc", "VpcId")],
    "ec2:DetachInternetGateway": [("internet-gateway", "InternetGatewayId"), ("vpc", "VpcId")],
    "ec2:DeleteInternetGateway": [("internet-gateway", "InternetGatewayId")],
    "ec2:CreateRouteTable": [("route-table", ""), ("vpc", "VpcId")],
    "ec2:AssociateRouteTable": [("route-table", "RouteTableId"), ("subnet", "SubnetId")],
    "ec2:DisassociateRouteTable": [("route-table", "AssociationId"), ("subnet", "AssociationId")],
    "ec2:CreateRoute": [("route-table", "RouteTableId")],
    "ec2:ReplaceRoute": [("route-table", "RouteTableId")],
    "ec2:DeleteRoute": [("route-table", "RouteTableId")],
    "ec2:DeleteRouteTable": [("route-table", "RouteTableId")],
    "ec2:CreateSecurityGroup": [("security-group", ""), ("vpc", "VpcId")],
    "ec2:AuthorizeSecurityGroupIngress": [("security-group", "GroupId")],
    "ec2:RevokeSecurityGroupIngress": [("security-group", "GroupId")],
    "ec2:DeleteSecurityGroup": [("security-group", "GroupId")],
    "ec2:ImportKeyPair": [("key-pair", "")],
    "ec2:DeleteKeyPair": [("key-pair", "KeyPairId")],
    "ec2:RunInstances": [
        ("instance", ""), ("volume", ""), ("network-interface", ""), ("image", "ImageId"),
        ("subnet", f"{INTERFACE}SubnetId"), ("key-pair", "KeyName"),
        ("security-group", f"{INTERFACE}SecurityGroupId"),
    ],
    "ec2:ModifyInstanceAttribute": [("instance", "InstanceId")],
    "ec2:StartInstances": [("instance", "InstanceId")],
    "ec2:StopInstances": [("instance", "InstanceId")],
    "ec2:TerminateInstances": [("instance", "InstanceId")],
    "ec2:DeleteVolume": [("volume", "VolumeId")],
    f"{ELB}:CreateLoadBalancer": [("loadbalancer/net", "")],
    f"{ELB}:ModifyLoadBalancerAttributes": [("", "LoadBalancerArn")],
    f"{ELB}:DeleteLoadBalancer": [("", "LoadBalancerArn")],
    f"{ELB}:CreateTargetGroup": [("targetgroup", "")],
    f"{ELB}:ModifyTargetGroup": [("", "TargetGroupArn")],
    f"{ELB}:ModifyTargetGroupAttributes": [("", "TargetGroupArn")],
    f"{ELB}:RegisterTargets": [("", "TargetGroupArn")],
    f"{ELB}:DeregisterTargets": [("", "TargetGroupArn")],
    f"{ELB}:DeleteTargetGroup": [("", "TargetGroupArn")],
    f"{ELB}:CreateListener": [("", "LoadBalancerArn")],
    f"{ELB}:DeleteListener": [("", "ListenerArn")],
}  # fmt: skip
"""By action: kinds of the resources it touches and the parameter that names them; what has no
parameter is what the call makes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a policy."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def iam_action(call: Call) -> str:
    """Return the name by which a policy allows a call."""
    return f"{PREFIXES.get(call.service, call.service)}:{call.action}"


def denied(policy: Any, call: Call, world: World) -> Request | None:
    """Return what a policy does not allow of a call; None when it allows all.

    Raises:
        KeyError: a call that changes something has no row here.
    """
    asked = requests(call, world)
    return next((r for r in asked if not any(_allows(s, r) for s in policy["Statement"])), None)


def unused(policy: Any, actions: frozenset[str]) -> list[str]:
    """Return the policy's action patterns that no action made use of."""
    patterns = [p for statement in policy["Statement"] for p in _listed(statement["Action"])]
    return [p for p in patterns if not any(_matches(p, a) for a in actions)]


def requests(call: Call, world: World) -> Iterator[Request]:
    """Yield what AWS asks a policy for a call."""
    action, context = iam_action(call), {"aws:RequestedRegion": call.region}
    if call.action == "GetParameter":
        name = call.document["Name"]
        yield Request(action, f"arn:aws:ssm:{call.region}::parameter{name}", context)
    elif call.action.startswith(READING):
        yield Request(action, "*", context)
    else:
        for kind, parameter in RESOURCES[action]:
            if not parameter:
                yield from _made(call, action, kind, context)
            for value in call.listed(parameter):
                yield _existing(call, action, kind, value, world)


def _made(call: Call, action: str, kind: str, context: dict[str, str]) -> Iterator[Request]:
    """Yield the questions for what a call makes: may it be made, may it be tagged then."""
    tags = call.tags(kind) if call.service == "ec2" else _elb_tags(call)
    asked = context | {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    arn = _arn(call, kind, "new" if call.service == "ec2" else f"{call.get('Name')}/new")
    yield Request(action, arn, asked)
    if tags:
        tagging = "CreateTags" if call.service == "ec2" else "AddTags"
        yield Request(
            f"{call.service}:{tagging}", arn, asked | {f"{call.service}:CreateAction": call.action}
        )


def _elb_tags(call: Call) -> dict[str, str]:
    rows = call.below("Tags.member.")
    numbers = {name.partition(".")[0] for name in rows}
    return {rows[f"{n}.Key"]: rows.get(f"{n}.Value", "") for n in numbers}


def _existing(call: Call, action: str, kind: str, value: str, world: World) -> Request:
    name = world.associated(value, kind) if value.startswith("rtbassoc-") else value
    arn = name if name.startswith("arn:") else _arn(call, kind, name)
    tags = world.tags(name)
    context = {f"aws:ResourceTag/{key}": tag for key, tag in tags.items()}
    return Request(action, arn, context | {"aws:RequestedRegion": call.region})


def _arn(call: Call, kind: str, name: str) -> str:
    # Images are nobody's of this account.
    account = "" if kind == "image" else ACCOUNT
    return f"arn:aws:{call.service}:{call.region}:{account}:{kind}/{name}"


def _allows(statement: Mapping[str, Any], request: Request) -> bool:
    if statement["Effect"] != "Allow":
        raise ValueError("only what a policy allows is understood here")
    return (
        any(_matches(pattern, request.action) for pattern in _listed(statement["Action"]))
        and any(fnmatchcase(request.resource, p) for p in _listed(statement.get("Resource", "*")))
        and all(
            _holds(operator, key, _listed(values), request.context)
            for operator, rows in statement.get("Condition", {}).items()
            for key, values in rows.items()
        )
    )


def _holds(operator: str, key: str, values: Sequence[str], context: Mapping[str, str]) -> bool:
    found = context.get(key)
    match operator:
        case "StringEquals":
            return found in values
        case "StringLike":
            return found is not None and any(fnmatchcase(found, value) for value in values)
    raise ValueError(f"the condition {operator} is not understood here")


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, action: str) -> bool:
    # Actions in policies know no case.
    return fnmatchcase(action.lower(), pattern.lower())
