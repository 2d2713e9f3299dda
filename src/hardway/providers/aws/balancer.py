"""The API's endpoint: a network load balancer before the API servers that say they are ready."""

from collections.abc import Mapping, Sequence

from hardway.errors import AwsError, RefusedError
from hardway.model.cluster import API_PORT
from hardway.providers.aws import names
from hardway.providers.aws.api import Answer, Api
from hardway.providers.aws.base import (
    NOT_YET,
    Design,
    Found,
    Ids,
    Kind,
    Row,
    Site,
    Work,
    goes_by_itself,
    gone,
)
from hardway.providers.aws.costs import ADDRESS, BALANCER, CAPACITY, Price
from hardway.text import text

LISTENERS, TARGETS, BALANCERS = (
    f"elasticloadbalancing:Describe{what}"
    for what in ("Listeners", "TargetGroups", "LoadBalancers")
)
HEALTH = {
    "HealthCheckProtocol": "HTTPS",
    "HealthCheckPath": "/readyz",
    "HealthCheckIntervalSeconds": 10,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}
"""Not that the port is open but that the server is ready."""
ATTRIBUTES = {
    # A worker whose own address came back from the balancer would answer itself past it.
    "preserve_client_ip.enabled": "false",
    "deregistration_delay.timeout_seconds": "10",
}
ACROSS = {"load_balancing.cross_zone.enabled": "true"}
OF_BALANCERS = "ELB net/"
"""What the description of a network load balancer's interfaces begins with, before its name."""
OF_BALANCER = "interface of a load balancer"
INSIDE = ("subnet", "security group", "internet gateway")
"""What a load balancer and its interfaces are in."""


async def _named(site: Site, action: str, key: str) -> list[Answer]:
    """Return what bears the cluster's id as its name; AWS lets one of a kind have it.

    Raises:
        RefusedError: it is not ours.
    """
    try:
        raws = await site.api.pages(action, key, Names=[site.id])
    except AwsError as error:
        if error.code.endswith("NotFound"):
            return []
        raise
    arn = key.removesuffix("s") + "Arn"
    for raw in raws:
        if await _role(site, raw[arn]) is None:
            raise RefusedError(
                text(
                    "{arn} has this cluster's name and not its tags: it is not hardway's",
                    arn=raw[arn],
                ),
                hint="see whose it is; hardway does not touch it",
            )
    return raws


async def _role(site: Site, arn: str) -> str | None:
    answer = await site.api.call("elasticloadbalancing:DescribeTags", ResourceArns=[arn])
    return next((names.role_in(raw, site.id) for raw in answer["TagDescriptions"]), None)


def _tags(work: Work, row: Row) -> list[dict[str, str]]:
    design = work.design
    return names.as_list(names.tags(design.id, row.role, design.made_by, design.aws.tags))


def _target_rows(design: Design, ids: Ids) -> list[Row]:
    wanted = {"Protocol": "TCP", "Port": str(API_PORT), "TargetType": "ip",
              "VpcId": ids.get("vpc", NOT_YET)}  # fmt: skip
    members = ", ".join(str(m.address) for m in design.cluster.control_planes)
    return [Row("target-group", wanted, text("target group of {machines}", machines=members))]


async def _find_targets(site: Site) -> list[Found]:
    keys = ("Protocol", "Port", "TargetType", "VpcId", *HEALTH)
    return [
        Found("target-group", raw["TargetGroupArn"], {key: str(raw.get(key, "")) for key in keys})
        for raw in await _named(site, TARGETS, "TargetGroups")
    ]


async def _make_targets(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "elasticloadbalancing:CreateTargetGroup",
        Name=work.design.id,
        Protocol="TCP",
        Port=API_PORT,
        TargetType="ip",
        VpcId=row.first("VpcId"),
        **HEALTH,
        Tags=_tags(work, row),
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])


async def _settle_targets(work: Work, _rows: Sequence[Row]) -> None:
    arn, api = work.ids["target-group"], work.site.api
    seen = {key: value for f in await _find_targets(work.site) for key, value in f.seen.items()}
    if any(seen.get(key) != str(value) for key, value in HEALTH.items()):
        await api.call("elasticloadbalancing:ModifyTargetGroup", TargetGroupArn=arn, **HEALTH)
    await _attributes(api, "TargetGroup", arn, ATTRIBUTES)
    there = await api.call("elasticloadbalancing:DescribeTargetHealth", TargetGroupArn=arn)
    having = {row["Target"]["Id"] for row in there["TargetHealthDescriptions"]}
    addresses = [str(m.address) for m in work.design.cluster.control_planes]
    new = [{"Id": address, "Port": API_PORT} for address in addresses if address not in having]
    if new:
        await api.call("elasticloadbalancing:RegisterTargets", TargetGroupArn=arn, Targets=new)


async def _attributes(api: Api, of: str, arn: str, wanted: Mapping[str, str]) -> None:
    """Set the attributes of a load balancer or target group that are otherwise."""
    which = {f"{of}Arn": arn}
    action = f"elasticloadbalancing:Describe{of}Attributes"
    there = {row["Key"]: row["Value"] for row in (await api.call(action, **which))["Attributes"]}
    new = [{"Key": k, "Value": value} for k, value in wanted.items() if there.get(k) != value]
    if new:
        await api.call(f"elasticloadbalancing:Modify{of}Attributes", Attributes=new, **which)


async def _delete_targets(site: Site, found: Found) -> None:
    await gone(site.api.call("elasticloadbalancing:DeleteTargetGroup", TargetGroupArn=found.id))


TARGET_GROUP = Kind(name="target group", needs=("vpc",), rows=_target_rows, find=_find_targets,
                    make=_make_targets, settle=_settle_targets,
                    delete=_delete_targets)  # fmt: skip


def _balancer_rows(design: Design, ids: Ids) -> list[Row]:
    subnets = sorted(ids.get(f"subnet-{i}", NOT_YET) for i in range(len(design.subnets)))
    wanted = {
        "Scheme": "internet-facing",
        "Type": "network",
        "VpcId": ids.get("vpc", NOT_YET),
        "Subnets": ",".join(subnets),
        "SecurityGroups": ids.get("group-balancer", NOT_YET),
    }
    title = text("network load balancer in 1 zone" if len(subnets) == 1 else
                 "network load balancer in {count} zones", count=len(subnets))  # fmt: skip
    return [Row("balancer", wanted, title)]


def _balancer(raw: Answer) -> Found:
    seen = {
        "Scheme": raw["Scheme"],
        "Type": raw["Type"],
        "VpcId": raw["VpcId"],
        "Subnets": ",".join(sorted(zone["SubnetId"] for zone in raw["AvailabilityZones"])),
        "SecurityGroups": ",".join(raw.get("SecurityGroups") or ()),
        "DNSName": raw["DNSName"],
        "State": raw["State"]["Code"],
    }
    return Found("balancer", raw["LoadBalancerArn"], seen)


async def _find_balancer(site: Site) -> list[Found]:
    return [_balancer(raw) for raw in await _named(site, BALANCERS, "LoadBalancers")]


async def _make_balancer(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "elasticloadbalancing:CreateLoadBalancer",
        Name=work.design.id,
        Type="network",
        Scheme="internet-facing",
        IpAddressType="ipv4",
        Subnets=row.first("Subnets").split(","),
        # One that is made without a group can never get one.
        SecurityGroups=[row.first("SecurityGroups")],
        Tags=_tags(work, row),
    )
    found = _balancer(made["LoadBalancers"][0])
    work.records.saw(found.seen["DNSName"], {})
    return found.id


async def _settle_balancer(work: Work, _rows: Sequence[Row]) -> None:
    await _attributes(work.site.api, "LoadBalancer", work.ids["balancer"], ACROSS)
    if not work.records.endpoint:
        for found in await _find_balancer(work.site):
            work.records.saw(found.seen["DNSName"], {})


async def _delete_balancer(site: Site, found: Found) -> None:
    await gone(site.api.call("elasticloadbalancing:DeleteLoadBalancer", LoadBalancerArn=found.id))


def _balancer_bills(seen: Answer) -> tuple[Price, ...]:
    zones = len(seen["Subnets"].split(","))
    return (Price(BALANCER), Price(CAPACITY, 0, at_most=1), Price(ADDRESS, zones))


BALANCER_KIND = Kind(name="load balancer", needs=(*INSIDE, OF_BALANCER), rows=_balancer_rows,
                     find=_find_balancer, make=_make_balancer,
                     settle=_settle_balancer, delete=_delete_balancer,
                     bills=_balancer_bills)  # fmt: skip


def _listener_rows(design: Design, ids: Ids) -> list[Row]:
    port = str(design.cluster.endpoint.port)
    wanted = {"Port": port, "Protocol": "TCP",
              "TargetGroupArn": ids.get("target-group", NOT_YET)}  # fmt: skip
    return [Row("listener", wanted, text("listener on port {port}", port=port))]


def _listener(raw: Answer) -> Found:
    forwards = [a.get("TargetGroupArn", "") for a in raw["DefaultActions"]]
    seen = {"Port": str(raw["Port"]), "Protocol": raw["Protocol"],
            "TargetGroupArn": ",".join(forwards)}  # fmt: skip
    return Found("listener", raw["ListenerArn"], seen)


async def _find_listeners(site: Site) -> list[Found]:
    found = []
    for balancer in await _find_balancer(site):
        try:
            raws = await site.api.pages(LISTENERS, "Listeners", LoadBalancerArn=balancer.id)
        except AwsError as error:
            if not error.code.endswith("NotFound"):
                raise
            continue
        found += [_listener(raw) for raw in raws if await _role(site, raw["ListenerArn"])]
    return found


async def _make_listener(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "elasticloadbalancing:CreateListener",
        LoadBalancerArn=work.ids["balancer"],
        Protocol="TCP",
        Port=int(row.first("Port")),
        DefaultActions=[{"Type": "forward", "TargetGroupArn": row.first("TargetGroupArn")}],
        Tags=_tags(work, row),
    )
    return str(made["Listeners"][0]["ListenerArn"])


async def _delete_listener(site: Site, found: Found) -> None:
    await gone(site.api.call("elasticloadbalancing:DeleteListener", ListenerArn=found.id))


LISTENER = Kind(name="listener", needs=("load balancer", "target group"), rows=_listener_rows,
                find=_find_listeners, make=_make_listener, delete=_delete_listener)  # fmt: skip


async def _find_interfaces(site: Site) -> list[Found]:
    """Find the interfaces of the cluster's load balancer, which outlive it by minutes."""
    raws = await site.api.pages(
        "ec2:DescribeNetworkInterfaces",
        "NetworkInterfaces",
        Filters=names.filters({"description": f"{OF_BALANCERS}{site.id}/*"}),
    )
    return [
        Found("balancer-interface", raw["NetworkInterfaceId"],
              {"Description": raw.get("Description", "")})
        for raw in raws
    ]  # fmt: skip


INTERFACE = Kind(name=OF_BALANCER, needs=INSIDE, find=_find_interfaces,
                 delete=goes_by_itself)  # fmt: skip
