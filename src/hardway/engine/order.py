"""In which order changes are made: files everywhere, then services, then one step after another."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

from hardway.engine import converge
from hardway.engine.verify import check, settle, wrong
from hardway.model.resources import Change, Finding, Kind, Unit
from hardway.report import Event, Happened, Report
from hardway.steps.base import Live, Occasion, Step
from hardway.transport.base import on_each


async def bring_about(
    steps: Sequence[Step], changes: Sequence[Change], live: Live, report: Report
) -> list[Finding]:
    """Make the changes, then make sure that each step holds; return all findings.

    Services that do not run are started all together: their units say which waits for which, as
    at a machine's boot. Those that run with other files than they should are restarted step by
    step, one machine after another while the step holds in between.

    Raises:
        StepError: a step did not come to hold; later ones were not touched.
        RemoteError: a machine does not answer, or a command on it failed.
    """
    by_machine = {name: [c for c in changes if c.machine == name] for name in live.fleet}
    await on_each(_prepare(live, name, own, report) for name, own in by_machine.items())
    if not changes:
        return await _look(steps, live, report)
    findings = []
    for step in steps:
        began = monotonic()
        report(Event(happened=Happened.STEP, step=step.name, text=step.title))
        await _restart(step, changes, live, report)
        await _started(step, changes, live)
        await _apply(step, changes, live, report)
        if step.checked is not Occasion.ASKED:
            findings += await settle(step, live)
        _held(step, monotonic() - began, report)
    return findings


async def _look(steps: Sequence[Step], live: Live, report: Report) -> list[Finding]:
    """Make all checks at once: nothing was changed that one of them could depend on."""

    async def one(step: Step) -> tuple[list[Finding], float]:
        began = monotonic()
        return await settle(step, live), monotonic() - began

    always = [step for step in steps if step.checked is Occasion.ALWAYS]
    outcomes = await asyncio.gather(*(one(step) for step in always))
    for step, (_, seconds) in zip(always, outcomes, strict=True):
        _held(step, seconds, report)
    return [finding for found, _ in outcomes for finding in found]


async def _prepare(live: Live, machine: str, changes: Sequence[Change], report: Report) -> None:
    if not changes:
        return
    transport = live.fleet[machine]
    await converge.clear(transport, changes)
    await converge.note(transport, live.cluster.name, changes)
    if any(c.kind is Kind.INSTALL for c in changes):
        report(Event(happened=Happened.DOING, machine=machine, text="installing packages"))
        await converge.install(transport, changes, live.packages)
    report(Event(happened=Happened.DOING, machine=machine, text="putting files"))
    await converge.put(transport, changes)
    report(Event(happened=Happened.DOING, machine=machine, text="starting services"))
    await converge.start(transport, changes)
    for change in changes:
        if change.kind is not Kind.RESTART:
            _tell(change, report)
    report(Event(happened=Happened.DOING, machine=machine, text=""))


async def _restart(step: Step, changes: Sequence[Change], live: Live, report: Report) -> None:
    wanted = _units(step, changes, Kind.RESTART)
    for change in changes:
        if change.step == step.name and change.kind is Kind.RESTART:
            _tell(change, report)
    if len(wanted) == 1 or (wanted and not wrong(await check(step, live), live)):
        for machine, units in wanted.items():
            report(Event(happened=Happened.DOING, machine=machine, text="restarting services"))
            await converge.restart(live.fleet[machine], units, wait=True, timeout_s=step.settles_s)
            await settle(step, live)
    else:
        # The step does not hold anyway: nothing is lost by restarting everywhere at once, and
        # those that wait for each other get on.
        await on_each(
            converge.restart(live.fleet[m], units, wait=False) for m, units in wanted.items()
        )


async def _started(step: Step, changes: Sequence[Change], live: Live) -> None:
    begun = _units(step, changes, Kind.START)
    await on_each(
        converge.started(live.fleet[m], u, timeout_s=step.settles_s) for m, u in begun.items()
    )


def _units(step: Step, changes: Sequence[Change], kind: Kind) -> dict[str, list[Unit]]:
    """Return the units of a step that a kind of change is for, by machine."""
    units: dict[str, list[Unit]] = {}
    for change in changes:
        if change.step == step.name and change.kind is kind and isinstance(change.item, Unit):
            units.setdefault(change.machine, []).append(change.item)
    return units


async def _apply(step: Step, changes: Sequence[Change], live: Live, report: Report) -> None:
    own = [c for c in changes if c.step == step.name and c.kind is Kind.APPLY]
    if own:
        await live.kubectl.apply([c.item for c in own if isinstance(c.item, Mapping)])
    for change in own:
        _tell(change, report)


def _held(step: Step, seconds: float, report: Report) -> None:
    report(Event(happened=Happened.HELD, step=step.name, text=step.title, seconds=seconds))


def _tell(change: Change, report: Report) -> None:
    text = f"{change.kind} {change.path_or_unit}"
    report(Event(happened=Happened.CHANGED, machine=change.machine, step=change.step, text=text))
