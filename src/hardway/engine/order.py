"""In which order changes are made: files everywhere, then services, then one step after another."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from time import monotonic

from hardway.checks.live import Live
from hardway.checks.trial import Patience
from hardway.engine import converge, members, packages, restarts
from hardway.engine.verify import check, settle, settle_all
from hardway.errors import RefusedError
from hardway.model.checks import Occasion
from hardway.model.names import ENDPOINT
from hardway.model.resources import Change, Finding, Kind, Obsolete, Unit
from hardway.report import Event, Happened, Report
from hardway.steps import etcd
from hardway.steps.base import Step
from hardway.text import text
from hardway.transport.base import on_each

RESTARTS = frozenset({Kind.RESTART, Kind.REGISTER})
Units = Mapping[str, Sequence[Unit]]
"""By machine."""


async def bring_about(
    steps: Sequence[Step], changes: Sequence[Change], live: Live, report: Report
) -> list[Finding]:
    """Make the changes, then make sure that each step holds; return all findings.

    Services that do not run are started all together: their units say which waits for which, as
    at a machine's boot. Those that run with other files than they should are restarted step by
    step, in the order of `engine.restarts`.

    Raises:
        RefusedError: a restart would take a majority away; nothing was changed.
        StepError: a step did not come to hold; later ones were not touched, and the trial of the
            next one, if it was being made, was broken off.
        RemoteError: a machine does not answer, or a command on it failed.
    """
    await _guard(steps, changes, live)
    for joining in [c for c in changes if c.kind is Kind.JOIN]:
        changes = await _join(joining, steps, changes, live, report)
    *rolling, last = restarts.stages(live.cluster, changes)
    for stage in rolling:
        await _prepare_all(stage, live, report)
        for step in steps:
            await _restart(step, stage, live, report)
    await _prepare_all(last, live, report)
    if all(change.prose for change in changes):
        for step in steps:
            await _apply(step, last, live, report)
        return await _look(steps, live, report)
    findings = await _one_after_another(steps, last, live, report)
    # Last: until here a process may have read what goes.
    await on_each(_remove(live, name, changes, report) for name in live.fleet)
    await _delete(live, changes, report)
    return findings


async def _one_after_another(
    steps: Sequence[Step], changes: Sequence[Change], live: Live, report: Report
) -> list[Finding]:
    findings: list[Finding] = []
    trials: dict[str, asyncio.Task[list[Finding]]] = {}
    try:
        for step, following in zip_longest(steps, steps[1:]):
            began = monotonic()
            report(Event(happened=Happened.STEP, step=step.name, text=step.title))
            await _restart(step, changes, live, report)
            await _apply(step, changes, live, report)
            settled = asyncio.Event()
            if following and following.only_tries:
                # Most of a trial is waiting for pods: let them start beside this step's.
                patience = Patience(tries_begin=settled)
                begun = settle(following, live, patience=patience)
                trials[following.name] = asyncio.create_task(begun)
            if step.checked is not Occasion.ASKED:
                trial = trials.pop(step.name, None)
                findings += await (trial or settle(step, live))
            settled.set()
            await _assign(step, changes, live, report)
            _held(step, monotonic() - began, report)
    finally:
        for unfinished in trials.values():
            unfinished.cancel()
        # What a trial wrote is removed before anything else is done.
        await asyncio.gather(*trials.values(), return_exceptions=True)
    return findings


async def _remove(live: Live, machine: str, changes: Sequence[Change], report: Report) -> None:
    own = [c for c in changes if c.machine == machine and isinstance(c.item, Obsolete)]
    await converge.remove(live.fleet[machine], own)
    for change in own:
        _tell(change, report)


async def _delete(live: Live, changes: Sequence[Change], report: Report) -> None:
    """Delete objects of the API that are no longer wanted."""
    own = [c for c in changes if c.kind is Kind.REMOVE and isinstance(c.item, Mapping)]
    if own:
        await live.kubectl.delete([c.item for c in own if isinstance(c.item, Mapping)])
    for change in own:
        _tell(change, report)


async def _join(
    joining: Change, steps: Sequence[Step], changes: Sequence[Change], live: Live, report: Report
) -> list[Change]:
    """Bring a machine's member of etcd back before what needs it; return the other changes."""
    names = [step.name for step in steps]
    before = names[: names.index(joining.step) + 1]
    own = [c for c in changes if c.machine == joining.machine and c.step in before]
    member = [c for c in own if c.path_or_unit in {etcd.UNIT, etcd.WAY_IN, joining.path_or_unit}]
    later = [c for c in own if c.kind in RESTARTS or isinstance(c.item, Obsolete)]
    prepared = [c for c in own if c not in (*member, *later)]
    await _prepare(live, joining.machine, prepared, report)
    await members.Membership(live, live.cluster.machine(joining.machine)).join(report)
    _tell(joining, report)
    return [c for c in changes if c not in (*member, *prepared)]


async def _guard(steps: Sequence[Step], changes: Sequence[Change], live: Live) -> None:
    """Refuse restarts that would take a majority away, before anything is changed."""
    for step in steps:
        restarted, started = (_units(step, changes, k) for k in (Kind.RESTART, Kind.START))
        if not (step.majority and restarted):
            continue
        of = await _service(step, restarted, live)
        repaired = {*started, *(c.machine for c in changes if c.kind is Kind.JOIN)}
        if missing := restarts.lost(of, list(restarted), repaired):
            raise RefusedError(
                text("{step} must be restarted on {machines}, but is lost on {missing}: fewer than "
                     "{needed} of {all} would be left", step=step.title,
                     machines=", ".join(restarted), missing=", ".join(missing), needed=of.needed,
                     all=len(of.machines)),
                hint=text("bring {machines} back first, then: hardway up",
                          machines=", ".join(missing)),
            )  # fmt: skip


async def _service(step: Step, restarted: Units, live: Live) -> restarts.Service:
    silent = {m.name for m in live.cluster.machines} - live.fleet.keys()
    findings = await check(step, live)
    return restarts.service(step, live.cluster, findings, silent=silent, restarted=restarted)


async def _look(steps: Sequence[Step], live: Live, report: Report) -> list[Finding]:
    """Make all checks at once: nothing was changed that one of them could depend on.

    Comments may have been: no process acts on them.
    """
    began = monotonic()
    always = [step for step in steps if step.checked is Occasion.ALWAYS]
    findings = await settle_all(always, live)
    for step in always:
        _held(step, monotonic() - began, report)
    return findings


async def _prepare_all(changes: Sequence[Change], live: Live, report: Report) -> None:
    """Put files and start services on all machines.

    Those with processes to reload come first: whoever is started after them meets peers that know
    it, and leaves an address to its holder.
    """
    by_machine = {name: [c for c in changes if c.machine == name] for name in live.fleet}
    reloading = {c.machine for c in changes if c.kind is Kind.RELOAD}
    for first in (True, False):
        await on_each(
            _prepare(live, name, own, report)
            for name, own in by_machine.items()
            if (name in reloading) is first
        )


async def _prepare(live: Live, machine: str, changes: Sequence[Change], report: Report) -> None:
    if not changes:
        return

    def doing(said: str) -> None:
        report(Event(happened=Happened.DOING, machine=machine, text=said))

    transport = live.fleet[machine]
    await converge.clear(transport, changes)
    await converge.note(transport, live.cluster.name, changes)
    if missing := sorted({c.path_or_unit for c in changes if c.kind is Kind.INSTALL}):
        doing(text("installing packages"))
        await packages.install(transport, missing, live.packages, doing)
    doing(text("putting files"))
    await converge.put(transport, changes)
    doing(text("starting services"))
    await converge.start(transport, changes)
    await converge.set_effects(transport, changes)
    for change in changes:
        if change.kind not in RESTARTS and not isinstance(change.item, Obsolete):
            _tell(change, report)
    doing("")


async def _restart(step: Step, changes: Sequence[Change], live: Live, report: Report) -> None:
    """Restart a step's units that run with other files, and wait for those just started."""
    restarted = _units(step, changes, Kind.RESTART) | _units(step, changes, Kind.REGISTER)
    started = _units(step, changes, Kind.START)
    for change in changes:
        if change.step == step.name and change.kind in RESTARTS:
            _tell(change, report)
    if not restarted:
        await _started(step, started, live)
        return
    of = await _service(step, restarted, live)
    for wave in restarts.waves(of, list(restarted), started):
        for machine in wave:
            report(Event(happened=Happened.DOING, machine=machine,
                         text=text("restarting services")))  # fmt: skip
        # What serves is waited for. Others may wait for each other until all of them are there.
        await on_each(
            converge.restart(live.fleet[m], restarted[m], wait=m in of.healthy,
                             settles_s=step.settles_s)
            for m in wave if m in restarted
        )  # fmt: skip
        await _started(step, {m: started[m] for m in wave if m in started}, live)
        # What the cluster as a whole is to its clients counts once those are restarted that serve
        # them: until then an address may well have a former holder and a new one.
        served = restarts.served(of, restarted, wave)
        await settle(step, live, (*wave, ENDPOINT) if served else wave)


async def _started(step: Step, started: Units, live: Live) -> None:
    await on_each(
        converge.started(live.fleet[m], u, timeout_s=step.settles_s) for m, u in started.items()
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
    rolled = [c for c in changes if c.step == step.name and c.kind is Kind.ROLLOUT]
    await on_each(live.kubectl.roll_out(c.item) for c in rolled if isinstance(c.item, Mapping))
    for change in (*own, *rolled):
        _tell(change, report)


async def _assign(step: Step, changes: Sequence[Change], live: Live, report: Report) -> None:
    """Make the changes to objects that are there only once the step holds."""
    own = [c for c in changes if c.step == step.name and c.kind is Kind.ASSIGN]
    items = [c.item for c in own if isinstance(c.item, Mapping)]
    await on_each(live.kubectl.patch(item) for item in items)
    for change in own:
        _tell(change, report)


def _held(step: Step, seconds: float, report: Report) -> None:
    report(Event(happened=Happened.HELD, step=step.name, text=step.title, seconds=seconds))


def _tell(change: Change, report: Report) -> None:
    said = f"{change.kind} {change.path_or_unit}"
    report(Event(happened=Happened.CHANGED, machine=change.machine, step=change.step, text=said))
