"""Objects of the API: what they are called, and what is read out of nodes and pods. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardway.model.resources import Manifest
from hardway.text import text

OWN = {"app.kubernetes.io/managed-by": "hardway"}
"""The label of all objects that hardway applies."""
GET_NODES = ("get", "nodes", "--output=json")
SYSTEM_TAINTS = "node.kubernetes.io/"
"""Taints that Kubernetes itself sets where something is wrong with a node."""
UNSCHEDULABLE = f"{SYSTEM_TAINTS}unschedulable"
"""But for this one, which goes with `kubectl cordon`."""


def identity(manifest: Manifest) -> str:
    """Return `Kind/name` or `Kind/namespace/name` of an object."""
    return f"{manifest['kind']}/{name(manifest)}"


def name(manifest: Manifest) -> str:
    """Return `name` or `namespace/name` of an object."""
    meta = manifest["metadata"]
    parts = (meta.get("namespace"), meta["name"])
    return "/".join(part for part in parts if part)


def file_name(manifest: Manifest) -> str:
    """Return an object's file below `objects/` in the cluster's folder."""
    return f"{identity(manifest)}.yaml"


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as the API has it."""

    name: str
    ready: bool
    condition: str
    """`ready`, or why not."""
    version: str
    cordoned: bool
    taints: tuple[str, ...]
    """Keys of those that keep pods away."""
    pod_cidr: str = ""
    """The range of its pods; empty until somebody sets it."""

    @property
    def left_out(self) -> str:
        """Why people want no pods there; empty where pods may come."""
        own = [key for key in self.taints if not key.startswith(SYSTEM_TAINTS)]
        if self.cordoned:
            return text("cordoned")
        return text("tainted {taints}", taints=", ".join(own)) if own else ""

    @property
    def trouble(self) -> str:
        """What Kubernetes itself has against the node; empty where it is well."""
        theirs = [key for key in self.taints if key.startswith(SYSTEM_TAINTS)]
        others = ", ".join(key for key in theirs if key != UNSCHEDULABLE)
        return others or ("" if self.ready else self.condition)


def node_states(said: str) -> dict[str, NodeState]:
    """Return the nodes in an answer in JSON, by name."""
    states = map(_node_state, items(said, "Node"))
    return {state.name: state for state in states}


def _node_state(node: dict[str, Any]) -> NodeState:
    conditions = node.get("status", {}).get("conditions", [])
    ready = next((c for c in conditions if c["type"] == "Ready"), None)
    well = ready is not None and ready["status"] == "True"
    trouble = (text("not ready: {message}", message=ready["message"]) if ready else
               text("no state yet"))  # fmt: skip
    taints = node.get("spec", {}).get("taints", [])
    return NodeState(
        name=node["metadata"]["name"],
        ready=well,
        condition=text("ready") if well else trouble,
        version=node["status"]["nodeInfo"]["kubeletVersion"],
        cordoned=node.get("spec", {}).get("unschedulable", False),
        taints=tuple(t["key"] for t in taints if t["effect"] != "PreferNoSchedule"),
        pod_cidr=node.get("spec", {}).get("podCIDR", ""),
    )


def items(said: str, kind: str) -> list[dict[str, Any]]:
    """Return the objects of a kind in what `kubectl get --output=json` printed.

    Raises:
        ValueError: it is not JSON.
    """
    if not said.strip():
        return []
    parsed = json.loads(said)
    found = parsed["items"] if parsed["kind"] == "List" else [parsed]
    return [item for item in found if item["kind"] == kind]


def resource(kind: str) -> str:
    """Return the plural by which the API knows a kind of objects."""
    singular = kind.lower()
    return f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod's readiness probes hold and it is not on its way out."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


CRASHES = "CrashLoopBackOff"
BEING_MADE = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons of containers that wait for no trouble."""


def trouble(pod: Mapping[str, Any]) -> str:
    """Return why a pod is not ready, as scheduler and kubelet say it; empty where they do not."""
    status = pod.get("status", {})
    kinds = ("initContainerStatuses", "containerStatuses")
    for container in (one for kind in kinds for one in status.get(kind, ())):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting and waiting.get("reason") not in BEING_MADE:
            return ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))
    return _message(status, "PodScheduled", "False")


def last_warning(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """Return what was last warned of a pod, such as by a network plugin; empty where nothing was.

    kubelet says there why a pod's sandbox is not made: its status only says that it is being made.
    """
    name = pod["metadata"]["name"]
    own = [e for e in events if (e["type"], e["involvedObject"]["name"]) == ("Warning", name)]
    return str(max(own, key=_time)["message"]) if own else ""


def _time(event: Mapping[str, Any]) -> str:
    return event.get("lastTimestamp") or event.get("eventTime") or ""


def refused(deployment: Mapping[str, Any]) -> str:
    """Return why the API refuses a Deployment's pods, such as a policy or a quota; else empty."""
    return _message(deployment.get("status", {}), "ReplicaFailure", "True")


def crashes(pod: Mapping[str, Any]) -> bool:
    """Return whether kubelet waits, longer each time, before it starts a pod's container again."""
    return trouble(pod).startswith(CRASHES)


def is_rolled_out(deployment: Mapping[str, Any]) -> bool:
    """Return whether all pods that a Deployment has are made from what it now says."""
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    made = (status.get("replicas", 0), status.get("updatedReplicas", 0))
    return bool(seen and made == (wanted, wanted))


def _message(status: Mapping[str, Any], kind: str, value: str) -> str:
    conditions = status.get("conditions", [])
    return next((str(c.get("message", "")) for c in conditions
                 if (c["type"], c["status"]) == (kind, value)), "")  # fmt: skip
