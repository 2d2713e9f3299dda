"""What a mutation is: one fault of a living cluster, made on purpose, and its undo. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from hardway.model.checks import Subject, any_cluster
from hardway.model.cluster import Cluster, EndpointKind, Machine, Role
from hardway.pki.inventory import Wanted
from hardway.steps import probe

UP = "hardway up"


class Which(Enum):
    """On which machines of a role a mutation is made."""

    ONE = "one"
    """The last: the first is the one that checks ask by preference."""
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class Slip:
    """A certificate that the cluster's own CA signs for a key on the machine, with an error."""

    certificate: str
    """A row of `pki.inventory`."""
    made: Callable[[Wanted], Wanted] = lambda wanted: wanted
    """What is asked of the CA in place of what there should be."""
    left: timedelta | None = None
    """How long it is still good, as if it were old; None: as long as any new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One thing changed on machines, after which one check is red before all others."""

    name: str
    check: str
    """The check that it turns red before all others."""
    also: tuple[str, ...] = ()
    """Checks that it has to turn red as consequences: those that have a cause whenever they are."""
    role: Role
    which: Which = Which.ONE
    keeps: tuple[str, ...] = ()
    """Paths that it changes, makes or removes: kept before, and put back by the undo."""
    do: str
    """The shell that makes it; words in angle brackets are filled (`words`)."""
    undo: str = ""
    """The shell that takes it back once the paths are as they were; it may be run again."""
    symptom: str
    """What a person would notice first, in one line."""
    why: str
    """What it teaches."""
    mend: tuple[str, ...] = (UP,)
    """The commands that make the cluster whole again, as a person types them."""
    shows_s: float = 10
    """How long it may take until the check is red and nothing else is."""
    later_s: float = 0
    """When more follows from it, if anything: all of that has to be folded under the check too."""
    where: Callable[[Cluster], bool] = any_cluster
    """Which clusters it can be made in."""
    tried: bool = False
    """The check is one of a trial: verify has to write for it."""
    slip: Slip | None = None
    """What `<CERTIFICATE>` is, as PEM."""

    def machines(self, cluster: Cluster) -> tuple[Machine, ...]:
        """Return the machines that it is made on; none in a cluster that it does not fit."""
        having = cluster.having(self.role) if self.where(cluster) else ()
        return having if self.which is Which.EVERY else having[-1:]

    def fill(self, text: str, cluster: Cluster, machine: Machine, certificate: str = "") -> str:
        """Return one of its texts for a machine."""
        more = {**words(cluster, machine), "CERTIFICATE": certificate}
        return Subject("machine", machine.name, cluster).fill(text, more)


def words(cluster: Cluster, machine: Machine) -> Mapping[str, str]:
    """Return what fills holes of mutations, beside those of checks."""
    filled = {
        "PODS": str(cluster.pod_cidr),
        "SERVICES": str(cluster.service_cidr),
        "WORKERS": " ".join(m.name for m in cluster.workers),
        "VERSION": cluster.kubernetes_version,
    }
    if cluster.workers:
        filled["WORKER"] = cluster.workers[-1].name
    if machine.pod_cidr:
        filled |= {"OWN_PODS": str(machine.pod_cidr), "PROBE": probe.address(machine)}
    return filled


def with_workers(cluster: Cluster) -> bool:
    """Return whether there is a worker."""
    return bool(cluster.workers)


def several_workers(cluster: Cluster) -> bool:
    """Return whether a worker has a neighbour."""
    return len(cluster.workers) > 1


def named_alike(cluster: Cluster) -> bool:
    """Return whether one worker's name takes the place of another's: they are equally long."""
    return several_workers(cluster) and len({len(m.name) for m in cluster.workers}) == 1


def several_control_planes(cluster: Cluster) -> bool:
    """Return whether a control plane has another beside it."""
    return len(cluster.control_planes) > 1


def at_vip(cluster: Cluster) -> bool:
    """Return whether control planes hold the endpoint's address."""
    return cluster.endpoint.kind is EndpointKind.VIP


def at_proxy(cluster: Cluster) -> bool:
    """Return whether each machine has a haproxy for itself."""
    return cluster.endpoint.kind is EndpointKind.PROXY
