"""Node objects as wanted things: registered by their kubelets, with the pod range decided. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from hardway.model.cluster import Cluster, Machine
from hardway.model.names import API
from hardway.model.objects import identity
from hardway.model.resources import Change, Kind, Manifest, Unit
from hardway.steps import kubelet, workers
from hardway.text import text


def references(cluster: Cluster) -> list[Manifest]:
    """Return what the API is asked for: the Node of each worker."""
    return [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": m.name}}
            for m in cluster.workers]  # fmt: skip


def changes(
    cluster: Cluster, there: Sequence[Manifest], kubelets: Mapping[str, Unit], busy: Collection[str]
) -> Iterator[Change]:
    """Yield what has to change about the Nodes, given those `there` in the API.

    `kubelets` has the kubelets of workers that answer. A kubelet registers its Node once, when it
    starts: those that are `busy`, because they are started or restarted anyway, do it then.
    """
    nodes = {o["metadata"]["name"]: o for o in there if o["kind"] == "Node"}
    for worker in cluster.workers:
        node = nodes.get(worker.name)
        if node is None and worker.name in kubelets and worker.name not in busy:
            yield Change(
                machine=worker.name, step=workers.NAME, kind=Kind.REGISTER,
                path_or_unit=f"Node/{worker.name}", item=kubelets[worker.name],
                diff=text("the API has no such node: kubelet registers it when it starts"),
            )  # fmt: skip
        if (node or worker.name in kubelets) and not (node or {}).get("spec", {}).get("podCIDR"):
            yield _assign(worker)


def _assign(worker: Machine) -> Change:
    """Return the change that gives a Node its range; the API lets that be set once."""
    range_ = str(worker.pod_cidr)
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": worker.name},
            "spec": {"podCIDR": range_, "podCIDRs": [range_]}}  # fmt: skip
    return Change(
        machine=API, step=workers.NAME, kind=Kind.ASSIGN, path_or_unit=identity(node), item=node,
        diff=f"spec.podCIDR: {range_}",
    )  # fmt: skip


def busy(changes: Sequence[Change]) -> set[str]:
    """Return the machines whose kubelet is started or restarted by some changes."""
    return {
        c.machine
        for c in changes
        if c.kind in {Kind.START, Kind.RESTART} and c.path_or_unit == kubelet.UNIT
    }
