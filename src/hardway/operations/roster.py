"""The machines that were decided on, and what the API and their provider say about each."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hardway.errors import RemoteError
from hardway.model.cluster import Machine, Role
from hardway.model.delta import By
from hardway.model.objects import GET_NODES, NodeState, node_states
from hardway.project import Project
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Row:
    """One machine; the fields are those of `hardway node list --output json`."""

    name: str
    role: str
    address: str
    pods: str
    """Its pods' range; empty on a control plane."""
    machine: str
    """What it is doing, as its provider sees it."""
    state: str
    """`ready`, or why not; a control plane is no node."""
    notes: tuple[str, ...]
    """What keeps pods away from the node, and where hardway.yaml differs."""


async def rows(project: Project) -> list[Row]:
    """Return a row for each machine, control planes first; changes nothing."""
    states, nodes = await asyncio.gather(project.provider.states(project.cluster), _nodes(project))
    return [
        Row(
            name=m.name,
            role=str(m.role),
            address=str(m.address),
            pods=str(m.pod_cidr or ""),
            machine=str(states[m.name]),
            state=_state(m, nodes.get(m.name)),
            notes=(*_kept_away(nodes.get(m.name)), *_deltas(project, m)),
        )
        for m in project.cluster.machines
    ]


async def _nodes(project: Project) -> Mapping[str, NodeState]:
    """Return the nodes by name; none where the API does not answer."""
    async with project.reach(absent_ok=True) as live:
        if not live.fleet:
            return {}
        try:
            return node_states(await live.kubectl.run(*GET_NODES))
        except RemoteError:
            return {}


def _state(machine: Machine, node: NodeState | None) -> str:
    if machine.role is Role.CONTROL_PLANE:
        return "-"
    return node.condition if node else text("no such node")


def _kept_away(node: NodeState | None) -> Iterator[str]:
    if node:
        yield from filter(None, (node.left_out, node.trouble if node.ready else ""))


def _deltas(project: Project, machine: Machine) -> Iterator[str]:
    for delta in project.deltas:
        if delta.subject == machine.name:
            yield (
                delta.how
                if delta.by is By.UP
                else text("not in hardway.yaml: {how}", how=delta.how)
            )
