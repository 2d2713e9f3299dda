"""How the cluster is at this moment, part by part. Reads only.

The field names are those of `hardway status --output json` (docs/output.md) and stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hardway.checks.ask import Case, ask
from hardway.checks.live import Live
from hardway.checks.run import cases, findings
from hardway.model.checks import Answer, Check, Occasion
from hardway.model.cluster import Cluster
from hardway.model.objects import node_states
from hardway.providers.base import Cost, MachineState
from hardway.steps import control_plane, endpoint, etcd_checks, workers


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """One machine."""

    name: str
    role: str
    address: str
    state: str


@dataclass(frozen=True, slots=True)
class EtcdStatus:
    """etcd as a whole; `leader` is a machine's name, empty without one."""

    members: int
    healthy: int
    leader: str


@dataclass(frozen=True, slots=True)
class ControlPlaneStatus:
    """The three services of one control plane."""

    name: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """The API's endpoint."""

    address: str
    healthy: bool
    holder: str
    """The machine that has the virtual address; empty without one."""
    kind: str
    """As in hardway.yaml, or `made`."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A worker as the API sees it."""

    name: str
    ready: bool
    version: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate that the next `up` issues again; `machine` is empty for this host's."""

    name: str
    machine: str
    why: str


@dataclass(frozen=True, slots=True)
class Status:
    """All of it."""

    cluster: str
    machines: tuple[MachineStatus, ...]
    etcd: EtcdStatus
    control_planes: tuple[ControlPlaneStatus, ...]
    endpoint: EndpointStatus
    nodes: tuple[NodeStatus, ...]
    cost: Cost | None = None
    """Of what is there, where the provider is paid."""
    renewals: tuple[Renewal, ...] = ()

    @property
    def healthy(self) -> bool:
        """Return whether every part is as it should be."""
        return (
            all(m.state == MachineState.RUNNING for m in self.machines)
            and self.etcd.healthy == self.etcd.members
            and all(c.healthy for c in self.control_planes)
            and self.endpoint.healthy
            and all(n.ready for n in self.nodes)
        )


CHECKS = (
    etcd_checks.MEMBER,
    *(c for c in control_plane.CHECKS if c.when is Occasion.ALWAYS),
    *(c for c in endpoint.CHECKS if c.when is Occasion.ALWAYS),
    workers.READY,
)
"""The checks that a cluster's status is made of."""


async def status(live: Live, states: dict[str, MachineState]) -> Status:
    """Ask every part of the cluster at once how it is."""
    made = cases(CHECKS, live)
    answers = list(zip(made, await ask(made, live), strict=True))
    machines = tuple(
        MachineStatus(m.name, str(m.role), str(m.address), str(states[m.name]))
        for m in live.cluster.machines
    )
    return Status(
        cluster=live.cluster.name,
        machines=machines,
        etcd=_etcd(answers),
        control_planes=tuple(
            ControlPlaneStatus(m.name, _well(answers, control_plane.CHECKS, m.name))
            for m in live.cluster.control_planes
        ),
        endpoint=_endpoint(live.cluster, answers),
        nodes=_nodes(live.cluster, answers),
    )


Answers = list[tuple[Case, Answer]]


def _well(answers: Answers, checks: Sequence[Check], name: str = "") -> bool:
    """Return whether some checks hold, of one subject or of all."""
    own = [row for row in answers if row[0].check in checks and name in {"", row[0].subject.name}]
    return all(f.ok for case, answer in own for f in findings(case, answer))


def _etcd(answers: Answers) -> EtcdStatus:
    said = {
        case.subject.name: a.last_line for case, a in answers if case.check is etcd_checks.MEMBER
    }
    members = {name: state for name, text in said.items() if (state := etcd_checks.member(text))}
    leading = [name for name, m in members.items() if m.member_id == m.leader_id]
    healthy = sum(1 for m in members.values() if m.leader_id and not m.errors)
    return EtcdStatus(len(said), healthy, leading[0] if leading else "")


def _endpoint(cluster: Cluster, answers: Answers) -> EndpointStatus:
    held = next((answer for case, answer in answers if case.check is endpoint.HELD), Answer())
    return EndpointStatus(
        cluster.endpoint.host,
        healthy=_well(answers, endpoint.CHECKS),
        holder=", ".join(endpoint.holders(held)),
        kind=str(cluster.endpoint.kind),
    )


def _nodes(cluster: Cluster, answers: Answers) -> tuple[NodeStatus, ...]:
    said = next((answer for case, answer in answers if case.check is workers.READY), Answer())
    states = {} if said.silence or said.status else node_states(said.text)
    return tuple(
        NodeStatus(m.name, ready=m.name in states and states[m.name].ready,
                   version=states[m.name].version if m.name in states else "")
        for m in cluster.workers
    )  # fmt: skip
