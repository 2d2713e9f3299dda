"""DNS: CoreDNS in the cluster, two replicas on different nodes."""

from hardway.components import image
from hardway.model.cluster import Cluster
from hardway.model.resources import Finding, Manifest
from hardway.steps.base import Check, Given, Live, Step
from hardway.steps.rbac import API as RBAC

NAME = "dns"
NAMESPACE = "kube-system"
LABELS = {"k8s-app": "kube-dns"}
"""The labels upstream's tests and dashboards look for."""


def replicas(cluster: Cluster) -> int:
    """Return how many there should be: two, where there are nodes for them."""
    return min(2, len(cluster.workers))


def corefile(given: Given) -> str:
    """Return CoreDNS's configuration."""
    resolved = all(
        given.hosts[m.name].nameservers for m in given.cluster.workers if m.name in given.hosts
    )
    # Names outside the cluster are the business of the resolvers that the pod's node asks.
    forward = "    forward . /etc/resolv.conf\n    loop\n" if resolved else ""
    return f"""\
.:53 {{
    errors
    # Goes on answering while Services forget it.
    health {{
        lameduck 5s
    }}
    ready
    kubernetes cluster.local in-addr.arpa {{
        # Names of pods only for pods that exist.
        pods verified
        ttl 30
    }}
{forward}    prometheus :9153
    cache 30
    reload
    loadbalance
}}
"""


def manifests(given: Given) -> tuple[Manifest, ...]:
    """Return CoreDNS's objects; none where no node could run it."""
    cluster = given.cluster
    if not cluster.workers:
        return ()
    return (*_account(), _config(given), _deployment(cluster), _budget(), _service(cluster))


def _account() -> tuple[Manifest, ...]:
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"],
         "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
         "verbs": ["list", "watch"]},
    ]  # fmt: skip
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "system:coredns"}
    subject = {"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _named("coredns")},
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole",
         "metadata": {"name": "system:coredns"}, "rules": rules},
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRoleBinding",
         "metadata": {"name": "system:coredns"}, "roleRef": role, "subjects": [subject]},
    )  # fmt: skip


def _config(given: Given) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _named("coredns"),
        "data": {"Corefile": corefile(given)},
    }


def _deployment(cluster: Cluster) -> Manifest:
    apart = {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": LABELS}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
    pod = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        # Required, not preferred: two on the node that dies are as good as none.
        "affinity": {"podAntiAffinity": apart},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        # The node's resolvers, not itself.
        "dnsPolicy": "Default",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container()],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    # One at a time and never more than wanted: a third finds no node of its own on two workers.
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _named("coredns"),
        "spec": {
            "replicas": replicas(cluster),
            "strategy": strategy,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }


def _container() -> Manifest:
    def probe(path: str, port: int, seconds: int) -> Manifest:
        return {"httpGet": {"path": path, "port": port}, "periodSeconds": seconds}

    return {
        "name": "coredns",
        "image": image("coredns"),
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "readinessProbe": probe("/ready", 8181, 2),
        "livenessProbe": probe("/health", 8080, 10),
        "resources": {"requests": {"cpu": "50m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }


def _budget() -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _named("coredns"),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}},
    }


def _service(cluster: Cluster) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        # The name that everybody expects, from the time before CoreDNS.
        "metadata": _named("kube-dns"),
        "spec": {
            "clusterIP": str(cluster.dns_service_ip),
            "selector": LABELS,
            "ports": [
                {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "targetPort": 53, "protocol": "TCP"},
                {"name": "metrics", "port": 9153, "targetPort": 9153, "protocol": "TCP"},
            ],
        },
    }


def _named(name: str) -> dict[str, object]:
    return {"name": name, "namespace": NAMESPACE, "labels": LABELS}


READY = Check(
    "dns-ready", NAME, "pods find Services by name",
    "hardway kubectl --namespace kube-system get pods --selector k8s-app=kube-dns --output wide",
)  # fmt: skip
APART = Check(
    "dns-apart", NAME, "with all replicas on one node its loss takes all names along",
    "hardway kubectl --namespace kube-system get pods --selector k8s-app=kube-dns --output wide",
)  # fmt: skip


async def verify(live: Live) -> list[Finding]:
    """Look whether the replicas are ready, on different nodes."""
    wanted = replicas(live.cluster)
    if not wanted:
        return []
    pods = await live.kubectl.objects(
        "pods", f"--namespace={NAMESPACE}", "--selector=k8s-app=kube-dns"
    )
    ready = [p for p in pods if is_ready(p)]
    nodes = {p["spec"]["nodeName"] for p in ready}
    return [
        READY.found("endpoint", f"{wanted} ready", f"{len(ready)} ready"),
        APART.found("endpoint", f"{wanted} nodes", f"{len(nodes)} nodes"),
    ]


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod's readiness probes hold and it is not on its way out."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


STEP = Step(
    name=NAME,
    title="DNS",
    why="Services have names, on whichever node one asks",
    manifests=manifests,
    verify=verify,
    settles_s=120,
)
