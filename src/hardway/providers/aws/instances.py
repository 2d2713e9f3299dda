"""The machines: key pair, instances with fixed addresses, and disks that were left."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

from hardway.errors import AwsError, ProviderError
from hardway.providers.aws import launch, names
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
    specification,
    tagged,
)
from hardway.providers.aws.costs import ADDRESS, DISK, Price
from hardway.providers.aws.groups import group_of
from hardway.providers.aws.images import architecture_of
from hardway.text import text
from hardway.transport.base import poll_until

INSTANCES = "ec2:DescribeInstances"
ALIVE = ("pending", "running", "stopping", "stopped", "shutting-down")


def _key_rows(design: Design, _ids: Ids) -> list[Row]:
    key = " ".join(design.public_key.split()[:2])
    title = text("key pair (public key only)")
    return [Row("key-pair", {"KeyName": design.id, "PublicKey": key}, title)]


def _key(role: str, raw: Answer) -> Found:
    key = " ".join(raw.get("PublicKey", "").split()[:2])
    return Found(role, raw["KeyPairId"], {"KeyName": raw["KeyName"], "PublicKey": key})


async def _find_keys(site: Site) -> list[Found]:
    raws = await site.api.pages(
        "ec2:DescribeKeyPairs",
        "KeyPairs",
        Filters=names.of_cluster(site.id),
        IncludePublicKey=True,
    )
    return [_key(role, raw) for raw in raws if (role := names.role_in(raw, site.id))]


async def _make_key(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "ec2:ImportKeyPair",
        KeyName=row.first("KeyName"),
        PublicKeyMaterial=work.design.public_key.encode(),
        TagSpecifications=specification(work.design, row.role, "key-pair"),
    )
    return str(made["KeyPairId"])


async def _delete_key(site: Site, found: Found) -> None:
    await gone(site.api.call("ec2:DeleteKeyPair", KeyName=found.seen["KeyName"]))


KEY_PAIR = Kind(name="key pair", rows=_key_rows, find=_find_keys, make=_make_key,
                delete=_delete_key)  # fmt: skip


def _rows(design: Design, ids: Ids) -> list[Row]:
    rows = []
    for machine in design.cluster.machines:
        zone = design.zone_of(machine)
        kinds = design.types_for(machine)
        wanted: dict[str, str | tuple[str, ...]] = {
            "InstanceType": kinds,
            "ImageId": tuple(dict.fromkeys(design.images[architecture_of(k)] for k in kinds)),
            "PrivateIpAddress": str(machine.address),
            "SubnetId": ids.get(f"subnet-{zone}", NOT_YET),
            "Groups": ids.get(group_of(machine.role), NOT_YET),
            "KeyName": design.id,
            "HttpTokens": "required",
        }
        where = design.zones[zone] if zone < len(design.zones) else text("your subnet")
        title = text("{machine}: {type} at {address} in {where}", machine=machine.name,
                     type=kinds[0], address=machine.address, where=where)  # fmt: skip
        rows.append(Row(machine.name, wanted, title))
    return rows


def _instance(role: str, raw: Answer) -> Found:
    state = raw["State"]["Name"]
    # Of groups given to an interface, the instance itself may show none.
    interfaces = raw.get("NetworkInterfaces", ())
    groups = sorted({g["GroupId"] for i in interfaces for g in i.get("Groups", ())})
    seen = {
        "State": state,
        "InstanceType": raw["InstanceType"],
        "ImageId": raw["ImageId"],
        "PrivateIpAddress": raw.get("PrivateIpAddress", ""),
        "PublicIpAddress": raw.get("PublicIpAddress", ""),
        "SubnetId": raw.get("SubnetId", ""),
        "Groups": ",".join(groups),
        "KeyName": raw.get("KeyName", ""),
        "HttpTokens": raw.get("MetadataOptions", {}).get("HttpTokens", ""),
        "SourceDestCheck": str(raw.get("SourceDestCheck", True)),
        "Why": raw.get("StateReason", {}).get("Message", ""),
    }
    return Found(role, raw["InstanceId"], seen, leaving=state == "shutting-down")


async def find(site: Site) -> list[Found]:
    """Find the instances of a cluster that are not terminated."""
    wanted = [*names.of_cluster(site.id), *names.filters({"instance-state-name": ALIVE})]
    found = []
    for reservation in await site.api.pages(INSTANCES, "Reservations", Filters=wanted):
        for raw in reservation["Instances"]:
            role = names.role_in(raw, site.id)
            if role is not None and raw["State"]["Name"] in ALIVE:
                found.append(_instance(role, raw))
    return found


async def described(api: Api, ids: Mapping[str, str]) -> dict[str, Found]:
    """Return instances by machine, also terminated ones; those AWS does not show yet are absent."""
    roles = {instance: role for role, instance in ids.items()}
    wanted = names.filters({"instance-id": roles})
    try:
        raws = await api.pages(INSTANCES, "Reservations", Filters=wanted)
    except AwsError as error:
        if not error.code.endswith("NotFound"):
            raise
        return {}
    rows = [raw for reservation in raws for raw in reservation["Instances"]]
    return {roles[raw["InstanceId"]]: _instance(roles[raw["InstanceId"]], raw) for raw in rows}


async def wait_until(api: Api, ids: Mapping[str, str], state: str) -> dict[str, Found]:
    """Wait until all these instances are in a state; return them.

    Raises:
        ProviderError: one is gone instead, or it takes too long.
    """

    async def look() -> dict[str, Found]:
        seen = await described(api, ids)
        for role, found in seen.items():
            if found.seen["State"] in {"shutting-down", "terminated"} and state != "terminated":
                raise ProviderError(
                    text("{machine} ({id}) is {state}: {why}", machine=role, id=found.id,
                         state=found.seen["State"], why=found.seen["Why"]),
                    hint="hardway up makes another one",
                )  # fmt: skip
        return seen

    def there(seen: dict[str, Found]) -> bool:
        return len(seen) == len(ids) and all(f.seen["State"] == state for f in seen.values())

    timing = api.timing
    seen = await poll_until(look, there, deadline_s=timing.running_s, interval_s=timing.poll_s)
    if not there(seen):
        late = ", ".join(sorted(r for r in ids if r not in seen or seen[r].seen["State"] != state))
        raise ProviderError(
            text("not {state} after {seconds:.0f} s: {machines}",
                 state=state, seconds=timing.running_s, machines=late),
            hint="see the instances' status checks in AWS's console, then: hardway up",
        )  # fmt: skip
    return seen


async def _settle(work: Work, _rows: Sequence[Row]) -> None:
    """Start what stands still, wait until all run, and let each pass on others' packets."""
    api = work.site.api
    ids = {m.name: work.ids[m.name] for m in work.design.cluster.machines}
    began = monotonic()
    seen = await described(api, ids)
    await asyncio.gather(
        *(start(api, f) for f in seen.values() if f.seen["State"] in {"stopping", "stopped"})
    )
    if any(f.seen["State"] != "running" for f in seen.values()) or len(seen) < len(ids):
        work.progress("", text("waiting for the instances to run"))
        seen = await wait_until(api, ids, "running")
        work.progress("", text("all {count} instances run after {seconds:.0f} s",
                               count=len(ids), seconds=monotonic() - began))  # fmt: skip
    work.ids.update({f"address/{role}": f.seen["PublicIpAddress"] for role, f in seen.items()})
    work.records.saw("", {role: f.seen["PublicIpAddress"] for role, f in seen.items()})
    await _pass_on(api, seen)


async def _pass_on(api: Api, there: Mapping[str, Found]) -> None:
    """Switch the source/destination check off, and look whether it is.

    Raises:
        ProviderError: AWS says that it still is on: no packet of a pod would pass.
    """
    checking = {role: f.id for role, f in there.items() if f.seen["SourceDestCheck"] == "True"}
    if not checking:
        return
    off = {"Value": False}
    await asyncio.gather(
        *(
            api.call("ec2:ModifyInstanceAttribute", InstanceId=instance, SourceDestCheck=off)
            for instance in checking.values()
        )
    )

    async def still() -> list[str]:
        seen = await described(api, checking)
        return [role for role, found in seen.items() if found.seen["SourceDestCheck"] == "True"]

    timing = api.timing
    left = await poll_until(
        still, lambda roles: not roles, deadline_s=timing.consistency_s, interval_s=timing.poll_s
    )
    if left:
        raise ProviderError(
            text("the source/destination check is still on: {machines}; AWS drops pods' packets",
                 machines=", ".join(left)),
            hint="hardway up",
        )  # fmt: skip


async def start(api: Api, found: Found) -> None:
    """Start an instance that is stopped, or is about to be."""
    if found.seen["State"] == "stopping":
        await wait_until(api, {found.role: found.id}, "stopped")
    await api.call("ec2:StartInstances", InstanceIds=[found.id])


async def _terminate(site: Site, found: Found) -> None:
    if not found.leaving:
        await gone(site.api.call("ec2:TerminateInstances", InstanceIds=[found.id]))


def _bills(seen: Mapping[str, str | tuple[str, ...]]) -> tuple[Price, ...]:
    kind = seen["InstanceType"]
    # One that is stopped costs its disk only, which is a row of its own.
    if seen.get("State", "running") in {"stopping", "stopped", "shutting-down"}:
        return ()
    return (Price(kind if isinstance(kind, str) else kind[0]), Price(ADDRESS))


INSTANCE = Kind(name="instance", needs=("subnet", "security group", "internet gateway"),
                rows=_rows, find=find, make=launch.run, delete=_terminate,
                bills=_bills, idempotent=True)  # fmt: skip


async def _none(_site: Site) -> list[Found]:
    return []


RUNNING = Kind(name="running instance", find=_none, settle=_settle,
               delete=goes_by_itself)  # fmt: skip
"""Not a thing: that the instances, which were asked for before, do run."""


def _disk_rows(design: Design, _ids: Ids) -> list[Row]:
    size = str(design.aws.disk_gib)
    return [
        Row(
            f"{machine.name} disk",
            {"Size": size},
            text("disk of {machine}: {size} GiB gp3, encrypted", machine=machine.name, size=size),
        )
        for machine in design.cluster.machines
    ]


def _disk(role: str, raw: Answer) -> Found:
    seen = {"Size": str(raw["Size"]), "State": raw["State"]}
    return Found(f"{role} disk", raw["VolumeId"], seen, held=raw["State"] != "available")


async def _find_disks(site: Site) -> list[Found]:
    return await tagged(site, "ec2:DescribeVolumes", "Volumes", _disk)


async def _delete_disk(site: Site, found: Found) -> None:
    """Delete a disk that its instance left behind."""
    await gone(site.api.call("ec2:DeleteVolume", VolumeId=found.id))


DISK_KIND = Kind(name="disk", rows=_disk_rows, find=_find_disks, delete=_delete_disk,
                 bills=lambda seen: (Price(DISK, float(str(seen["Size"]))),))  # fmt: skip
