"""The machines that were decided on, and what the API and their provider say about each."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardway.errors import RemoteError
from hardway.model.cluster import Machine, Role
from hardway.model.delta import By
from hardway.setup import Setup

CORDON = "node.kubernetes.io/unschedulable"
"""The taint that comes with a cordon."""


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
    """What people did to the node, and where hardway.yaml differs."""


async def rows(at: Setup) -> list[Row]:
    """Return a row for each machine, control planes first; changes nothing."""
    states, nodes = await asyncio.gather(at.provider.states(at.cluster), _nodes(at))
    return [
        Row(
            name=m.name,
            role=str(m.role),
            address=str(m.address),
            pods=str(m.pod_cidr or ""),
            machine=str(states[m.name]),
            state=_state(m, nodes),
            notes=(*_held_back(nodes.get(m.name, {})), *_deltas(at, m)),
        )
        for m in at.cluster.machines
    ]


async def _nodes(at: Setup) -> Mapping[str, Mapping[str, Any]]:
    """Return the Nodes by name; none where the API does not answer."""
    async with at.reach(absent_ok=True) as live:
        if not live.fleet:
            return {}
        try:
            found = await live.kubectl.objects("nodes")
        except RemoteError:
            return {}
    return {node["metadata"]["name"]: node for node in found}


def _state(machine: Machine, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    if machine.role is Role.CONTROL_PLANE:
        return "-"
    if machine.name not in nodes:
        return "no such node"
    conditions = nodes[machine.name].get("status", {}).get("conditions", [])
    ready = next((c for c in conditions if c["type"] == "Ready"), None)
    if ready is None:
        return "no state yet"
    return "ready" if ready["status"] == "True" else f"not ready: {ready['message']}"


def _held_back(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield why pods do not come to a node: cordons and taints."""
    spec = node.get("spec", {})
    if spec.get("unschedulable"):
        yield "cordoned"
    for taint in spec.get("taints", ()):
        if taint["key"] != CORDON:
            value = f"={taint['value']}" if taint.get("value") else ""
            yield f"taint {taint['key']}{value}:{taint['effect']}"


def _deltas(at: Setup, machine: Machine) -> Iterator[str]:
    for delta in at.deltas:
        if delta.subject == machine.name:
            yield delta.how if delta.by is By.UP else f"not in hardway.yaml: {delta.how}"
