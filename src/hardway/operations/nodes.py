"""Machines that leave a living cluster, or are replaced; new ones are `up`'s.

A machine is drained, taken apart, deleted as a Node and then as a decision; the others forget it
by the way of `up`. Each part looks first: a run that was interrupted is gone on with by the same
command.
"""

from dataclasses import dataclass, field

from hardway.engine.members import Membership
from hardway.errors import RefusedError
from hardway.model.cluster import Machine, Role
from hardway.model.delta import refuse
from hardway.model.resources import Finding
from hardway.operations import drain
from hardway.operations.drain import Consent
from hardway.ownership import claims, held
from hardway.pipeline import journaled, make_whole
from hardway.pki import store
from hardway.project import Project
from hardway.providers.base import MachineState
from hardway.report import Event, Happened, Report
from hardway.spec.schema import Counts
from hardway.steps.index import STEPS
from hardway.text import text
from hardway.transport.base import Fleet


@dataclass(frozen=True, slots=True)
class Departure:
    """A machine that is to go, and how."""

    name: str
    lost: bool = False
    """It does not answer and never will again."""
    consent: Consent = field(default_factory=Consent)


async def remove(project: Project, departure: Departure, report: Report) -> list[Finding]:
    """Take a machine out of the cluster; it is left as it was before hardway.

    Raises:
        RefusedError: hardway.yaml still asks for it, its pods need consent or do not go, or it is
            said to be lost and lives.
        UnknownError: other machines did not answer; the removal is complete.
    """
    command = f"node remove {departure.name}"
    left = _has_left(project, departure.name, command)
    if not left:
        _unlisted(project, _known(project, departure.name))
    with journaled(project, report, command) as told:
        if not left:
            await _depart(project, departure, told)
        return await make_whole(project.without(departure.name), STEPS, told)


async def replace(project: Project, departure: Departure, report: Report) -> list[Finding]:
    """Take a machine out and put a new one in its place, with its name and addresses.

    Raises:
        HardwayError: as of `remove` and of `pipeline.up`.
    """
    command = f"node replace {departure.name}"
    left = _has_left(project, departure.name, command)
    _known(project, departure.name)
    with journaled(project, report, command) as told:
        if not left:
            await _depart(project, departure, told)
        return await make_whole(project, STEPS, told)


def _has_left(project: Project, name: str, command: str) -> bool:
    """Return whether the last runs were this command, and one broke off once a machine had left.

    A machine of this name that is there again is the new one.
    """
    for event in reversed([*project.workspace.journal.events()]):
        if event.happened is Happened.LEFT and event.machine == name:
            return True
        if event.happened is Happened.ENDED:
            return False
        if event.happened is Happened.BEGUN and event.text != command:
            return False
    return False


def _known(project: Project, name: str) -> Machine:
    known = {m.name: m for m in (project.decisions.machines if project.decisions else ())}
    if name not in known:
        raise RefusedError(
            text("cluster {cluster} has no machine {machine}", cluster=project.cluster.name,
                 machine=name),
            hint=text("its machines: {names}", names=", ".join(known) or text("none yet")),
        )  # fmt: skip
    return known[name]


def _unlisted(project: Project, machine: Machine) -> None:
    """Raise RefusedError where hardway.yaml would bring the machine back."""
    refuse(project.cluster.name, project.deltas)
    asked = project.spec.machines
    if not isinstance(asked, Counts):
        if any(m.name == machine.name for m in asked):
            raise RefusedError(
                text("hardway.yaml lists {machine}: the next `up` would add it again",
                     machine=machine.name),
                hint=text("take its line out of hardway.yaml, then run this again; for new "
                          "hardware in its place: hardway node replace {machine}",
                          machine=machine.name),
            )  # fmt: skip
        return
    field, count = {
        Role.CONTROL_PLANE: ("controlPlanes", asked.control_planes),
        Role.WORKER: ("workers", asked.workers),
    }[machine.role]
    there = len(project.cluster.having(machine.role))
    if there <= count:
        raise RefusedError(
            text("hardway.yaml asks for {count} {field} and there are {found}: the next `up` would "
                 "add one again", count=count, field=field, found=there),
            hint=text("lower machines.{field} in hardway.yaml, then run this again; for new "
                      "hardware in its place: hardway node replace {machine}", field=field,
                      machine=machine.name),
        )  # fmt: skip


async def _depart(project: Project, departure: Departure, report: Report) -> None:
    """Empty a machine, take it apart, and delete its Node, as far as each is still to be done."""
    machine = _known(project, departure.name)

    def doing(name: str, what: str) -> None:
        report(Event(happened=Happened.DOING, machine=name, text=what))

    state = (await project.provider.states(project.cluster))[machine.name]
    async with project.provider.connect(project.cluster) as fleet:
        others = {name: t for name, t in fleet.items() if name != machine.name}
        async with held(others) as answers:
            project.owning(answers)
            live = project.live(fleet)
            kubectl = live.kubectl
            serves = await _serves(fleet, machine, state, departure)
            node = await drain.find(kubectl, machine.name)
            if node and serves:
                doing(machine.name, text("draining"))
                await drain.drain(kubectl, node, departure.consent)
            elif node:
                if departure.lost and state is not MachineState.ABSENT:
                    _refuse_living(machine, node)
                await drain.out_of_service(kubectl, machine.name)
            if machine.role is Role.CONTROL_PLANE:
                await Membership(live, machine).leave(report)
            if project.provider.switches or not departure.lost:
                await project.provider.remove(project.cluster, machine, doing)
            await drain.delete(kubectl, machine.name)
    doing(machine.name, "")
    _forget(project, departure, report)
    report(Event(happened=Happened.LEFT, machine=machine.name))


async def _serves(
    fleet: Fleet, machine: Machine, state: MachineState, departure: Departure
) -> bool:
    """Return whether a machine's pods can be asked to go; not where they are gone with it.

    Raises:
        RefusedError: it does not answer and was not said to be lost, or the other way round.
    """
    transport = fleet.get(machine.name)
    if transport is not None and departure.lost:
        raise RefusedError(
            text("{machine} answers: it is not lost", machine=machine.name),
            hint=text("without --lost: hardway node remove {machine}", machine=machine.name),
        )
    if transport is None and not departure.lost and state is not MachineState.ABSENT:
        raise RefusedError(
            text("{machine} does not answer ({state}): its pods cannot be asked to go",
                 machine=machine.name, state=state),
            hint=text("start it; if it never comes back: hardway node remove {machine} --lost",
                      machine=machine.name),
        )  # fmt: skip
    if transport is None:
        return False
    # Without hardway's notes a run before this one has taken it apart already.
    answer = (await claims({machine.name: transport}))[machine.name]
    return answer.noted is not None or answer.ledger is not None


def _refuse_living(machine: Machine, node: drain.Node) -> None:
    """Raise RefusedError while the API still hears from a machine that is said to be gone."""
    if drain.renews(node):
        raise RefusedError(
            text("{machine} renews the lease of its node: it runs, though it does not answer here; "
                 "its pods would run twice", machine=machine.name),
            hint="switch it off; a minute later the API has noticed, then run this again",
        )  # fmt: skip


def _forget(project: Project, departure: Departure, report: Report) -> None:
    """Delete a machine's keys and files here; of a lost one, say how long its disk's keys are good.

    Files that a new machine of this name brings with it would be taken for somebody's edits.
    """
    project.workspace.forget(departure.name)
    good_until = store.forget(project.workspace.pki, project.cluster, departure.name)
    if departure.lost and good_until:
        said = text("{machine}: the certificates on its disk are good until {day:%Y-%m-%d}; "
                    "Kubernetes reads no revocation list, so whoever has that disk comes in until "
                    "then", machine=departure.name, day=good_until)  # fmt: skip
        report(Event(happened=Happened.WARNED, machine=departure.name, text=said))
