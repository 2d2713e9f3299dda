"""How the cluster is at this moment, part by part. Reads only.

The field names are those of `hardway status --output json` (docs/output.md) and stay.
"""

import asyncio
from dataclasses import dataclass

from hardway.errors import RemoteError
from hardway.model.cluster import Cluster
from hardway.providers.base import Cost, MachineState
from hardway.steps import control_plane, endpoint, workers
from hardway.steps.base import Live
from hardway.tools import etcdctl


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
    """The API's endpoint; `holder` is the machine that has its address, empty without one."""

    address: str
    healthy: bool
    holder: str


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A worker as the API sees it."""

    name: str
    ready: bool
    version: str


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


async def status(live: Live, states: dict[str, MachineState]) -> Status:
    """Ask every part of the cluster at once how it is."""
    etcd, control_planes, at_endpoint = await asyncio.gather(
        _etcd(live), _control_planes(live), _endpoint(live)
    )
    nodes = await _nodes(live) if at_endpoint.healthy else _no_nodes(live.cluster)
    machines = tuple(
        MachineStatus(m.name, str(m.role), str(m.address), str(states[m.name]))
        for m in live.cluster.machines
    )
    return Status(live.cluster.name, machines, etcd, control_planes, at_endpoint, nodes)


async def _etcd(live: Live) -> EtcdStatus:
    machines = [m.name for m in live.cluster.control_planes]

    async def ask(name: str) -> etcdctl.MemberStatus | None:
        try:
            answer = await etcdctl.status(live.fleet[name]) if name in live.fleet else None
        except RemoteError:
            return None
        return answer if isinstance(answer, etcdctl.MemberStatus) and answer.leader_id else None

    answers = dict(zip(machines, await asyncio.gather(*map(ask, machines)), strict=True))
    leading = [name for name, a in answers.items() if a and a.member_id == a.leader_id]
    healthy = sum(1 for a in answers.values() if a and not a.errors)
    return EtcdStatus(len(machines), healthy, leading[0] if leading else "")


async def _control_planes(live: Live) -> tuple[ControlPlaneStatus, ...]:
    names = [m.name for m in live.cluster.control_planes]
    try:
        findings = await control_plane.verify(live)
    except RemoteError:
        return tuple(ControlPlaneStatus(name, healthy=False) for name in names)
    wrong = {f.machine for f in findings if not f.ok}
    return tuple(ControlPlaneStatus(name, name not in wrong) for name in names)


async def _endpoint(live: Live) -> EndpointStatus:
    address = live.cluster.endpoint.host
    try:
        holders = await endpoint.holders(live)
        findings = await endpoint.verify(live)
    except RemoteError:
        return EndpointStatus(address, healthy=False, holder="")
    return EndpointStatus(address, all(f.ok for f in findings), ", ".join(holders))


async def _nodes(live: Live) -> tuple[NodeStatus, ...]:
    try:
        states = await workers.node_states(live)
    except RemoteError:
        return _no_nodes(live.cluster)
    nodes = []
    for machine in live.cluster.workers:
        words = states.get(machine.name, "absent -").split()
        nodes.append(NodeStatus(machine.name, words[0] == "ready", words[-1]))
    return tuple(nodes)


def _no_nodes(cluster: Cluster) -> tuple[NodeStatus, ...]:
    return tuple(NodeStatus(m.name, ready=False, version="") for m in cluster.workers)
