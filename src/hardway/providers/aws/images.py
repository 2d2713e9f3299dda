"""The image machines start from: looked for once, then the same for every machine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hardway.errors import AwsError, PreflightError
from hardway.providers.aws import names
from hardway.providers.aws.api import Answer, Api
from hardway.spec.aws import Aws
from hardway.text import text

IMAGES = "ec2:DescribeImages"
CANONICAL, DEBIAN = "099720109477", "136693071363"
MACHINES = {"amd64": "x86_64", "arm64": "arm64"}
"""EC2's names of architectures, by Go's."""


@dataclass(frozen=True, slots=True)
class System:
    """Where a system's publisher announces its images; `{arch}` is filled in."""

    parameters: tuple[str, ...]
    """Of SSM; the first that exists."""
    owner: str
    name: str


UBUNTU = "/aws/service/canonical/ubuntu/server/{v}/stable/current/{{arch}}/hvm/ebs-{disk}/ami-id"


def _ubuntu(version: str, release: str) -> System:
    parameters = tuple(UBUNTU.format(v=version, disk=disk) for disk in ("gp3", "gp2"))
    pattern = f"ubuntu/images/hvm-ssd*/ubuntu-{release}-{version}-{{arch}}-server-*"
    return System(parameters, CANONICAL, pattern)


def _debian(version: str) -> System:
    parameter = f"/aws/service/debian/release/{version}/latest/{{arch}}"
    return System((parameter,), DEBIAN, f"debian-{version}-{{arch}}-*")


SYSTEMS: Mapping[str, System] = {
    "ubuntu-24.04": _ubuntu("24.04", "noble"),
    "ubuntu-22.04": _ubuntu("22.04", "jammy"),
    "debian-13": _debian("13"),
    "debian-12": _debian("12"),
}


def architecture_of(instance_type: str) -> str:
    """Return Go's name for an instance type's architecture, from the type's name.

    Graviton's have a g after the generation: t4g, m7gd, c6gn. Preflight compares it with AWS's.
    """
    family = instance_type.partition(".")[0]
    return "arm64" if re.fullmatch(r"[a-z]+\d+[a-z]*g[a-z]*|a1", family) else "amd64"


def pin(aws: Aws, architecture: str) -> str:
    """Return what an image that was chosen is remembered by: what was asked for."""
    return f"{aws.image} {architecture}"


async def choose(api: Api, wanted: str, architecture: str) -> str:
    """Return the newest image of a system for an architecture, or the given one.

    Raises:
        PreflightError: there is none.
    """
    if wanted.startswith("ami-"):
        return wanted
    system = SYSTEMS[wanted]
    for parameter in system.parameters:
        try:
            answer = await api.call("ssm:GetParameter", Name=parameter.format(arch=architecture))
        except AwsError:
            # Not there, or not allowed: the list of images says the same, more slowly.
            continue
        return str(answer["Parameter"]["Value"])
    pattern = system.name.format(arch=architecture)
    found = await api.pages(
        IMAGES,
        "Images",
        Owners=[system.owner],
        Filters=names.filters({"name": pattern, "state": "available"}),
    )
    if not found:
        raise PreflightError(
            [
                text(
                    "aws.image: {owner} has no image {pattern} in {region}",
                    owner=system.owner,
                    pattern=pattern,
                    region=api.region,
                )
            ],
            hint="name another system or image: aws.image",
        )
    newest: Answer = max(found, key=lambda image: str(image["CreationDate"]))
    return str(newest["ImageId"])


async def described(api: Api, ids: frozenset[str]) -> dict[str, Answer]:
    """Return images as AWS describes them, by id; those that do not exist are absent."""
    if not ids:
        return {}
    wanted = names.filters({"image-id": sorted(ids)})
    return {raw["ImageId"]: raw for raw in await api.pages(IMAGES, "Images", Filters=wanted)}
