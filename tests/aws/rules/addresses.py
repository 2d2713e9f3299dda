"""Addresses of instances, private and public, and what moto forgets of their interfaces."""

from ipaddress import IPv4Address

from tests.aws.account import Account, Rule
from tests.aws.wire import Answer, Call, Refused

RESERVED = 4
"""Addresses at the beginning of each subnet that are AWS's own; the last one is too."""
INTERFACE = "NetworkInterface.1."


def _asked(call: Call) -> tuple[str, str]:
    """Return the subnet and private address that RunInstances asks for."""
    subnet = call.get(f"{INTERFACE}SubnetId") or call.get("SubnetId")
    return subnet, call.get(f"{INTERFACE}PrivateIpAddress") or call.get("PrivateIpAddress")


def _free(account: Account, call: Call) -> None:
    subnet_id, address = _asked(call)
    subnet = account.world.subnet(subnet_id)
    if subnet is None or not address:
        return
    own = [*list(subnet.cidr.hosts())[: RESERVED - 1], subnet.cidr[0], subnet.cidr[-1]]
    if IPv4Address(address) not in subnet.cidr:
        raise Refused("InvalidParameterValue", "Address does not fall within the subnet's range")
    if IPv4Address(address) in own:
        raise Refused("InvalidParameterValue", f"Address {address} is in subnet's reserved range")
    if address in account.world.used_addresses(subnet_id):
        raise Refused("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _complete(account: Account, call: Call, answer: Answer) -> None:
    for instance in account.world.instances():
        if instance.id in account.known:
            continue
        for eni in account.world.interfaces_of_instance(instance):
            if call.get(f"{INTERFACE}DeleteOnTermination") != "false":
                eni.delete_on_termination = True
            eni.add_tags(call.tags("network-interface"))
            if eni.public_ip:
                eni.public_ip = account.public_address()
            instance.security_groups = list(eni._group_set)


def _source_check(account: Account, call: Call, answer: Answer) -> None:
    instance = account.world.instance(call.get("InstanceId"))
    if instance and call.get("SourceDestCheck.Value"):
        for eni in account.world.interfaces_of_instance(instance):
            eni.source_dest_check = call.get("SourceDestCheck.Value") == "true"


def _other_public_address(account: Account, call: Call, answer: Answer) -> None:
    for instance_id in call.listed("InstanceId"):
        instance = account.world.instance(instance_id)
        for eni in account.world.interfaces_of_instance(instance) if instance else []:
            if eni.public_ip:
                eni.public_ip = account.public_address()


RULES = (
    Rule(actions=("ec2:RunInstances",), before=_free, why="moto fails, or gives AWS's own away"),
    Rule(actions=("ec2:RunInstances",), after=_complete, why="moto drops tags, groups, defaults"),
    Rule(actions=("ec2:StartInstances",), after=_other_public_address, why="a new one each start"),
    Rule(
        actions=("ec2:ModifyInstanceAttribute",),
        after=_source_check,
        why="moto changes the instance and not its interface",
    ),
)
