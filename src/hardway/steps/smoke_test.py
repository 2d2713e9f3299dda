"""Smoke test: what people use a cluster for, on every node, in a namespace that goes again."""

import asyncio
import json
import secrets
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hardway.components import image
from hardway.errors import HardwayError
from hardway.model.cluster import Machine
from hardway.model.resources import Finding, Manifest
from hardway.steps.base import CURL, Check, Live, Occasion, Step
from hardway.steps.dns import is_ready
from hardway.tools import etcdctl
from hardway.transport.base import poll_until, run_checked

NAME = "smoke-test"
PREFIX = "hardway-smoke-"
PORT = 8080
LABELS = {"app": "probe"}
PLAINTEXT = "nobody-reads-this-in-etcd"
PODS_READY_S = 60.0
TRIES_S = 45.0
"""kube-proxies learn of ready pods through the API and write their rules once a second at most; an
attempt before that, or by a host with no time to spare, hangs for its 15 s and is made again."""


def manifests(namespace: str, replicas: int) -> tuple[Manifest, ...]:
    """Return a server's Deployment, one pod on each worker, with its Service, and a Secret."""
    named = {"name": "probe", "namespace": namespace}
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    return (
        {"apiVersion": "v1", "kind": "Namespace",
         "metadata": {"name": namespace, "labels": restricted}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": named,
         "stringData": {"word": PLAINTEXT}},
        {"apiVersion": "v1", "kind": "Service", "metadata": named,
         "spec": {"type": "NodePort", "selector": LABELS, "ports": [{"port": PORT}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named,
         "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS},
                  "template": {"metadata": {"labels": LABELS}, "spec": _pod()}}},
    )  # fmt: skip


def _pod() -> Manifest:
    apart = [{"labelSelector": {"matchLabels": LABELS}, "topologyKey": "kubernetes.io/hostname"}]
    container = {
        "name": "probe",
        "image": image("probe"),
        "imagePullPolicy": "Never",
        "args": ["serve", "--port", str(PORT)],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart}},
        "containers": [container],
    }


@dataclass(frozen=True, slots=True)
class Trial:
    """What the checks on one node need to know."""

    live: Live
    namespace: str
    node: str
    pod: str
    pod_ip: str
    peer_ip: str
    """A pod on another node; itself where there is none."""
    service_ip: str
    node_port: int

    async def execute(self, *words: str) -> str:
        """Run the probe in this node's pod and return what it printed."""
        where = [f"--namespace={self.namespace}", self.pod]
        return await self.live.kubectl.run("exec", *where, "--", "/probe", *words, timeout_s=15)


ENCRYPTED = Check(
    "secret-encrypted", NAME, "who reads etcd's disk must not read Secrets",
    "hardway ssh MACHINE -- etcdctl … get --prefix /registry/secrets/",
)  # fmt: skip
PODS = Check(
    "pods-on-every-node", NAME, "a Deployment becomes pods, one on each worker",
    "hardway kubectl get pods --all-namespaces --output wide",
)  # fmt: skip
LOGS = Check(
    "logs", NAME, "the API server reaches this node's kubelet, with rights",
    "hardway kubectl logs POD",
)  # fmt: skip
EXEC = Check(
    "exec-and-names", NAME, "a command runs in a pod there, and resolves a Service's name",
    "hardway kubectl exec POD -- /probe resolve kubernetes.default.svc.cluster.local",
)  # fmt: skip
FORWARD = Check(
    "port-forward", NAME, "a connection goes through API server and kubelet into a pod",
    "hardway kubectl port-forward POD 8080",
)  # fmt: skip
BY_NAME = Check(
    "service-by-name", NAME, "DNS and kube-proxy lead from this node to a pod",
    "hardway kubectl exec POD -- /probe get http://probe:8080",
)  # fmt: skip
BY_IP = Check(
    "service-by-ip", NAME, "kube-proxy's rules lead from this node to a pod",
    "hardway kubectl exec POD -- /probe get http://SERVICE_IP:8080",
)  # fmt: skip
NODE_PORT = Check(
    "node-port", NAME, "who has no part in the cluster reaches a Service at this node's address",
    "curl http://MACHINE:NODE_PORT",
)  # fmt: skip
SOURCE = Check(
    "source-address-kept", NAME, "a pod elsewhere sees this pod's own address, not its node's",
    "hardway kubectl exec POD -- /probe get http://PEER_IP:8080",
)  # fmt: skip


async def _logs(trial: Trial) -> tuple[str, str]:
    where = [f"--namespace={trial.namespace}", trial.pod]
    text = await trial.live.kubectl.run("logs", *where, timeout_s=15)
    return "some", "some" if text.strip() else "none"


async def _exec(trial: Trial) -> tuple[str, str]:
    text = await trial.execute("resolve", "kubernetes.default.svc.cluster.local")
    return str(trial.live.cluster.api_service_ip), text.strip()


async def _forward(trial: Trial) -> tuple[str, str]:
    async with trial.live.kubectl.forward(trial.namespace, trial.pod, PORT) as local:
        answer = await asyncio.to_thread(_get, f"http://127.0.0.1:{local}/")
    return trial.pod, json.loads(answer)["host"]


def _get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode())


async def _by_name(trial: Trial) -> tuple[str, str]:
    name = f"probe.{trial.namespace}.svc.cluster.local"
    return "a pod", _answered(await trial.execute("get", f"http://{name}:{PORT}/"))


async def _by_ip(trial: Trial) -> tuple[str, str]:
    return "a pod", _answered(await trial.execute("get", f"http://{trial.service_ip}:{PORT}/"))


async def _node_port(trial: Trial) -> tuple[str, str]:
    cluster = trial.live.cluster
    # From a control plane: it has no part in kube-proxy, as any client outside.
    transport = trial.live.fleet[cluster.control_planes[0].name]
    url = f"http://{cluster.machine(trial.node).address}:{trial.node_port}/"
    answer = await run_checked(transport, [*CURL, "--fail", url])
    return "a pod", _answered(answer)


async def _source(trial: Trial) -> tuple[str, str]:
    answer = await trial.execute("get", f"http://{trial.peer_ip}:{PORT}/")
    return trial.pod_ip, json.loads(answer)["client"]


def _answered(answer: str) -> str:
    return "a pod" if json.loads(answer)["host"].startswith("probe-") else answer.strip()


TRIALS: Sequence[tuple[Check, Callable[[Trial], Awaitable[tuple[str, str]]]]] = (
    (LOGS, _logs),
    (EXEC, _exec),
    (FORWARD, _forward),
    (BY_NAME, _by_name),
    (BY_IP, _by_ip),
    (NODE_PORT, _node_port),
    (SOURCE, _source),
)
"""What is tried on every node; each returns what was expected and what was found."""


async def verify(live: Live) -> list[Finding]:
    """Use the cluster as people would, then remove what was made for it."""
    namespace = PREFIX + secrets.token_hex(3)
    kubectl = live.kubectl
    await kubectl.apply(manifests(namespace, len(live.cluster.workers)))
    try:
        encrypted = await _encrypted(live, namespace)
        if not live.cluster.workers:
            return [encrypted]
        return [encrypted, *await _on_nodes(live, namespace)]
    finally:
        # Not waited for: an interrupted run leaves no more than this one would.
        await kubectl.run("delete", "namespace", namespace, "--wait=false")


async def _encrypted(live: Live, namespace: str) -> Finding:
    machine = live.cluster.control_planes[0].name
    transport = live.fleet.get(machine)
    if transport is None:
        return ENCRYPTED.found(machine, "ciphertext", "no answer")
    key = f"/registry/secrets/{namespace}/probe"
    done = await transport.run(etcdctl.argv("get", key, "--print-value-only"))
    sealed = done.stdout.startswith(b"k8s:enc:secretbox:v1:")
    sealed = sealed and PLAINTEXT.encode() not in done.stdout
    return ENCRYPTED.found(machine, "ciphertext", "ciphertext" if sealed else "plain or absent")


async def _on_nodes(live: Live, namespace: str) -> list[Finding]:
    workers = live.cluster.workers

    async def ready() -> dict[str, Manifest]:
        pods = await live.kubectl.objects("pods", f"--namespace={namespace}")
        return {p["spec"]["nodeName"]: p for p in pods if is_ready(p)}

    pods = await poll_until(ready, lambda p: len(p) == len(workers), deadline_s=PODS_READY_S)
    findings = [PODS.found(m.name, "ready", "ready" if m.name in pods else "no") for m in workers]
    if len(pods) < len(workers):
        return findings
    service = (await live.kubectl.objects("service", "probe", f"--namespace={namespace}"))[0]

    def trial(index: int, machine: Machine) -> Trial:
        pod, peer = pods[machine.name], pods[workers[(index + 1) % len(workers)].name]
        return Trial(
            live=live,
            namespace=namespace,
            node=machine.name,
            pod=pod["metadata"]["name"],
            pod_ip=pod["status"]["podIP"],
            peer_ip=peer["status"]["podIP"],
            service_ip=service["spec"]["clusterIP"],
            node_port=service["spec"]["ports"][0]["nodePort"],
        )

    trials = [trial(index, machine) for index, machine in enumerate(workers)]
    tried = await asyncio.gather(*(_try(row, t) for t in trials for row in TRIALS))
    return [*findings, *tried]


async def _try(
    row: tuple[Check, Callable[[Trial], Awaitable[tuple[str, str]]]], trial: Trial
) -> Finding:
    check, attempt = row

    async def once() -> Finding:
        try:
            expected, found = await attempt(trial)
        except (HardwayError, OSError, ValueError) as error:
            return check.found(trial.node, "an answer", str(error))
        return check.found(trial.node, expected, found)

    return await poll_until(once, lambda f: f.ok, deadline_s=TRIES_S, interval_s=0.5)


STEP = Step(
    name=NAME,
    title="Smoke test",
    why="the whole of it, used as people would",
    verify=verify,
    settles_s=0,
    checked=Occasion.CHANGED,
)
