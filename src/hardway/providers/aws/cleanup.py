"""Removing a cluster from AWS: found by tags alone, in order of what needs what, proved gone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from hardway.errors import AwsError, ProviderError
from hardway.providers.aws import names
from hardway.providers.aws.base import Found, Kind, Site, goes_by_itself
from hardway.providers.aws.costs import cost
from hardway.providers.aws.records import Records
from hardway.providers.aws.table import KINDS, Survey, survey, total
from hardway.providers.base import Progress
from hardway.text import joined, text
from hardway.transport.base import poll_until

IN_USE = frozenset({"DependencyViolation", "ResourceInUse", "InvalidGroup.InUse", "VolumeInUse"})
"""Something else has to go first; AWS forgets that only some time after it is gone."""

SHOWN = 6


@dataclass(slots=True)
class Removal:
    """What a removal has met with so far."""

    refused: dict[str, AwsError] = field(default_factory=dict)
    """By id: what AWS does not let go, whatever else goes."""
    blocked: dict[str, str] = field(default_factory=dict)
    """By id: what AWS said last about a thing that is still in use."""
    seen: set[str] = field(default_factory=set)
    """Roles of all that was found at any time."""


async def remove(site: Site, records: Records | None, progress: Progress) -> None:
    """Delete all that bears a cluster's tags.

    Each pass deletes what nothing else needs any more. Ends when nothing is found, also of what
    was asked for so lately that it may not show yet.

    Raises:
        ProviderError: something is left; naming it, what blocks it, and what it costs.
    """
    timing = site.api.timing
    removal = Removal()
    there = await survey(site)
    before, changed_at = _ids(there), monotonic()
    while before or _unseen(records, removal, timing.consistency_s):
        await _pass(site, there, removal, progress)
        await asyncio.sleep(timing.pass_s)
        there = await survey(site)
        if _ids(there) != before:
            before, changed_at = _ids(there), monotonic()
        if before and (_hopeless(there, removal) or monotonic() - changed_at > timing.removal_s):
            raise await _left(site, there, removal)
    progress("", text("0 resources of {cluster} are left in {region}: AWS bills nothing",
                      cluster=site.id, region=site.api.region))  # fmt: skip


async def remove_some(site: Site, mine: Callable[[Found], bool], progress: Progress) -> None:
    """Delete some of a cluster's things, and wait until they are gone.

    Raises:
        ProviderError: naming what is left.
    """

    async def left() -> list[str]:
        there = await survey(site)
        own = [(k, found) for k in KINDS for found in there[k.name] if mine(found)]
        for kind, found in own:
            if not found.leaving and not found.held:
                doing = text("removing {kind}: {things}", kind=kind.name, things=found.role)
                progress("", doing)
                await kind.delete(site, found)
        return [f"{kind.name} {found.role} ({found.id})" for kind, found in own]

    timing = site.api.timing
    rest = await poll_until(
        left, lambda own: not own, deadline_s=timing.removal_s, interval_s=timing.pass_s
    )
    if rest:
        raise ProviderError(
            text("not removed: {things}", things=", ".join(rest)), hint="run the same again"
        )


async def _pass(site: Site, there: Survey, removal: Removal, progress: Progress) -> None:
    removal.seen |= {found.role for things in there.values() for found in things}
    ready = [(k, f) for k, f in _ready(there) if f.id not in removal.refused]
    for kind in dict.fromkeys(kind for kind, _ in ready):
        roles = [f.role for k, f in ready if k is kind]
        count = text("{count} of them", count=len(roles))
        progress("", text(
            "waiting until AWS removes {kind}: {things}" if kind.delete is goes_by_itself else
            "removing {kind}: {things}",
            kind=kind.name, things=", ".join(roles) if len(roles) <= SHOWN else count,
        ))  # fmt: skip
    outcomes = await asyncio.gather(
        *(kind.delete(site, found) for kind, found in ready), return_exceptions=True
    )
    for (_, found), outcome in zip(ready, outcomes, strict=True):
        if isinstance(outcome, AwsError):
            if outcome.code in IN_USE:
                removal.blocked[found.id] = outcome.message
            elif outcome.certain:
                removal.refused[found.id] = outcome
        elif outcome is not None:
            raise outcome


def _unseen(records: Records | None, removal: Removal, within_s: float) -> set[str]:
    """Return what was asked for lately and has not shown yet."""
    return records.lately(within_s) - removal.seen if records else set()


def _ready(there: Survey) -> list[tuple[Kind, Found]]:
    """Return what is there and can go: no other thing needs it, none has it."""
    needed = {need for kind in KINDS if there[kind.name] for need in kind.needs}
    return [
        (kind, found)
        for kind in KINDS
        if kind.name not in needed
        for found in there[kind.name]
        if not found.held
    ]


def _ids(there: Survey) -> set[tuple[str, bool]]:
    return {(found.id, found.leaving) for things in there.values() for found in things}


def _hopeless(there: Survey, removal: Removal) -> bool:
    """Return whether all that could go next was refused, so that waiting changes nothing."""
    refused = removal.refused
    return bool(refused) and all(found.id in refused for _, found in _ready(there))


async def _left(site: Site, there: Survey, removal: Removal) -> ProviderError:
    lines: list[str] = []
    for kind in KINDS:
        for found in there[kind.name]:
            price = cost(kind.bills(found.seen), site.api.region)
            error = removal.refused.get(found.id)
            why = error.message if error else removal.blocked.get(found.id, "")
            thing = f"{kind.name} {found.role} ({found.id}): {price.per_hour:.3f} $/h"
            lines.append(joined("; ", [thing, why] if why else [thing]))
    things = joined("\n  ", [*lines, *await _blockers(site, there)])
    hints = [error.hint for error in removal.refused.values()]
    return ProviderError(
        text("{count} resources of {cluster} are left in {region} and cost {price:.2f} $/h:\n"
             "  {things}", count=len(lines), cluster=site.id, region=site.api.region,
             price=total(there, site.api.region).per_hour, things=things),
        hint=hints[0] if hints else "remove what is in the way, then run `hardway down` again",
    )  # fmt: skip


async def _blockers(site: Site, there: Survey) -> list[str]:
    """Return what others have in our VPC, and what of ours it keeps; it is not ours to delete."""
    vpcs = [found.id for found in there["vpc"]]
    if not vpcs:
        return []
    inside = names.filters({"vpc-id": vpcs})
    ours = {found.id for things in there.values() for found in things}
    lines: list[str] = []
    for action, key, id_key, name in FOREIGN:
        for raw in await site.api.pages(action, key, Filters=inside):
            of_ours = raw[id_key] in ours or names.role_in(raw, site.id) is not None
            if not of_ours and raw.get("GroupName") != "default":
                lines.append(text("not hardway's, and in the way: {id} ({name})",
                                  id=raw[id_key], name=raw.get(name, "")))  # fmt: skip
    return lines


FOREIGN: Sequence[tuple[str, str, str, str]] = (
    ("ec2:DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId", "Description"),
    ("ec2:DescribeSecurityGroups", "SecurityGroups", "GroupId", "GroupName"),
    ("ec2:DescribeSubnets", "Subnets", "SubnetId", "CidrBlock"),
)
