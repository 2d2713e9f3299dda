"""Emptying a node before its machine goes: kubectl's own drain, and what stands in its way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardway.errors import CommandError, RefusedError
from hardway.text import text
from hardway.tools.kubectl import Kubectl

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
"""Lets pods and volumes of a machine that is off go (kubernetes.io, Non-graceful node shutdown)."""
ANSWER_S = 30
Node = Mapping[str, Any]
"""A Node as the API has it."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What people agreed to lose, in the words of `kubectl drain`."""

    delete_emptydir_data: bool = False
    force: bool = False
    """Pods that nobody makes again go too."""
    timeout_s: int = 300

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of kubectl drain."""
        named = {
            "--delete-emptydir-data": self.delete_emptydir_data,
            "--force": self.force,
        }
        return ("--ignore-daemonsets", *(name for name, agreed in named.items() if agreed))


async def drain(kubectl: Kubectl, node: Node, consent: Consent) -> None:
    """Cordon a node and evict its pods, but DaemonSets' and mirror pods.

    Raises:
        RefusedError: pods that need consent, with nothing changed; or the time is up, with the
            disruption budgets that stood in the way and the node as it was.
    """
    name = node["metadata"]["name"]
    words = ("drain", name, *consent.flags)
    try:
        await kubectl.run(*words, "--dry-run=client")
    except CommandError as error:
        raise RefusedError(
            text("{node} has pods that are lost with it; nothing was changed:\n{output}",
                 node=name, output=error.output.strip()),
            hint="to agree to that: hardway node remove with the flags named above",
        ) from error  # fmt: skip
    try:
        limit_s = consent.timeout_s
        await kubectl.run(*words, f"--timeout={limit_s}s", timeout_s=limit_s + ANSWER_S)
    except CommandError as error:
        budgets = await _in_the_way(kubectl, name)
        if not node["spec"].get("unschedulable"):
            await kubectl.run("uncordon", name)
        why = text("these allow no further disruption:\n{budgets}", budgets="\n".join(budgets))
        raise RefusedError(
            text("{node} could not be drained within {seconds} s; it takes pods again: {why}",
                 node=name, seconds=limit_s, why=why if budgets else error.output.strip()),
            hint="let more replicas become ready, or change the budget; then run this again",
        ) from error  # fmt: skip


async def _in_the_way(kubectl: Kubectl, node: str) -> list[str]:
    """Return a line for each budget that allows no further disruption of pods on a node."""
    pods = await kubectl.objects(
        "pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}"
    )
    budgets = await kubectl.objects("poddisruptionbudgets", "--all-namespaces")
    return [
        f"  PodDisruptionBudget {b['metadata']['namespace']}/{b['metadata']['name']}"
        for b in budgets
        if not b.get("status", {}).get("disruptionsAllowed", 0)
        and any(_covers(b, pod) for pod in pods)
    ]


OPERATORS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


def _covers(budget: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Return whether a pod is one of a budget's (labels and label selectors)."""
    if budget["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    selector = budget["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels", {})
    rows = [(key, "In", [value]) for key, value in selector.get("matchLabels", {}).items()]
    rows += [
        (row["key"], row["operator"], row.get("values", []))
        for row in selector.get("matchExpressions", [])
    ]
    return all(OPERATORS[operator](labels.get(key), values) for key, operator, values in rows)


async def out_of_service(kubectl: Kubectl, name: str) -> None:
    """Let the pods and volumes of a node go whose machine is off."""
    await kubectl.run("taint", "node", name, OUT_OF_SERVICE, "--overwrite")


async def delete(kubectl: Kubectl, name: str) -> None:
    """Delete a node, with its lease."""
    await kubectl.run("delete", "node", name, "--ignore-not-found")


async def find(kubectl: Kubectl, name: str) -> Node | None:
    """Return a node as the API has it; None where there is none."""
    return next(iter(await kubectl.objects("node", name)), None)


def renews(node: Node) -> bool:
    """Return whether a node's kubelet still renews its lease, as the API sees it.

    By the Ready condition, which turns Unknown when it does not: no clock but the cluster's counts.
    """
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] != "Unknown" for c in conditions)
