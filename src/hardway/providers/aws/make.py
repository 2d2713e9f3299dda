"""Making what is missing: each thing looked for first, adopted if it is as wanted."""

import asyncio
import re
from collections.abc import Sequence

from hardway.errors import AwsError, ProviderError, RefusedError
from hardway.providers.aws.base import Found, Kind, Row, Work
from hardway.providers.aws.groups import RULE
from hardway.providers.aws.instances import INSTANCE
from hardway.providers.aws.table import KINDS, Survey, differences
from hardway.text import joined, text
from hardway.transport.base import poll_until

TAKEN = re.compile("Duplicate|Conflict")
"""In codes for a name or a range that something has already."""


async def ensure(work: Work) -> None:
    """Make all that is missing, in the order of the table.

    Raises:
        RefusedError: something is there twice, or otherwise than wanted.
        ProviderError: AWS refuses something, or a shared thing is missing.
    """
    for kind in KINDS:
        await _ensure(work, kind)


async def again(work: Work, there: Survey) -> None:
    """Let rules be as the machines' public addresses are now; all else is left as it is."""
    for found in (found for things in there.values() for found in things):
        work.ids[found.role] = found.id
    for found in there[INSTANCE.name]:
        work.ids[f"address/{found.role}"] = found.seen["PublicIpAddress"]
    await _ensure(work, RULE)


async def _ensure(work: Work, kind: Kind) -> None:
    rows = kind.rows(work.design, work.ids) if kind.make else []
    own = [row for row in rows if not row.shared]
    await _shared(work, kind, [row for row in rows if row.shared])
    there = await _present(work, kind, own)
    for row in own:
        if row.role in there:
            work.ids[row.role] = there[row.role].id
    missing = [row for row in own if row.role not in there]
    # One that fails must not break off others in the middle of being made.
    outcomes = await asyncio.gather(
        *(_make(work, kind, row) for row in missing), return_exceptions=True
    )
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    await kind.settle(work, rows)


async def _make(work: Work, kind: Kind, row: Row) -> None:
    assert kind.make is not None  # noqa: S101 - `ensure` leaves the others out
    machines = {machine.name for machine in work.design.cluster.machines}
    doing = text("making {thing}", thing=row.title)
    work.progress(row.role if row.role in machines else "", doing)
    work.records.begin(row.role)
    try:
        work.ids[row.role] = await kind.make(work, row)
    except AwsError as error:
        if error.certain:
            work.records.forget(row.role)
        # Of a call whose answer was lost the second attempt says that the first was no failure.
        there = await kind.find(work.site) if TAKEN.search(error.code) else []
        same = [found.id for found in there if found.role == row.role]
        if len(same) != 1:
            raise
        work.ids[row.role] = same[0]


async def _shared(work: Work, kind: Kind, rows: Sequence[Row]) -> None:
    """Look for what is somebody else's, and has to be there.

    Raises:
        ProviderError: it is not, or not as wanted; naming all of it.
    """
    problems: list[str] = []
    for row in rows:
        found = await kind.look_up(work.site.api, row) if kind.look_up else None
        if found is None:
            problems.append(text("{thing}: missing", thing=row.title))
            continue
        problems += differences(row, found)
        work.ids[row.role] = found.id
    if problems:
        raise ProviderError(
            text("hardway does not change shared things, and these are not as they have to be:\n"
                 "  {problems}", problems=joined("\n  ", problems)),
            hint="let their owner correct them, then: hardway up",
        )  # fmt: skip


async def _present(work: Work, kind: Kind, rows: Sequence[Row]) -> dict[str, Found]:
    """Return what is there of the rows, by role.

    Waits for what was asked for lately and does not show yet, and for predecessors that are on
    their way out and still hold an address.

    Raises:
        RefusedError: two are one thing, or one is not as wanted.
    """
    timing = work.site.api.timing
    roles = {row.role for row in rows}

    async def look() -> list[Found]:
        return [found for found in await kind.find(work.site) if found.role in roles]

    def clear(found: Sequence[Found]) -> bool:
        late = roles & work.records.lately(timing.consistency_s) - {f.role for f in found}
        return not any(f.leaving for f in found) and (kind.idempotent or not late)

    found = await look()
    if not clear(found):
        work.progress("", text("waiting until AWS shows what there is: {kind}", kind=kind.name))
        found = await poll_until(look, clear, deadline_s=timing.running_s, interval_s=timing.poll_s)
    _refuse(rows, found)
    return {thing.role: thing for thing in found if not thing.leaving}


def _refuse(rows: Sequence[Row], found: Sequence[Found]) -> None:
    problems: list[str] = []
    for row in rows:
        same = [thing for thing in found if thing.role == row.role and not thing.leaving]
        if len(same) > 1:
            ids = ", ".join(thing.id for thing in same)
            problems.append(text("{thing} exists {count} times: {ids}",
                                 thing=row.role, count=len(same), ids=ids))  # fmt: skip
        elif same:
            problems += differences(row, same[0])
    if problems:
        raise RefusedError(
            text("what is on AWS is not what hardway.yaml describes:\n  {problems}",
                 problems=joined("\n  ", problems)),
            hint="take the change back, or remove the thing by hand and run `hardway up` again, "
            "or start again from nothing: hardway down",
        )  # fmt: skip
