"""DNS: CoreDNS in the cluster, two replicas on different nodes."""

import textwrap
from collections.abc import Mapping

from hardway.components import image
from hardway.model.checks import (
    Answer,
    Check,
    Judgement,
    Kubectl,
    Scope,
    Subject,
    judged,
)
from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.objects import is_ready, is_rolled_out, items, node_states, refused, trouble
from hardway.model.resources import Desired, Manifest
from hardway.model.rows import Setting
from hardway.render.config import comment
from hardway.steps import data_path, object_checks, service_checks
from hardway.steps.base import API, Given, Inventory, Step
from hardway.steps.dns_notes import NOTES
from hardway.steps.rbac import API as RBAC
from hardway.text import joined, text

NAME = "dns"
NAMESPACE = "kube-system"
LABELS = {"k8s-app": "kube-dns"}
"""The labels upstream's tests and dashboards look for."""
SHOWN = {"kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
"""What `kubectl cluster-info` looks for, and calls it."""
CUSTOM = "/etc/coredns-custom"
"""Where pods have the ConfigMap `coredns-custom`, the user's own; there need not be one."""
OWN = {
    "about.override": "# Keys like this one in the ConfigMap coredns-custom: plugins for `.:53`.\n",
    "about.server": "# Keys like this one in the ConfigMap coredns-custom: zones of your own.\n",
}
"""Always there, since CoreDNS warns twice a minute of an import that finds no file."""


def replicas(cluster: Cluster) -> int:
    """Return how many there should be: two, where there are nodes for them."""
    return min(2, len(cluster.workers))


def forwarding(given: Given) -> tuple[str, ...]:
    """Return the workers whose resolvers CoreDNS asks; none if those are too few for its replicas.

    A worker that was not asked has some. CoreDNS does not start where `forward` names nobody.
    """
    hosts, workers = given.hosts, given.cluster.workers
    able = tuple(m.name for m in workers if m.name not in hosts or hosts[m.name].nameservers)
    return able if len(able) >= replicas(given.cluster) else ()


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return what CoreDNS's pods cause on a worker; their objects are the API's."""
    if machine.role is not Role.WORKER:
        return Desired()
    return Desired(effects=(data_path.former_resolvers(given.cluster),))


def corefile(given: Given) -> str:
    """Return CoreDNS's configuration; docs/dns.md compares it with upstream's and kubeadm's."""
    forward = FORWARD if forwarding(given) else ()
    block = textwrap.indent("".join(map(_text, (*PLUGINS, *forward, OWN_PLUGINS))), "    ")
    return f".:53 {{\n{block}}}\n{_text(OWN_ZONES)}"


PLUGINS = (
    Setting("errors", "", "Logs each query that it could not answer, and why."),
    Setting("health", "{\n    lameduck 5s\n}",
            "Port 8080, for kubelet. A pod that ends answers for 5 s more, while kube-proxies "
            "take it out of the Service."),
    Setting("ready", "", "Port 8181: ready once the API has told it all Services."),
    Setting("kubernetes", "cluster.local in-addr.arpa ip6.arpa {\n    pods verified\n"
            "    fallthrough in-addr.arpa ip6.arpa\n    ttl 30\n}",
            "Names of Services, and of pods that exist: with upstream's `pods insecure` every "
            "address has a name in the cluster's domain, also one outside of the cluster. Reverse "
            "queries for addresses outside go on to the resolvers there."),
    Setting("prometheus", ":9153", "Metrics, scraped at the Service's port of that name."),
    Setting("cache", "30 {\n    disable success cluster.local\n    disable denial cluster.local\n}",
            "Answers from outside for up to 30 s. Those of the cluster come from memory already, "
            "and a cache would give away addresses that are gone."),
    Setting("reload", "", "Takes a changed configuration within 45 s; keeps the old if it is bad."),
    Setting("loadbalance", "", "Turns the order of addresses at each answer."),
)  # fmt: skip
FORWARD = (
    Setting("forward", ". /etc/resolv.conf {\n    max_concurrent 1000\n}",
            "All other names are for the resolvers of the pod's node. Beyond 1000 open queries it "
            "refuses, before silent resolvers cost it all its memory."),
    Setting("loop", "", "Stops at once if these resolvers ask CoreDNS itself."),
)  # fmt: skip
OWN_PLUGINS = Setting(
    "import", f"{CUSTOM}/*.override",
    "Your own plugins, from the ConfigMap coredns-custom, which hardway never writes.",
)  # fmt: skip
OWN_ZONES = Setting("import", f"{CUSTOM}/*.server", "Your own zones, from the same ConfigMap.")


def _text(row: Setting) -> str:
    return comment(row.why) + f"{row.name} {row.value}".rstrip() + "\n"


def manifests(given: Given) -> tuple[Manifest, ...]:
    """Return CoreDNS's objects; none where no node could run it."""
    cluster = given.cluster
    if not cluster.workers:
        return ()
    return (*_account(), _config(given), _deployment(given), _budget(), _service(cluster))


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
        "data": {"Corefile": corefile(given), **OWN},
    }


def _deployment(given: Given) -> Manifest:
    cluster, able = given.cluster, forwarding(given)
    apart = {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": LABELS}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
    pod = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        # Required, not preferred: two on the node that dies are as good as none.
        "affinity": {"podAntiAffinity": apart, **_where_resolvers_are(cluster, able)},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        # The node's resolvers, not itself.
        "dnsPolicy": "Default",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container()],
        "volumes": [
            _volume("config", _keys("coredns", "Corefile")),
            _volume("custom", _keys("coredns", *OWN), {"name": "coredns-custom", "optional": True}),
        ],
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


def _where_resolvers_are(cluster: Cluster, able: tuple[str, ...]) -> Manifest:
    """Return what keeps CoreDNS off workers without resolvers; nothing where all have some."""
    if len(able) in {0, len(cluster.workers)}:
        return {}
    named = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(able)}
    rule = {"nodeSelectorTerms": [{"matchExpressions": [named]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": rule}}


def _volume(name: str, *maps: Manifest) -> Manifest:
    return {"name": name, "projected": {"sources": [{"configMap": m} for m in maps]}}


def _keys(config_map: str, *keys: str) -> Manifest:
    return {"name": config_map, "items": [{"key": key, "path": key} for key in keys]}


def _container() -> Manifest:
    return {
        "name": "coredns",
        "image": image("coredns"),
        # It is on every worker already, and in no registry.
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
            {"name": "liveness-probe", "containerPort": 8080, "protocol": "TCP"},
            {"name": "readiness-probe", "containerPort": 8181, "protocol": "TCP"},
        ],
        # Upstream's 10 s would be waited for by each `up`.
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": "readiness-probe"}, "periodSeconds": 1,
        },
        # Patient: a CoreDNS that is slow for lack of CPU is not helped by being killed.
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": "liveness-probe"},
            "initialDelaySeconds": 60, "timeoutSeconds": 5, "failureThreshold": 5,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/coredns", "readOnly": True},
            {"name": "custom", "mountPath": CUSTOM, "readOnly": True},
        ],
    }  # fmt: skip


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
        "metadata": {
            **_named("kube-dns"),
            "labels": LABELS | SHOWN,
            "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
        },
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


def _wanted(subject: Subject, answer: Answer) -> tuple[int, str]:
    """Return how many replicas there can be, and which nodes are left out and why."""
    nodes = node_states(answer.text)
    left_out = {name: node.left_out for name, node in nodes.items() if node.left_out}
    usable = [n for n in nodes.values() if n.ready and not n.left_out]
    named = [text("{name}: {why}", name=name, why=why) for name, why in left_out.items()]
    return min(replicas(subject.cluster), len(usable)), joined(", ", named)


def _beside(found: str, left_out: str) -> str:
    return text("{found} (left out: {nodes})", found=found, nodes=left_out) if left_out else found


def _own(answer: Answer, kind: str) -> list[Manifest]:
    return [o for o in items(answer.text, kind)
            if LABELS.items() <= o["metadata"].get("labels", {}).items()]  # fmt: skip


def _pods(answer: Answer) -> list[Manifest]:
    return [pod for pod in _own(answer, "Pod") if is_ready(pod)]


def _troubles(answer: Answer) -> str:
    pods = [trouble(pod) for pod in _own(answer, "Pod") if not is_ready(pod)]
    deployments = map(refused, _own(answer, "Deployment"))
    return joined(", ", dict.fromkeys(filter(None, (*deployments, *pods))))


def _ready(subject: Subject, answer: Answer) -> tuple[Judgement]:
    (wanted, left_out), ready = _wanted(subject, answer), len(_pods(answer))
    rolled_out = all(map(is_rolled_out, _own(answer, "Deployment")))
    holds = ready >= wanted and rolled_out
    why = "" if holds else _troubles(answer)
    if not (rolled_out or why):
        why = text("a rollout is under way")
    found = (text("{count} ready: {why}", count=ready, why=why) if why else
             text("{count} ready", count=ready))  # fmt: skip
    return judged(text("{count} ready", count=wanted), _beside(found, left_out), holds=holds)


def _apart(subject: Subject, answer: Answer) -> tuple[Judgement]:
    wanted, left_out = _wanted(subject, answer)
    nodes = len({pod["spec"]["nodeName"] for pod in _pods(answer)})
    found = _beside(text("{count} nodes", count=nodes), left_out)
    return judged(text("{count} nodes", count=wanted), found, holds=nodes >= wanted)


def _replicas(subject: Subject) -> Mapping[str, str]:
    return {"REPLICAS": str(replicas(subject.cluster))}


PODS = Kubectl(("get", "nodes,pods,deployments", f"--namespace={NAMESPACE}", "--output=json"))
WITH_WORKERS = Scope("cluster", where=lambda cluster: bool(cluster.workers))
SEE = "hardway kubectl --namespace kube-system get pods --selector k8s-app=kube-dns --output wide"

CHECKS = (
    *service_checks.CHECKS,
    object_checks.CHECK,
    Check(name="dns-ready", step=NAME, scope=WITH_WORKERS, ask=PODS, judge=_ready,
          causes=(*API, "scheduler-healthy", "controller-manager-healthy", "objects-as-given"),
          anywhere=("node-resolvers", "node-ready", "pod-reaches-service", "pod-addresses-left"),
          test="hardway kubectl --namespace kube-system rollout status deployment/coredns "
          "--timeout=5s",
          why="pods find Services by name",
          cure="take away what refuses CoreDNS's pods, if it is named here (a quota, a policy, a "
          "webhook); then: hardway up",
          see=SEE),
    Check(name="dns-apart", step=NAME, scope=WITH_WORKERS, ask=PODS, judge=_apart,
          causes=("dns-ready", *API), words=_replicas,
          test="[ <REPLICAS> = $(hardway kubectl --namespace kube-system get pods "
          "--selector k8s-app=kube-dns --output='jsonpath={.items[*].spec.nodeName}' | "
          "xargs -n 1 | sort -u | wc -l) ]",
          why="if all replicas are on one node, its loss is the loss of all names",
          cure="let the scheduler place them again: hardway kubectl --namespace kube-system delete "
          "pods --selector k8s-app=kube-dns",
          see=SEE),
    *data_path.DNS_CHECKS,
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="DNS",
    why="Services have names, on whichever node one asks",
    render=render,
    manifests=manifests,
    checks=CHECKS,
    notes=NOTES,
    settles_s=120,
)
