"""From a spec to a design: what was chosen once is read, what is open is chosen now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hardway.errors import PreflightError
from hardway.model.cluster import Cluster, HostFacts, Role
from hardway.providers.aws import hostkeys, images, preflight, userdata
from hardway.providers.aws.api import Api
from hardway.providers.aws.base import Design, Ids
from hardway.providers.aws.costs import cost
from hardway.providers.aws.images import architecture_of
from hardway.providers.aws.records import Records
from hardway.providers.aws.table import KINDS, Survey
from hardway.providers.aws.whose import Identity
from hardway.providers.base import Cost, ProviderChange
from hardway.spec.aws import Aws
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is decided once in a cluster's life."""

    id: str
    made_by: str
    images: Mapping[str, str]
    zones: tuple[str, ...]


async def images_for(
    api: Api, aws: Aws, pinned: Mapping[str, str], there: Survey
) -> dict[str, str]:
    """Return the image of each architecture: as recorded, as machines have it, or the newest.

    What machines have says nothing if another image was asked for when they were made.
    """
    types = (*aws.types.control_planes, *aws.types.workers)
    used = {architecture_of(f.seen["InstanceType"]): f.seen["ImageId"] for f in there["instance"]}
    known = {} if pinned else used
    return {
        name: pinned.get(images.pin(aws, name))
        or known.get(name)
        or await images.choose(api, aws.image, name)
        for name in sorted({architecture_of(kind) for kind in types})
    }


async def zones_for(api: Api, aws: Aws, pinned: tuple[str, ...], there: Survey) -> tuple[str, ...]:
    """Return the zones: as recorded, as subnets have them, or the first that have the types.

    Raises:
        PreflightError: too few have them.
    """
    if pinned or aws.subnets:
        return pinned
    having = {f.role: f.seen["AvailabilityZone"] for f in there["subnet"]}
    fitting = await preflight.zones_with(api, await preflight.zones_of(api), aws)
    free = [zone for zone in fitting if zone not in having.values()]
    roles = [f"subnet-{i}" for i in range(aws.zones)]
    if len(free) < sum(1 for role in roles if role not in having):
        raise PreflightError(
            [
                text(
                    "aws.types: fewer than {count} zones of {region} have them",
                    count=aws.zones,
                    region=api.region,
                )
            ],
            hint="name other types: aws.types",
        )
    return tuple(having.get(role) or free.pop(0) for role in roles)


async def chosen(
    api: Api, aws: Aws, records: Records | None, who: Identity, there: Survey
) -> Chosen:
    """Return what is on record, or is chosen now; it is on record after it if anything is."""
    pinned = (records.images, records.zones) if records else ({}, ())
    found = Chosen(
        records.id if records else "not-made-yet",
        who.tag,
        await images_for(api, aws, pinned[0], there),
        await zones_for(api, aws, pinned[1], there),
    )
    if records:
        pins = {images.pin(aws, name): image for name, image in found.images.items()}
        records.choose(pins, found.zones)
    return found


async def design(api: Api, cluster: Cluster, aws: Aws, chosen: Chosen, keys: Path) -> Design:
    """Return all that decides what has to be on AWS."""
    found = await images.described(api, frozenset(chosen.images.values()))
    operator = keys / "operator.pub"
    data = {}
    for machine in cluster.machines:
        pair = hostkeys.first(keys, machine.name)
        if pair is not None:
            data[machine.name] = userdata.render(machine, operator.read_bytes(), *pair)
    return Design(
        cluster=cluster,
        aws=aws,
        id=chosen.id,
        made_by=chosen.made_by,
        zones=chosen.zones,
        images=chosen.images,
        root_devices={image: raw["RootDeviceName"] for image, raw in found.items()},
        public_key=operator.read_text() if operator.exists() else "",
        user_data=data,
    )


def missing(design: Design, there: Survey) -> tuple[ProviderChange, ...]:
    """Return what is wanted and not there."""
    ids: Ids = {found.role: found.id for things in there.values() for found in things}
    addresses = {f"address/{f.role}": f.seen["PublicIpAddress"] for f in there["instance"]}
    return tuple(
        ProviderChange(kind.name, row.title)
        for kind in KINDS
        for row in kind.rows(design, {**ids, **addresses})
        if not row.shared and row.role not in {found.role for found in there[kind.name]}
    )


def whole(design: Design) -> Cost:
    """Return what all that is wanted costs."""
    region = design.aws.region or ""
    return cost(
        (p for kind in KINDS for row in kind.rows(design, {}) for p in kind.bills(row.wanted)),
        region,
    )


def expected(cluster: Cluster, aws: Aws) -> dict[str, HostFacts]:
    """Return what instances that are not made yet will be like."""
    types = {Role.CONTROL_PLANE: aws.types.control_planes, Role.WORKER: aws.types.workers}
    return {
        m.name: replace(EXPECTED, architecture=architecture_of(types[m.role][0]))
        for m in cluster.machines
    }


EXPECTED = HostFacts(
    architecture="amd64",
    interface="ens5",
    mtu=9001,
    cpus=2,
    memory_bytes=2 << 30,
    cgroup="v2",
    nameservers=("169.254.169.253",),
    resolv_conf="/run/systemd/resolve/resolv.conf",
    shared=False,
    swap=False,
    capped_oom=False,
)
"""Of an instance that is not made yet; only plans show what follows from it."""
