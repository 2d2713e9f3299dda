"""What is in use cannot be deleted. moto deletes most of it all the same."""

from tests.aws.account import Account, Rule
from tests.aws.wire import Answer, Call, Refused
from tests.aws.world import ELB_INTERFACE


def _violation(message: str) -> Refused:
    return Refused("DependencyViolation", message)


def _wear_off(account: Account, call: Call) -> None:
    """Let interfaces of deleted load balancers go, each after so many looks."""
    names = {balancer.arn.split("loadbalancer/")[1] for balancer in account.world.balancers()}
    for eni in account.world.interfaces():
        owner = eni.description.removeprefix("ELB ")
        orphan = eni.description.startswith(ELB_INTERFACE) and owner not in names
        if orphan and account.settled(eni.id):
            account.world.drop_interface(eni)


def _group(account: Account, call: Call) -> None:
    group_id = call.get("GroupId")
    used = any(group_id in {g.id for g in eni.group_set} for eni in account.world.interfaces())
    named = any(
        rule.source_group.get("GroupId") == group_id
        for group in account.world.groups()
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )
    if used or named:
        raise _violation(f"resource {group_id} has a dependent object")


def _subnet(account: Account, call: Call) -> None:
    subnet_id = call.get("SubnetId")
    if any(eni.subnet.id == subnet_id for eni in account.world.interfaces()):
        raise _violation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


def _detach(account: Account, call: Call) -> None:
    vpc_id = call.get("VpcId")
    if any(eni.public_ip and eni.vpc_id == vpc_id for eni in account.world.interfaces()):
        raise _violation(
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public "
            "address(es) before detaching the gateway."
        )


def _attach(account: Account, call: Call) -> None:
    vpc_id = call.get("VpcId")
    if any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in account.world.gateways()):
        raise Refused(
            "InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached"
        )


def _vpc(account: Account, call: Call) -> None:
    vpc_id, world = call.get("VpcId"), account.world
    held = [
        any(g.vpc_id == vpc_id and g.name != "default" for g in world.groups()),
        any(subnet.vpc_id == vpc_id for subnet in world.subnets()),
        any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in world.gateways()),
        any(eni.vpc_id == vpc_id for eni in world.interfaces()),
        any(t.vpc_id == vpc_id and not t.main_association_id for t in world.route_tables()),
    ]
    if any(held):
        raise _violation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


def _interface(account: Account, call: Call) -> None:
    for eni in account.world.interfaces():
        if eni.id == call.get("NetworkInterfaceId"):
            if eni.description.startswith(ELB_INTERFACE):
                raise Refused("OperationNotPermitted", "You are not allowed to manage 'ela-attach'")
            if eni.status == "in-use":
                raise Refused(
                    "InvalidParameterValue", f"Network interface '{eni.id}' is currently in use."
                )


def _default_group(account: Account, call: Call) -> None:
    if any(g.id == call.get("GroupId") and g.name == "default" for g in account.world.groups()):
        raise Refused("CannotDelete", "the default group cannot be deleted by a user")


def _subnet_gone(account: Account, call: Call, answer: Answer) -> None:
    account.world.disassociate(call.get("SubnetId"))


LOOKING = (
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet",
    "ec2:DetachInternetGateway",
    "ec2:DeleteVpc",
)
RULES = (
    Rule(actions=LOOKING, before=_wear_off, why="a load balancer's interfaces outlive it"),
    Rule(actions=("ec2:DeleteSecurityGroup",), before=_default_group, why="goes with its VPC"),
    Rule(actions=("ec2:DeleteSecurityGroup",), before=_group, why="an interface or rule needs it"),
    Rule(actions=("ec2:DeleteSubnet",), before=_subnet, why="interfaces are in it"),
    Rule(actions=("ec2:DeleteSubnet",), after=_subnet_gone, why="its associations go with it"),
    Rule(actions=("ec2:DetachInternetGateway",), before=_detach, why="public addresses need it"),
    Rule(actions=("ec2:AttachInternetGateway",), before=_attach, why="a VPC has one at most"),
    Rule(actions=("ec2:DeleteVpc",), before=_vpc, why="moto looks for subnets only"),
    Rule(actions=("ec2:DeleteNetworkInterface",), before=_interface, why="it is AWS's, or in use"),
)
