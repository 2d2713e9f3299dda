"""In which order running services are restarted, and when they must not be. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from hardway.model.cluster import Cluster, quorum
from hardway.model.resources import Blob, Change, Finding, Kind
from hardway.steps.base import Step

Wave = tuple[str, ...]
"""Machines whose services are restarted together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A step's service as it runs before its restarts."""

    machines: tuple[str, ...]
    """All machines that run it, silent ones too."""
    healthy: frozenset[str]
    """Those whose own process answers."""
    needed: int = 0
    """How many healthy machines must never be missing, as far as that is in our hands."""


def service(
    step: Step,
    cluster: Cluster,
    findings: Sequence[Finding],
    *,
    silent: Collection[str],
    restarted: Collection[str],
) -> Service:
    """Return a step's service on all machines of the roles that are restarted.

    Only the checks that ask a machine's own process count: what is wrong elsewhere, or unknown,
    is no reason to restart everything at once. A step without such checks has no process that
    serves anybody: its units run and end.
    """
    roles = {cluster.machine(name).role for name in restarted}
    names = tuple(m.name for m in cluster.machines if m.role in roles)
    broken = {f.machine for f in findings if f.check in step.serves and f.fails}
    healthy = frozenset(names if step.serves else ()) - broken - frozenset(silent)
    needed = quorum(len(names)) if step.majority else 0
    return Service(machines=names, healthy=healthy, needed=needed)


def waves(of: Service, restarted: Sequence[str], started: Collection[str]) -> tuple[Wave, ...]:
    """Return which machines are restarted together, in their order.

    While the service answers: machines that do not serve anyway together and first, the others
    one by one. While it answers nowhere: all together, as at a boot, since members may be waiting
    for each other. `started` have a process that did not run and was started just now.
    """
    turns = [name for name in restarted if name in of.healthy]
    together = tuple(n for n in dict.fromkeys((*restarted, *started)) if n not in turns)
    return tuple(wave for wave in (together, *((name,) for name in turns)) if wave)


def served(of: Service, restarted: Collection[str], wave: Wave) -> bool:
    """Return whether a wave has restarted machines that serve clients.

    Machines that were only started beside them do not take the place of those that still run with
    other files, as the former holder of an address does.
    """
    return any(name in restarted and name in of.healthy for name in wave)


def lost(of: Service, restarted: Sequence[str], started: Collection[str]) -> tuple[str, ...]:
    """Return the machines for whose loss healthy ones must not be restarted; none if they may.

    Lost are machines that are not healthy and that the restarts do not repair.
    """
    missing = tuple(
        name
        for name in of.machines
        if name not in of.healthy and name not in restarted and name not in started
    )
    takes_one_down = any(name in of.healthy for name in restarted)
    too_few = len(of.machines) - len(missing) - 1 < of.needed
    return missing if takes_one_down and too_few else ()


def stages(cluster: Cluster, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Yield the changes in parts, each made and settled before the next one begins.

    Where the version of a component that runs changes, machine by machine, control planes first:
    a process that crashes meanwhile comes back with the version of its machine, and no kubelet
    is newer than the API servers. All else is the last part.
    """
    moving = {c.machine for c in changes if _replaces(c)} & {
        c.machine for c in changes if c.kind is Kind.RESTART
    }
    for machine in (*cluster.control_planes, *cluster.workers):
        if machine.name in moving:
            yield [c for c in changes if c.machine == machine.name]
    yield [c for c in changes if c.machine not in moving]


def _replaces(change: Change) -> bool:
    return change.kind is Kind.UPDATE and isinstance(change.item, Blob)
