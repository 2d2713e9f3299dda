"""What was just created is not found everywhere yet: neither by its id nor by its tags."""

from xml.etree import ElementTree as ET

from tests.aws import wire
from tests.aws.account import Account, Rule
from tests.aws.wire import Answer, Call, Refused

NOT_FOUND = {
    "vpc": "InvalidVpcID.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "i": "InvalidInstanceID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
}
"""By how ids begin."""
SETS = {
    "DescribeVpcs": ("vpcSet", "vpcId"),
    "DescribeSubnets": ("subnetSet", "subnetId"),
    "DescribeInternetGateways": ("internetGatewaySet", "internetGatewayId"),
    "DescribeRouteTables": ("routeTableSet", "routeTableId"),
    "DescribeSecurityGroups": ("securityGroupInfo", "groupId"),
    "DescribeNetworkInterfaces": ("networkInterfaceSet", "networkInterfaceId"),
    "DescribeInstances": ("reservationSet", ""),
}
"""Describe calls: the set in their answers, and the id of each item."""


def _not_yet(account: Account, call: Call) -> None:
    for name, value in call.parameters.items():
        # A filter that fits nothing is no error.
        if not name.startswith("Filter.") and account.unknown.get(value):
            account.unknown[value] -= 1
            code = NOT_FOUND[value.partition("-")[0]]
            raise Refused(code, f"The ID '{value}' does not exist")


def _hide(account: Account, call: Call, answer: Answer) -> Answer | None:
    young = {name for name, left in account.unknown.items() if left}
    if call.action not in SETS or not young:
        return None
    set_name, id_name = SETS[call.action]
    kept = []
    for item in wire.children(answer.body, set_name):
        own = {wire.text(item, id_name)} if id_name else _instances(item)
        for name in own & young:
            account.unknown[name] -= 1
        if not own & young:
            kept.append(item)
    return Answer(answer.status, wire.keep(answer.body, set_name, kept, ""))


def _instances(reservation: ET.Element) -> set[str]:
    """Return the ids in a reservation; ours have one each."""
    rows = wire.children(ET.tostring(reservation), "instancesSet")
    return {wire.text(row, "instanceId") for row in rows}


def _note(account: Account, call: Call, answer: Answer) -> None:
    if account.laws.unknown_looks:
        for name in account.world.ids() - account.known:
            if name.partition("-")[0] in NOT_FOUND:
                account.unknown[name] = account.laws.unknown_looks


CREATING = ("ec2:Create*", "ec2:RunInstances")
RULES = (
    Rule(actions=("ec2:*",), before=_not_yet, why="Invalid…NotFound for seconds after a create"),
    Rule(actions=("ec2:Describe*",), after=_hide, why="nor is it in a list, whatever the filter"),
    Rule(actions=CREATING, after=_note, why="what the two rules above are about"),
)
