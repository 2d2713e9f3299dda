"""The section `aws` of hardway.yaml: where in AWS machines are made, of which kind, for whom."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field

from hardway.spec.part import Part, Range
from hardway.text import Text, text

TYPE = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"
IMAGES = ("ubuntu-24.04", "ubuntu-22.04", "debian-13", "debian-12")
"""Systems whose newest image is looked for; see providers/aws/images.py."""
IMAGE = f"^({'|'.join(IMAGES).replace('.', '[.]')}|ami-[0-9a-f]{{8,17}})$"
OURS = ("hardway.dev/", "aws:", "Name")
"""Beginnings of tag keys that are not the user's to set."""

LARGEST_SHARED = 22
"""Smaller ranges than a /22 have no room for three /24 beside the first."""

WHO = text(
    "is needed with provider aws: the public address you come from, as AWS sees it, with /32; only "
    "it may reach SSH and the API. hardway asks no outside service for it"
)

InstanceType = Annotated[str, Field(pattern=TYPE)]
Place = tuple[str | int, ...]


class Types(Part):
    """Instance types by role; where AWS has none left of the first, the next one is tried."""

    control_planes: tuple[InstanceType, ...] = Field(
        ("t3.medium",), min_length=1, description="etcd and the API want 4 GiB."
    )
    workers: tuple[InstanceType, ...] = Field(
        ("t3.small",), min_length=1, description="What pods may have."
    )


class SharedSubnet(Part):
    """A subnet that exists already; hardway puts machines there and changes nothing of it."""

    id: str = Field(pattern=r"^subnet-[0-9a-f]{8,17}$", description="Its id.")
    cidr: Range = Field(description="Its range, from which machines get their addresses.")


class Aws(Part):
    """Where in AWS, of what, and who may reach it."""

    region: str | None = Field(
        None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="For example ap-northeast-2."
    )
    profile: str | None = Field(
        None, description="Of ~/.aws/config; without one the credentials boto3 finds."
    )
    operators: tuple[Range, ...] = Field(
        (), description="Addresses from which SSH and the API may be reached, as AWS sees them: "
        "your own with /32. hardway asks nobody for it.",
    )  # fmt: skip
    zones: int = Field(1, ge=1, le=3, description="Availability zones; 3 outlive the loss of one.")
    zone_names: tuple[str, ...] = Field((), description="Which ones; without them the first.")
    types: Types = Field(Types(), description="Instance types by role.")
    disk_gib: int = Field(20, ge=8, le=16384, description="Each machine's disk (gp3, encrypted).")
    image: str = Field(
        "ubuntu-24.04", pattern=IMAGE,
        description=f"{', '.join(IMAGES)}, or the id of an image of one of these (ami-...).",
    )  # fmt: skip
    vpc: str | None = Field(
        None, pattern=r"^vpc-[0-9a-f]{8,17}$",
        description="A VPC that exists already and has an internet gateway; nothing of it is "
        "changed. network.nodes is then the part of it that is hardway's.",
    )  # fmt: skip
    subnets: tuple[SharedSubnet, ...] = Field(
        (), description="Subnets of that VPC, one for each zone, instead of own ones."
    )
    tags: dict[str, str] = Field({}, description="Put on everything, beside hardway's own.")


def subnets(aws: Aws, nodes: IPv4Network) -> tuple[IPv4Network, ...]:
    """Return the ranges machines get addresses from, one for each zone."""
    if aws.subnets:
        return tuple(subnet.cidr for subnet in aws.subnets)
    if nodes.prefixlen > LARGEST_SHARED:
        return (nodes,)
    # The first /24 stays free, as in the tutorial: 10.0.1.0/24 and the following.
    return tuple(list(nodes.subnets(new_prefix=24))[1 : 1 + aws.zones])


def problems(aws: Aws, nodes: IPv4Network) -> Iterator[tuple[Place, Text]]:
    """Yield what is wrong with the section as a whole, each with its place."""
    if aws.region is None:
        yield ("aws", "region"), text("is needed with provider aws, for example ap-northeast-2")
    if not aws.operators:
        yield ("aws", "operators"), WHO
    if IPv4Network("0.0.0.0/0") in aws.operators:
        everybody = text("0.0.0.0/0 is everybody; name the addresses you come from")
        yield ("aws", "operators"), everybody
    if aws.zone_names and len(set(aws.zone_names)) != aws.zones:
        zones = text("must name {zones} zones, as aws.zones says", zones=aws.zones)
        yield ("aws", "zoneNames"), zones
    yield from _subnet_problems(aws, nodes)
    for key in aws.tags:
        if key.startswith(OURS):
            ours = text("{key} is not yours to set: hardway finds things again by such tags",
                        key=key)  # fmt: skip
            yield ("aws", "tags"), ours


def _subnet_problems(aws: Aws, nodes: IPv4Network) -> Iterator[tuple[Place, Text]]:
    at = ("aws", "subnets")
    if aws.subnets and aws.vpc is None:
        yield at, text("are of which VPC? aws.vpc is needed with them")
    if aws.subnets and len(aws.subnets) != aws.zones:
        yield at, text("one for each of the {zones} zones is needed", zones=aws.zones)
    for subnet in aws.subnets:
        if not subnet.cidr.subnet_of(nodes):
            outside = text("{cidr} is not within network.nodes {nodes}", cidr=subnet.cidr,
                           nodes=nodes)  # fmt: skip
            yield at, outside
    if not aws.subnets and len(subnets(aws, nodes)) != aws.zones:
        narrow = text("{nodes} has no room for {zones} subnets; a /22 has", nodes=nodes,
                      zones=aws.zones)  # fmt: skip
        yield ("network", "nodes"), narrow
