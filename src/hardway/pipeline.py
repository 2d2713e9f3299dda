"""The way through the program, one direction, all of it on this page.

    hardway.yaml -> load -> resolve -> secrets -> render -> observe -> diff -> converge -> verify

`plan` stops before converge, `verify` begins after it; `up` is the whole way.
"""

import asyncio
import shutil
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from hardway import salvage, unreadable
from hardway.drill import Drill
from hardway.engine.compare import compare
from hardway.engine.order import bring_about
from hardway.engine.render import manifests, merged, render
from hardway.engine.verify import check_all
from hardway.errors import HardwayError, RefusedError, StepError, UnknownError
from hardway.issuing import due, issue
from hardway.model.cluster import EndpointKind, HostFacts
from hardway.model.delta import Delta, refuse
from hardway.model.resources import Change, Finding, Severity
from hardway.ownership import claims, held, note, noted
from hardway.pki import store
from hardway.providers.admission import absent, everybody, fit, silent
from hardway.providers.base import MachineState, Problem
from hardway.providers.clocks import clock
from hardway.report import Event, Happened, Report, both
from hardway.setup import Setup
from hardway.status import Status, status
from hardway.steps import STEPS, certificates
from hardway.steps.base import Given, Step
from hardway.transport.base import Fleet, refused, way

HIGHLY_AVAILABLE = 3
"""Control planes of which one may be lost; numbers in between are refused by the spec."""


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
        raise RefusedError(f"there is no step {until}", hint=f"the steps: {', '.join(names)}")
    return STEPS[: names.index(until) + 1]


async def up(at: Setup, report: Report, *, until: str | None = None) -> list[Finding]:
    """Bring the cluster about, from whatever state; return what the checks saw.

    Raises:
        RefusedError: hardway.yaml asks for what cannot change, or the machines are not this
            cluster's; nothing was changed.
        UnknownError: some machines did not answer; the others are as they should be.
        HardwayError: naming what stands in the way; running it again goes on from there.
    """
    steps = through(until)
    refuse(at.cluster.name, at.deltas)
    at.ask_components()
    await at.provider.preflight(at.cluster)
    with journaled(at, report, "up") as told:
        for text in (*map(str, at.deltas), *at.doubts):
            told(Event(happened=Happened.WARNED, text=text))
        return await make_whole(at, steps, told)


@contextmanager
def journaled(at: Setup, report: Report, command: str) -> Iterator[Report]:
    """Lock the cluster's folder meanwhile; yield a report that also writes the journal."""
    began = monotonic()
    with at.workspace.locked():
        told = both(report, at.workspace.journal)
        told(Event(happened=Happened.BEGUN, text=command))
        try:
            yield told
        except (HardwayError, asyncio.CancelledError) as error:
            told(Event(happened=Happened.FAILED, text=str(error) or "interrupted"))
            raise
        told(Event(happened=Happened.ENDED, seconds=monotonic() - began))


async def make_whole(at: Setup, steps: Sequence[Step], report: Report) -> list[Finding]:
    """Do what `up` does, for commands that have locked the folder already."""
    await _ask_before_making(at)

    def doing(machine: str, text: str) -> None:
        report(Event(happened=Happened.DOING, machine=machine, text=text))

    early = at.provider.architectures(at.cluster)
    await asyncio.gather(
        at.provider.ensure(at.cluster, doing),
        *([at.ensure(early, doing)] if early else ()),
    )
    at = replace(at, cluster=at.provider.settled(at.cluster))
    cluster = at.cluster
    async with at.provider.connect(cluster) as fleet, held(fleet) as answers:
        first = not at.ca
        at = at.owning(answers)
        hosts = _known(await at.provider.facts(cluster, fleet), fleet)
        brought = at.bundled.packages if at.bundled else None
        problems = await at.provider.admit(cluster, fleet, hosts, brought)
        fit(cluster, fleet, problems, report, first=first)
        by = await clock(fleet, hosts)
        secrets = issue(at, by, report, unneeded=await salvage.unneeded(at, fleet))
        decisions = at.decide()
        await note(fleet, answers, noted(decisions, at.workspace.folder))
        stored = await at.ensure({host.architecture for host in hosts.values()}, doing)
        at.ask_components()
        given = Given(cluster, secrets, stored, hosts)
        rendered = render(steps, given)
        live = at.live(fleet)
        changes = await compare(live, rendered, manifests(steps, given), show=False)
        if await salvage.keep(at, fleet, changes, report):
            given = replace(given, secrets=issue(at, by, report))
            rendered = render(steps, given)
            changes = await compare(live, rendered, manifests(steps, given), show=False)
        for machine, by_step in rendered.items():
            at.workspace.write_tree(machine, merged(by_step.values()))
        try:
            findings = await bring_about(steps, changes, live, report)
        except StepError:
            changes = await compare(live, rendered, manifests(steps, given), show=False)
            if not await unreadable.sweep(live, changes, report):
                raise
            findings = await bring_about(steps, changes, live, report)
        unknown = [*silent(cluster, fleet), *(f.machine for f in findings if f.open)]
        if unknown:
            raise UnknownError(
                f"all is well, but nothing is known of {', '.join(dict.fromkeys(unknown))}",
                hint="see why: hardway verify; once they answer: hardway up",
            )
        return findings


async def _ask_before_making(at: Setup) -> None:
    """Ask the machines that are there whose they are, before others are made beside them.

    Raises:
        RefusedError: they are not this cluster's, or know of later decisions.
    """
    if at.decisions is None or not at.provider.switches:
        return
    states = await at.provider.states(at.cluster)
    if MachineState.ABSENT in states.values():
        for machine in at.cluster.machines:
            if states[machine.name] is MachineState.STOPPED:
                await at.provider.start(at.cluster, machine)
        async with at.provider.connect(at.cluster) as fleet:
            at.owning(await claims(fleet))


def _known(hosts: Mapping[str, HostFacts], fleet: Fleet) -> dict[str, HostFacts]:
    """Leave out machines that exist and do not answer: nothing is rendered for them."""
    return {name: facts for name, facts in hosts.items() if name not in refused(fleet)}


async def plan(at: Setup) -> Plan:
    """Return what `up` would change; changes nothing.

    Certificates that `up` would issue are changes of their own, with the reason; components that
    do not exist yet have digests that the real ones will not have.
    """
    at.ask_components()
    async with at.provider.connect(at.cluster) as fleet:
        at = at.owning(await claims(fleet))
        hosts = _known(await at.provider.facts(at.cluster, fleet), fleet)
        stored = at.stored({host.architecture for host in hosts.values()}, absent_ok=True)
        by, unneeded = await asyncio.gather(clock(fleet, hosts), salvage.unneeded(at, fleet))
        draft = store.draft(at.workspace.pki, at.cluster, by.now, unneeded)
        given = Given(at.cluster, draft.secrets, stored, hosts)
        rendered, wanted = render(STEPS, given), manifests(STEPS, given)
        changes = await compare(at.live(fleet, absent_ok=True), rendered, wanted, show=True)
        return Plan(
            at.deltas,
            tuple(certificates.planned(draft.issues, changes)),
            {name: str(why) for name, why in refused(fleet).items()},
        )


async def verify(at: Setup, names: Iterable[str] = ()) -> list[Finding]:
    """Make the checks of some steps, or of all; changes nothing that lasts."""
    chosen = [through(name)[-1] for name in names] or list(STEPS)
    async with at.reach() as live:
        found = await check_all(chosen, live)
    return [finding for findings in found for finding in findings]


async def dispensable(at: Setup) -> None:
    """Look whether clients on this host can do without any one control plane.

    Raises:
        RefusedError: the cluster has one only, or clients here reach one only.
    """
    if len(at.cluster.control_planes) < HIGHLY_AVAILABLE:
        raise RefusedError(
            f"{at.cluster.name} has one control plane: without it there is no API",
            hint="three survive the loss of one: machines.controlPlanes: 3",
        )
    if at.cluster.endpoint.kind is EndpointKind.PROXY:
        raise RefusedError(
            "clients on this host reach one control plane only: the balancers are on the machines",
            hint="`endpoint: {kind: vip}` or `given` is for clients anywhere",
        )
    if not await at.provider.within_reach(at.cluster):
        raise RefusedError(
            f"this host reaches {at.cluster.endpoint.host} over machines only",
            hint="run it where no bastion and no name of ~/.ssh/config's is in between",
        )


async def verify_ha(at: Setup, report: Report) -> list[Finding]:
    """Take each control plane away in turn; return what a client of the API saw of it."""
    tls = ssl.create_default_context(cafile=at.workspace.pki / "kubernetes" / "ca.crt")
    own = at.workspace.pki / "kubernetes" / "break-glass"
    tls.load_cert_chain(own.with_suffix(".crt"), own.with_suffix(".key"))
    drill = Drill(at.cluster, at.provider, at.reach, report)
    with at.workspace.locked():
        return await drill.control_planes_lost(tls)


async def look(at: Setup) -> Status:
    """Return how each part of the cluster is."""
    states = await at.provider.states(at.cluster)
    there = any(state is not MachineState.ABSENT for state in states.values())
    outlook = await at.provider.outlook(at.cluster) if there else None
    async with at.reach(absent_ok=True) as live:
        seen = await status(live, states)
    return replace(seen, cost=outlook.now if outlook else None, renewals=due(at))


async def kubectl(at: Setup, words: Sequence[str]) -> int:
    """Run kubectl as the cluster's admin; becomes it where no connection has to be kept meanwhile.

    Raises:
        RefusedError: no machine runs, so that there is no API to ask.
        ConnectError: the API is out of reach but over machines, and no control plane answers.
    """
    direct = await at.provider.within_reach(at.cluster)
    if not at.workspace.admin_kubeconfig.exists():
        raise RefusedError("there is no cluster yet", hint="hardway up")
    if direct:
        binary = at.kubectl_binary(absent_ok=False)
        at.kubectl(binary, at.workspace.admin_kubeconfig).become(words)
    async with at.provider.connect(at.cluster) as fleet:
        if way(fleet) is None:
            everybody(at.cluster, fleet)
        return await at.live(fleet).admin.call(words)


async def down(at: Setup, report: Report) -> None:
    """Remove the cluster's machines and its folder, from whatever state, and prove it.

    Raises:
        ProviderError: naming what is left.
    """

    def doing(machine: str, text: str) -> None:
        report(Event(happened=Happened.DOING, machine=machine, text=text))

    with at.workspace.locked():
        await at.provider.destroy(at.cluster.name, doing)
        shutil.rmtree(at.workspace.folder)


async def preflight(at: Setup) -> list[Problem]:
    """Return what is found on this host and on machines that are there; changes nothing.

    Raises:
        PreflightError: with everything that this host lacks.
    """
    await at.provider.preflight(at.cluster)
    async with at.provider.connect(at.cluster) as fleet:
        hosts = await at.provider.facts(at.cluster, fleet)
        severity = Severity.WARN if at.workspace.pki.exists() else Severity.REFUSE
        admitted = await at.provider.admit(at.cluster, fleet, hosts, None)
        return [*absent(fleet, severity), *admitted]
