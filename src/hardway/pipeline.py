"""The way through the program, one direction, all of it on this page.

    hardway.yaml -> load -> resolve -> secrets -> render -> observe -> diff -> converge -> verify

`plan` stops before converge, `verify` begins after it; `up` is the whole way.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from time import monotonic

from hardway import salvage, unreadable
from hardway.checks.live import Live
from hardway.engine.compare import compare
from hardway.engine.order import bring_about
from hardway.engine.render import Rendered, manifests, merged, object_files, render
from hardway.engine.verify import check_all, due, right_here
from hardway.errors import HardwayError, RefusedError, StepError, UnknownError
from hardway.issuing import issue
from hardway.model.checks import Occasion
from hardway.model.cluster import HostFacts
from hardway.model.delta import Delta, refuse
from hardway.model.resources import Change, Finding
from hardway.ownership import Answer, claims, held, note, noted
from hardway.pki import store
from hardway.pki.values import Secrets
from hardway.project import Project
from hardway.providers.admission import fit, silent
from hardway.providers.base import MachineState, Progress
from hardway.providers.clocks import Clock, clock
from hardway.report import Event, Happened, Report, both
from hardway.steps import certificates
from hardway.steps.base import Given, Step
from hardway.steps.index import STEPS
from hardway.text import text
from hardway.transport.base import Fleet, refused


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` would change, as far as machines answer."""

    deltas: tuple[Delta, ...]
    """What differs between hardway.yaml and the living cluster's decisions."""
    changes: tuple[Change, ...]
    unknown: Mapping[str, str]
    """Why a machine does not answer, by its name."""


def through(until: str | None) -> tuple[Step, ...]:
    """Return the steps up to and including one; all of them without a name."""
    names = [step.name for step in STEPS]
    if until is None:
        return STEPS
    if until not in names:
        raise RefusedError(text("there is no step {step}", step=until),
                           hint=text("the steps: {names}", names=", ".join(names)))  # fmt: skip
    return STEPS[: names.index(until) + 1]


def within(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps without the checks that only later ones make hold."""
    return tuple(replace(s, checks=tuple(c for c in s.checks if due(c, steps))) for s in steps)


def reached(project: Project) -> tuple[Step, ...]:
    """Return the steps that the cluster has come to by its journal; all where that has none."""
    held_ = {e.step for e in project.workspace.journal.events() if e.happened is Happened.HELD}
    last = max((n for n, step in enumerate(STEPS) if step.name in held_), default=len(STEPS))
    # Steps that only changes are followed by may have held long before this journal.
    return (*STEPS[: last + 1], *takewhile(lambda s: s.checked is not Occasion.ALWAYS,
                                           STEPS[last + 1 :]))  # fmt: skip


async def up(project: Project, report: Report, *, until: str | None = None) -> list[Finding]:
    """Bring the cluster about, from whatever state; return what the checks saw.

    Raises:
        RefusedError: hardway.yaml asks for what cannot change, or the machines are not this
            cluster's; nothing was changed.
        UnknownError: some machines did not answer; the others are as they should be.
        HardwayError: naming what stands in the way; running it again goes on from there.
    """
    steps = within(through(until))
    refuse(project.cluster.name, project.deltas)
    project.ask_components()
    await project.provider.preflight(project.cluster)
    with journaled(project, report, "up") as told:
        for line in (*(delta.line for delta in project.deltas), *project.doubts):
            told(Event(happened=Happened.WARNED, text=line))
        return await make_whole(project, steps, told)


@contextmanager
def journaled(project: Project, report: Report, command: str) -> Iterator[Report]:
    """Lock the cluster's folder meanwhile; yield a report that also writes the journal."""
    began = monotonic()
    with project.workspace.locked():
        told = both(report, project.workspace.journal)
        told(Event(happened=Happened.BEGUN, text=command))
        try:
            yield told
        except (HardwayError, asyncio.CancelledError) as error:
            why = getattr(error, "message", text("interrupted"))
            told(Event(happened=Happened.FAILED, text=why))
            raise
        told(Event(happened=Happened.ENDED, seconds=monotonic() - began))


async def make_whole(project: Project, steps: Sequence[Step], report: Report) -> list[Finding]:
    """Do what `up` does, for commands that have locked the folder already."""
    await _ask_before_making(project)
    project = await _machines(project, report)
    async with _joined(project, report) as joined:
        project, fleet, time = joined.project, joined.fleet, joined.time
        secrets = issue(project, time, report, unneeded=await salvage.unneeded(project, fleet))
        await joined.decide()
        given = await _given(project, joined.hosts, secrets, report)
        live = project.live(fleet)
        rendered, changes = await _difference(live, steps, given)
        if await salvage.keep(project, fleet, changes, report):
            # Keys were found, so that there are more secrets now.
            given = replace(given, secrets=issue(project, time, report))
            rendered, changes = await _difference(live, steps, given)
        try:
            findings = await _converge(live, steps, given, changes, report)
        except StepError:
            _write_given(project, rendered, steps, given)
            raise
        _write_given(project, rendered, steps, given)
        _require_known(project, fleet, findings)
        return findings


def _write_given(project: Project, rendered: Rendered, steps: Sequence[Step], given: Given) -> None:
    """Write down what machines and the API were given, once all of them have it.

    Not before: what a run that broke off did not replace would be taken for somebody's edit.
    """
    for machine, by_step in rendered.items():
        project.workspace.write_tree(machine, merged(by_step.values()))
    project.workspace.write_objects(object_files(manifests(steps, given)))


async def _machines(project: Project, report: Report) -> Project:
    """Make and start the machines, get the components; return the project as it then is."""
    doing = _doing(report)
    early = project.provider.architectures(project.cluster)
    await asyncio.gather(
        project.provider.ensure(project.cluster, doing),
        *([project.ensure(early, doing)] if early else ()),
    )
    return replace(project, cluster=project.provider.settled(project.cluster))


@dataclass(frozen=True, slots=True)
class Joined:
    """Machines that are connected, locked, known to be this cluster's, and fit."""

    project: Project
    fleet: Fleet
    answers: Mapping[str, Answer]
    """What they say about their cluster."""
    hosts: Mapping[str, HostFacts]
    time: Clock

    async def decide(self) -> None:
        """Write the decisions down, in the folder and on the machines; the CA must be there."""
        wanted = noted(self.project.decide(), self.project.workspace.folder)
        await note(self.fleet, self.answers, wanted)


@asynccontextmanager
async def _joined(project: Project, report: Report) -> AsyncIterator[Joined]:
    """Connect and lock the machines; yield them once they are known to be ours, and fit."""
    async with project.provider.connect(project.cluster) as fleet, held(fleet) as answers:
        first = not project.ca
        project = project.owning(answers)
        hosts = _known(await project.provider.facts(project.cluster, fleet), fleet)
        brought = project.bundled.packages if project.bundled else None
        problems = await project.provider.admit(project.cluster, fleet, hosts, brought)
        fit(project.cluster, fleet, problems, report, first=first)
        yield Joined(project, fleet, answers, hosts, await clock(fleet, hosts))


async def _given(
    project: Project, hosts: Mapping[str, HostFacts], secrets: Secrets, report: Report
) -> Given:
    """Return all that rendering depends on, with the components that these machines need."""
    stored = await project.ensure({host.architecture for host in hosts.values()}, _doing(report))
    project.ask_components()
    return Given(project.cluster, secrets, stored, hosts)


async def _difference(
    live: Live, steps: Sequence[Step], given: Given
) -> tuple[Rendered, list[Change]]:
    rendered = render(steps, given)
    return rendered, await compare(live, rendered, manifests(steps, given))


async def _converge(
    live: Live, steps: Sequence[Step], given: Given, changes: Sequence[Change], report: Report
) -> list[Finding]:
    """Make the changes; where Secrets of hardway's own are unreadable, remove these and go on."""
    try:
        return await bring_about(steps, changes, live, report)
    except StepError:
        _, changes = await _difference(live, steps, given)
        if not await unreadable.sweep(live, changes, report):
            raise
        return await bring_about(steps, changes, live, report)


def _require_known(project: Project, fleet: Fleet, findings: Sequence[Finding]) -> None:
    """Raise UnknownError where all is well but for what nobody could be asked about."""
    unknown = [*silent(project.cluster, fleet), *(f.machine for f in findings if f.open)]
    if unknown:
        raise UnknownError(
            text("all is well, but nothing is known of {machines}",
                 machines=", ".join(dict.fromkeys(unknown))),
            hint="see why: hardway verify; once they answer: hardway up",
            findings=findings,
        )  # fmt: skip


def _doing(report: Report) -> Progress:
    return lambda machine, text: report(Event(happened=Happened.DOING, machine=machine, text=text))


async def _ask_before_making(project: Project) -> None:
    """Ask the machines that are there whose they are, before others are made beside them.

    Raises:
        RefusedError: they are not this cluster's, or know of later decisions.
    """
    if project.decisions is None or not project.provider.switches:
        return
    states = await project.provider.states(project.cluster)
    if MachineState.ABSENT in states.values():
        for machine in project.cluster.machines:
            if states[machine.name] is MachineState.STOPPED:
                await project.provider.start(project.cluster, machine)
        async with project.provider.connect(project.cluster) as fleet:
            project.owning(await claims(fleet))


def _known(hosts: Mapping[str, HostFacts], fleet: Fleet) -> dict[str, HostFacts]:
    """Leave out machines that exist and do not answer: nothing is rendered for them."""
    return {name: facts for name, facts in hosts.items() if name not in refused(fleet)}


async def plan(project: Project) -> Plan:
    """Return what `up` would change; changes nothing.

    Certificates that `up` would issue are changes of their own, with the reason; components that
    do not exist yet have digests that the real ones will not have.
    """
    project.ask_components()
    async with project.provider.connect(project.cluster) as fleet:
        project = project.owning(await claims(fleet))
        hosts = _known(await project.provider.facts(project.cluster, fleet), fleet)
        stored = project.stored({host.architecture for host in hosts.values()}, absent_ok=True)
        by, unneeded = await asyncio.gather(clock(fleet, hosts), salvage.unneeded(project, fleet))
        draft = store.draft(project.workspace.pki, project.cluster, by.now, unneeded)
        given = Given(project.cluster, draft.secrets, stored, hosts)
        rendered, wanted = render(STEPS, given), manifests(STEPS, given)
        changes = await compare(project.live(fleet, absent_ok=True), rendered, wanted)
        return Plan(
            project.deltas,
            tuple(certificates.planned(draft.issues, changes)),
            {name: error.why for name, error in refused(fleet).items()},
        )


async def verify(
    project: Project, names: Iterable[str] = (), *, trials: bool = True
) -> list[Finding]:
    """Make the checks of some steps, or of all that the cluster has come to.

    Changes nothing that lasts; without `trials` nothing at all.
    """
    wanted = [through(name)[-1].name for name in names]
    async with project.reach() as live:
        return await look(project, live, wanted, trials=trials)


async def look(
    project: Project, live: Live, names: Iterable[str], *, trials: bool
) -> list[Finding]:
    """Do what `verify` does, for those who are connected already."""
    there = reached(project)
    chosen = [through(name)[-1] for name in names] or list(there)
    found = await check_all(chosen, live, trials=trials, again=True)
    return [right_here(finding, there) for findings in found for finding in findings]
