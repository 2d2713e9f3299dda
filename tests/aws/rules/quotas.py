"""What an account may have at most, and what AWS has run out of."""

from tests.aws.account import Account, Rule
from tests.aws.wire import Call, Refused

COUNTED = {"pending", "running"}


def _vpcs(account: Account, call: Call) -> None:
    if len(account.world.vpcs()) >= account.laws.vpcs:
        raise Refused("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


def _vcpus(account: Account, call: Call) -> None:
    world, limit = account.world, account.laws.vcpus
    used = sum(world.vcpus(i.instance_type) for i in world.instances() if i.state in COUNTED)
    if used + world.vcpus(call.get("InstanceType")) > limit:
        raise Refused(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows "
            "for the instance bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
        )


def _capacity(account: Account, call: Call) -> None:
    kind = call.get("InstanceType")
    subnet = account.world.subnet(call.get("NetworkInterface.1.SubnetId") or call.get("SubnetId"))
    zone = subnet.availability_zone if subnet else ""
    if {kind, f"{kind}/{zone}"} & account.laws.no_capacity:
        raise Refused(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {kind} capacity in the Availability Zone you "
            f"requested ({zone}).",
            500,
        )


def _routes(account: Account, call: Call) -> None:
    tables = [t for t in account.world.route_tables() if t.id == call.get("RouteTableId")]
    if any(len(table.routes) >= account.laws.routes for table in tables):
        raise Refused("RouteLimitExceeded", "The maximum number of routes has been reached.")


def _one_at_a_time(account: Account, call: Call) -> None:
    if (call.get("MinCount"), call.get("MaxCount")) != ("1", "1"):
        account.problems.append(f"{call}: moto starts MinCount instances; ask for one at a time")


RULES = (
    Rule(actions=("ec2:CreateVpc",), before=_vpcs, why="5 VPCs unless one asks for more"),
    Rule(actions=("ec2:RunInstances",), before=_vcpus, why="new accounts may have few vCPUs"),
    Rule(actions=("ec2:RunInstances",), before=_capacity, why="zones run out of instance types"),
    Rule(actions=("ec2:RunInstances",), before=_one_at_a_time, why="not modelled"),
    Rule(actions=("ec2:CreateRoute",), before=_routes, why="each worker needs a route"),
)
