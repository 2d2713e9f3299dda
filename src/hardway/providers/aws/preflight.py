"""What an account must have and allow before the first thing is made in it. Reads only."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardway.errors import AwsError, PreflightError
from hardway.model.cluster import Cluster
from hardway.providers.aws import groups, images, names, routes, userdata, whose
from hardway.providers.aws.api import Answer, Api
from hardway.providers.aws.base import Design
from hardway.providers.aws.images import MACHINES, architecture_of
from hardway.providers.aws.records import Records
from hardway.providers.aws.refusals import BY_CODE, POLICY
from hardway.providers.aws.table import Survey
from hardway.spec.aws import Aws
from hardway.text import text

VPCS, CORES = ("vpc", "L-F678F1CE", "VPCs"), ("ec2", "L-1216C47A", "virtual cores")
STANDARD = re.compile(r"[acdhimrtz]\d")
"""Families of instance types whose cores are counted together."""
ALIVE = ("pending", "running")
DENIED = BY_CODE["UnauthorizedOperation"]


@dataclass(frozen=True, slots=True)
class Question:
    """A cluster that is to be, and what of it is there."""

    api: Api
    cluster: Cluster
    aws: Aws
    records: Records | None
    there: Survey

    @property
    def types(self) -> tuple[str, ...]:
        """All instance types that may be used."""
        return (*self.aws.types.control_planes, *self.aws.types.workers)

    @property
    def missing(self) -> list[str]:
        """The preferred type of each machine that is not there yet."""
        there = {found.role for found in self.there.get("instance", []) if not found.leaving}
        workers = {m.name for m in self.cluster.workers}
        types = self.aws.types
        return [
            (types.workers if m.name in workers else types.control_planes)[0]
            for m in self.cluster.machines
            if m.name not in there
        ]


async def check(question: Question) -> None:
    """Look for all that stands in the way, at once.

    Raises:
        PreflightError: with everything that was found.
    """
    checks = (_clash, _offered, _vpc_quota, _core_quota, _image, _allowed, _shared_vpc)
    found = await asyncio.gather(*(ask(question) for ask in checks))
    problems = [*(line for lines in found for line in lines)]
    if problems:
        denied = any(DENIED.says[:20] in line for line in problems)
        raise PreflightError(problems, hint=POLICY if denied else "fix these, then: hardway up")


async def _clash(q: Question) -> list[str]:
    """Look for a cluster of the same name whose folder is not here."""
    if q.records is not None:
        return []
    others = [cluster.id for cluster in await whose.clusters(q.api, q.cluster.name)]
    return [
        text("{id} is in the account already, and this folder knows nothing of it: take another "
             "name, or, if it is yours: hardway aws adopt {id}", id=id_)
        for id_ in others
    ]  # fmt: skip


async def _offered(q: Question) -> list[str]:
    """Look whether the zones are there and have the types, of which AWS says what they are."""
    zones = await zones_of(q.api)
    lines: list[str] = [
        text("aws.zoneNames: {region} has no zone {zone}; it has {zones}",
             region=q.api.region, zone=name, zones=", ".join(zones))
        for name in q.aws.zone_names if name not in zones
    ]  # fmt: skip
    if lines or q.aws.subnets:
        return lines
    fitting = await zones_with(q.api, zones, q.aws)
    if len(fitting) < q.aws.zones:
        lines.append(text(
            "aws.types: the cluster needs {count} zones, and {fitting} of {zones} have them: "
            "{list}", count=q.aws.zones, fitting=len(fitting), zones=", ".join(zones),
            list=", ".join(fitting) or text("none"),
        ))  # fmt: skip
    return lines


async def zones_of(api: Api) -> list[str]:
    """Return the names of the region's zones that are open to the account."""
    wanted = names.filters({"state": "available", "zone-type": "availability-zone"})
    raws = await api.pages("ec2:DescribeAvailabilityZones", "AvailabilityZones", Filters=wanted)
    return sorted(raw["ZoneName"] for raw in raws)


async def zones_with(api: Api, zones: Iterable[str], aws: Aws) -> list[str]:
    """Return the zones that offer a type for each role; the named ones where some are named."""
    types = {*aws.types.control_planes, *aws.types.workers}
    raws = await api.pages(
        "ec2:DescribeInstanceTypeOfferings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=names.filters({"instance-type": sorted(types)}),
    )
    having: dict[str, set[str]] = {}
    for raw in raws:
        having.setdefault(raw["Location"], set()).add(raw["InstanceType"])
    roles = (set(aws.types.control_planes), set(aws.types.workers))
    return [
        zone for zone in aws.zone_names or zones
        if all(role & having.get(zone, set()) for role in roles)
    ]  # fmt: skip


async def _described(q: Question) -> dict[str, Answer]:
    try:
        raws = await q.api.pages(
            "ec2:DescribeInstanceTypes", "InstanceTypes", InstanceTypes=sorted(set(q.types))
        )
    except AwsError as error:
        if error.code != "InvalidInstanceType":
            raise
        return {}
    return {raw["InstanceType"]: raw for raw in raws}


async def _core_quota(q: Question) -> list[str]:
    """Compare the cores the cluster adds with what the account may still have."""
    described = await _described(q)
    if not described:
        types = ", ".join(sorted(set(q.types)))
        return [text("aws.types: AWS does not know all of {types}", types=types)]
    lines = [*_architectures(described)]
    allowed = await _quota(q.api, *CORES[:2])
    if allowed is None:
        return lines
    wanted = names.filters({"instance-state-name": ALIVE})
    raws = await q.api.pages("ec2:DescribeInstances", "Reservations", Filters=wanted)
    running = [i for reservation in raws for i in reservation["Instances"]]
    used = sum(_cores(i) for i in running if STANDARD.match(i["InstanceType"]))
    more = sum(described[kind]["VCpuInfo"]["DefaultVCpus"] for kind in q.missing)
    if used + more > allowed:
        lines.append(text(
            "the cluster needs {more} more virtual cores, and {used} are in use, of {allowed:.0f} "
            "in {region} (quota {quota}); ask for more in Service Quotas",
            more=more, used=used, allowed=allowed, region=q.api.region, quota=CORES[1],
        ))  # fmt: skip
    return lines


def _cores(instance: Answer) -> int:
    options = instance.get("CpuOptions") or {"CoreCount": 1, "ThreadsPerCore": 2}
    return int(options["CoreCount"]) * int(options["ThreadsPerCore"])


def _architectures(described: dict[str, Answer]) -> Iterator[str]:
    for kind, raw in described.items():
        wanted = MACHINES[architecture_of(kind)]
        if wanted not in raw["ProcessorInfo"]["SupportedArchitectures"]:
            yield text("aws.types: {type} is not {architecture}, as its name says",
                       type=kind, architecture=wanted)  # fmt: skip


async def _vpc_quota(q: Question) -> list[str]:
    if q.aws.vpc or q.there.get("vpc"):
        return []
    allowed = await _quota(q.api, *VPCS[:2])
    used = len(await q.api.pages("ec2:DescribeVpcs", "Vpcs"))
    if allowed is None or used < allowed:
        return []
    return [
        text("{used} VPCs of {allowed:.0f} in {region} are in use (quota {quota}): remove one, ask "
             "for more in Service Quotas, or share one (aws.vpc)",
             used=used, allowed=allowed, region=q.api.region, quota=VPCS[1])
    ]  # fmt: skip


async def _quota(api: Api, service: str, code: str) -> float | None:
    try:
        answer = await api.call(
            "servicequotas:GetServiceQuota", ServiceCode=service, QuotaCode=code
        )
    except AwsError:
        # Not every account is shown its quotas; then AWS says it when it is too much.
        return None
    return float(answer["Quota"]["Value"])


async def _image(q: Question) -> list[str]:
    """Look whether there is an image for each architecture, and of that architecture."""
    lines: list[str] = []
    for architecture in sorted({architecture_of(kind) for kind in q.types}):
        pinned = q.records.images.get(images.pin(q.aws, architecture)) if q.records else None
        try:
            image = pinned or await images.choose(q.api, q.aws.image, architecture)
        except PreflightError as error:
            lines += error.problems
            continue
        raw = (await images.described(q.api, frozenset({image}))).get(image)
        if raw is None:
            lines.append(text("aws.image: there is no {image} in {region}",
                              image=image, region=q.api.region))  # fmt: skip
        elif raw["Architecture"] != MACHINES[architecture]:
            lines.append(text(
                "aws.image: {image} is for {architecture}, and aws.types has types for {wanted}",
                image=image, architecture=raw["Architecture"], wanted=MACHINES[architecture],
            ))  # fmt: skip
    return lines


async def _shared_vpc(q: Question) -> list[str]:
    if q.aws.vpc is None:
        return []
    wanted = names.filters({"vpc-id": q.aws.vpc})
    raws = await q.api.pages("ec2:DescribeVpcs", "Vpcs", Filters=wanted)
    if not raws:
        return [text("aws.vpc: there is no {vpc} in {region}", vpc=q.aws.vpc, region=q.api.region)]
    ranges = [b["CidrBlock"] for b in raws[0].get("CidrBlockAssociationSet", ())]
    ranges = ranges or [raws[0]["CidrBlock"]]
    lines: list[str] = []
    if not _within(q, ranges):
        lines.append(text("network.nodes: {range} is not within {vpc}: {ranges}",
                          range=q.cluster.node_cidr, vpc=q.aws.vpc, ranges=", ".join(ranges))
                     )  # fmt: skip
    wanted = names.filters({"attachment.vpc-id": q.aws.vpc})
    gateways = await q.api.pages("ec2:DescribeInternetGateways", "InternetGateways", Filters=wanted)
    if not gateways:
        lines.append(text("aws.vpc: {vpc} has no internet gateway; machines need a way out",
                          vpc=q.aws.vpc))  # fmt: skip
    return lines


def _within(q: Question, ranges: Iterable[str]) -> bool:
    return any(q.cluster.node_cidr.subnet_of(type(q.cluster.node_cidr)(r)) for r in ranges)


async def _allowed(q: Question) -> list[str]:
    """Ask AWS whether it would do the first things of a kind, without doing them."""
    if not q.missing:
        return []
    kind = q.types[0]
    try:
        image = await images.choose(q.api, q.aws.image, architecture_of(kind))
    except PreflightError:
        return []  # said by the check of images
    tags = names.as_list(names.tags(f"{q.cluster.name}-000000", "dry-run", "dry-run", {}))
    tries: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
        "ec2:CreateVpc": ({"CidrBlock": str(q.cluster.node_cidr)}, ("vpc",)),
        "ec2:CreateInternetGateway": ({}, ("internet-gateway",)),
        "ec2:RunInstances": (
            {"ImageId": image, "InstanceType": kind, "MinCount": 1, "MaxCount": 1},
            ("instance", "volume", "network-interface"),
        ),
    }
    if q.aws.vpc:
        del tries["ec2:CreateVpc"], tries["ec2:CreateInternetGateway"]

    async def attempt(action: str) -> str | None:
        parameters, kinds = tries[action]
        specs = [{"ResourceType": k, "Tags": tags} for k in kinds]
        try:
            await q.api.call(action, DryRun=True, TagSpecifications=specs, **parameters)
        except AwsError as error:
            # All but a denial is found by other checks, or said when it is meant.
            return error.message if BY_CODE.get(error.code) is DENIED else None
        return None

    return [line for line in await asyncio.gather(*map(attempt, tries)) if line]


def limits(design: Design) -> list[str]:
    """Return what AWS would not take of a design; nothing is asked for that."""
    lost = sorted(set(design.images.values()) - set(design.root_devices))
    # Machines that run do not need their image any more.
    lines: list[str] = [
        text("aws.image: {image} is missing", image=image) for image in lost if design.user_data
    ]
    if routes.count(design) > routes.LIMIT:
        lines.append(text(
            "machines.workers: {workers} need {routes} routes (one for each worker's pods), and a "
            "route table has {most}", workers=len(design.cluster.workers),
            routes=routes.count(design), most=routes.LIMIT,
        ))  # fmt: skip
    if groups.count(design) > groups.LIMIT:
        lines.append(text(
            "{count} rules are more than the {most} a security group has: take fewer aws.operators "
            "or workers", count=groups.count(design), most=groups.LIMIT,
        ))  # fmt: skip
    for name, data in design.user_data.items():
        if len(data.encode()) > userdata.LARGEST_BYTES:
            lines.append(text("{machine}: {size} bytes of user data, AWS takes {most}",
                              machine=name, size=len(data.encode()), most=userdata.LARGEST_BYTES)
                         )  # fmt: skip
    return lines
