"""Workers: containerd, kubelet and kube-proxy make a machine a node."""

import asyncio
import shlex

from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import Desired, Finding, Folder, Manifest
from hardway.steps import containerd, kube_proxy, kubelet
from hardway.steps.base import CURL, Check, Given, Inventory, Live, Step, services
from hardway.steps.packages import packages
from hardway.steps.rbac import cluster_role_binding, user
from hardway.transport.base import Transport

NAME = "workers"
KUBELET_CLIENT = "kube-apiserver-kubelet-client"
TRACES = (
    "/etc/cni/net.d",
    "/opt/containerd",
    "/run/containerd",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/log/containers",
    "/var/log/pods",
)
"""Folders that containerd, kubelet and CNI plugins make."""


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a worker's services and their configuration."""
    if machine.role is not Role.WORKER:
        return Desired()
    cluster, host = given.cluster, given.hosts[machine.name]
    folders = (Folder(path="/var/lib/kubelet", mode=0o700, why="volumes and state of pods"),)
    files = (
        containerd.config(host),
        kubelet.config(cluster, machine, host),
        kube_proxy.config(cluster, machine, host),
    )
    specs = (
        containerd.service(host),
        containerd.images_service(),
        kubelet.service(cluster, machine),
        kube_proxy.service(cluster, machine),
    )
    desired = Desired(packages=tuple(packages(NAME, machine.role)), folders=folders, files=files)
    return services(specs, inventory, desired)


def manifests(_given: Given) -> tuple[Manifest, ...]:
    """Let API servers reach kubelets for logs, exec and port-forward."""
    return (
        cluster_role_binding(
            "hardway:kubelet-client", "system:kubelet-api-admin", user(KUBELET_CLIENT)
        ),
    )


RUNTIME = Check(
    "containerd-answers", NAME, "without a runtime nothing runs",
    "hardway ssh MACHINE -- ctr --namespace k8s.io images ls",
)  # fmt: skip
KUBELET = Check(
    "kubelet-healthy", NAME, "kubelet starts, watches and ends the pods of its node",
    f"hardway ssh MACHINE -- curl http://127.0.0.1:{kubelet.HEALTH_PORT}/healthz",
)  # fmt: skip
ANONYMOUS = Check(
    "kubelet-refuses-anonymous", NAME, "who may ask a kubelet for exec is root on that node",
    "hardway ssh MACHINE -- curl --cacert /etc/kubernetes/pki/ca.crt https://MACHINE:10250/pods",
)  # fmt: skip
PROXY = Check(
    "kube-proxy-healthy", NAME, "without it Services' addresses lead nowhere",
    f"hardway ssh MACHINE -- curl http://127.0.0.1:{kube_proxy.HEALTH_PORT}/healthz",
)  # fmt: skip
READY = Check(
    "node-ready", NAME, "only ready nodes are given pods", "hardway kubectl describe node MACHINE",
)  # fmt: skip

SCRIPT = f"""ctr --connect-timeout 2s version >/dev/null 2>&1 && echo answers || echo no answer
ask() {{ {shlex.join(CURL)} --output /dev/null --write-out '%{{http_code}}\\n' "$@"; }}
ask http://127.0.0.1:{kubelet.HEALTH_PORT}/healthz
ask --cacert /etc/kubernetes/pki/ca.crt "https://$1:10250/pods"
ask http://127.0.0.1:{kube_proxy.HEALTH_PORT}/healthz
"""
ROWS = ((RUNTIME, "answers"), (KUBELET, "200"), (ANONYMOUS, "401"), (PROXY, "200"))


async def verify(live: Live) -> list[Finding]:
    """Look whether each worker's services answer and its node is ready, at the right version."""

    async def one(machine: str, transport: Transport | None) -> list[Finding]:
        if transport is None:
            return [check.found(machine, expected, "no answer") for check, expected in ROWS]
        lines = (await transport.run(["sh", "-c", SCRIPT, "sh", machine])).stdout.decode()
        found = [*lines.splitlines(), *["no answer"] * len(ROWS)]
        return [
            check.found(machine, expected, text)
            for (check, expected), text in zip(ROWS, found, strict=False)
        ]

    names = [m.name for m in live.cluster.workers]
    answers = asyncio.gather(*(one(name, live.fleet.get(name)) for name in names))
    found, nodes = await asyncio.gather(answers, _nodes(live))
    return [*(finding for findings in found for finding in findings), *nodes]


async def _nodes(live: Live) -> list[Finding]:
    if not live.cluster.workers:
        return []
    states = await node_states(live)
    expected = expected_node(live.cluster)
    return [
        READY.found(m.name, expected, states.get(m.name, "no such node"))
        for m in live.cluster.workers
    ]


def expected_node(cluster: Cluster) -> str:
    """Return what `node_states` says of a node that is well."""
    return f"ready v{cluster.kubernetes_version}"


async def node_states(live: Live) -> dict[str, str]:
    """Return `ready` or why not, and the version, of each node the API has."""
    states = {}
    for node in await live.kubectl.objects("nodes"):
        ready = next((c for c in node["status"]["conditions"] if c["type"] == "Ready"), None)
        if ready is None:
            word = "no state yet"
        else:
            word = "ready" if ready["status"] == "True" else f"not ready: {ready['message']}"
        states[node["metadata"]["name"]] = f"{word} {node['status']['nodeInfo']['kubeletVersion']}"
    return states


STEP = Step(
    name=NAME,
    title="Workers",
    why="machines that run pods: a runtime, an agent, and the way to Services",
    render=render,
    manifests=manifests,
    verify=verify,
    settles_s=180,
    serves=(RUNTIME.name, KUBELET.name, PROXY.name),
)
