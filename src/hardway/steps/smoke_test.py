"""Smoke test: what people use a cluster for, on every node, in a namespace made for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hardway.components import image
from hardway.model.checks import (
    CLUSTER,
    NODES,
    Answer,
    Check,
    Forward,
    Judgement,
    Kubectl,
    Occasion,
    Sh,
    Subject,
    Where,
    judged,
    says,
)
from hardway.model.cluster import Cluster
from hardway.model.etcd import argv
from hardway.model.objects import is_ready, items, last_warning, refused, trouble
from hardway.model.resources import Manifest, Severity, Verdict
from hardway.model.trials import Trial
from hardway.steps import control_plane, cures, encryption
from hardway.steps.base import API, CURL, Step
from hardway.steps.certificate_checks import TLS
from hardway.steps.keys_in_use import KEYS_IN_USE
from hardway.text import text

NAME = "smoke-test"
PORT = 8080
READY_POD = text("ready")
LABELS = {"app": "probe"}
PLAINTEXT = "nobody-reads-this-in-etcd"
SEALED = "k8s:enc:secretbox:v1:"
"""How a value begins that the API server has encrypted."""
NO_ACCOUNT_YET = "error looking up service account"
"""What the API server says of pods until the controller manager has made their account."""


def setup(_cluster: Cluster, namespace: str, nodes: Sequence[str]) -> tuple[Manifest, ...]:
    """Return a Secret, and a server's Deployment and Service with one pod on each node."""
    named = {"name": "probe", "namespace": namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": named,
              "stringData": {"word": PLAINTEXT}}  # fmt: skip
    if not nodes:
        return (secret,)
    return (
        secret,
        {"apiVersion": "v1", "kind": "Service", "metadata": named,
         "spec": {"type": "NodePort", "selector": LABELS, "ports": [{"port": PORT}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named,
         "spec": {"replicas": len(nodes), "selector": {"matchLabels": LABELS},
                  "template": {"metadata": {"labels": LABELS}, "spec": _pod(nodes)}}},
    )  # fmt: skip


def _pod(nodes: Sequence[str]) -> Manifest:
    apart = [{"labelSelector": {"matchLabels": LABELS}, "topologyKey": "kubernetes.io/hostname"}]
    # A term names one node; one of them has to fit. Other nodes, which may be left out or not
    # hardway's, get no pod.
    terms = [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        for node in nodes
    ]
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
        "affinity": {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart},
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
            },
        },
        "containers": [container],
    }


def _runs(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge the Deployment and its pods; what people or their policies forbid is no failure."""
    pods = {p["spec"].get("nodeName", ""): p for p in items(answer.text, "Pod")}
    own = pods.get(subject.name)
    if own and is_ready(own):
        behind = own["status"]["podIP"] in _endpoints(answer)
        return judged(READY_POD, READY_POD if behind else text("ready, in no EndpointSlice"))
    denied = next(filter(None, map(refused, items(answer.text, "Deployment"))), "")
    if denied and NO_ACCOUNT_YET not in denied:
        return _left_out(text("not tried: {why}", why=denied))
    full = next(filter(None, map(_full, pods.values())), "")
    if not own and full:
        return _left_out(text("left out: no room: {why}", why=full))
    if not own:
        return judged(READY_POD, text("no pod"))
    why = trouble(own) or last_warning(own, items(answer.text, "Event"))
    found = text("not ready: {message}", message=why) if why else text("not ready")
    return judged(READY_POD, found)


def _endpoints(answer: Answer) -> set[str]:
    """Return the addresses behind the Service, as the controller manager has noted them."""
    slices = items(answer.text, "EndpointSlice")
    noted = [endpoint for s in slices for endpoint in s["endpoints"] or ()]
    return {address for e in noted if e["conditions"]["ready"] for address in e["addresses"]}


def _left_out(found: str) -> tuple[Judgement]:
    return (Judgement(Verdict.UNKNOWN, READY_POD, found, Severity.WARN),)


def _full(pod: Mapping[str, Any]) -> str:
    """Return why the scheduler finds no room for a pod."""
    for condition in pod.get("status", {}).get("conditions", []):
        message = condition.get("message", "")
        if condition.get("reason") == "Unschedulable" and (
            "Insufficient" in message or "Too many pods" in message
        ):
            return str(message)
    return ""


def words(said: str) -> dict[str, dict[str, str]]:
    """Return what fills the holes of the checks on each node, by what `READY` was answered.

    A pod's peer is one on another node; itself where there is none.
    """
    pods = {p["spec"]["nodeName"]: p for p in items(said, "Pod") if is_ready(p)}
    services = items(said, "Service")
    nodes = sorted(pods)
    return {
        node: {
            "POD": pods[node]["metadata"]["name"],
            "POD_IP": pods[node]["status"]["podIP"],
            "PEER_IP": pods[nodes[(index + 1) % len(nodes)]]["status"]["podIP"],
            "SERVICE_IP": services[0]["spec"]["clusterIP"],
            "NODE_PORT": str(services[0]["spec"]["ports"][0]["nodePort"]),
        }
        for index, node in enumerate(nodes)
    }


def _probe(*arguments: str) -> Kubectl:
    """Run the probe in this node's pod."""
    return Kubectl(
        ("exec", "--namespace=<NAMESPACE>", "<POD>", "--", "/probe", *arguments), timeout_s=15
    )


def _some(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    there = answer.text.strip() and not answer.status
    return judged(text("some"), text("some") if there else text("none"))


def _pod_answered(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    a_pod = text("a pod")
    return judged(a_pod, a_pod if _host(answer).startswith("probe-") else answer.last_line)


def _own_pod(subject: Subject, answer: Answer) -> tuple[Judgement]:
    return judged(subject.words["POD"], _host(answer) or answer.last_line)


def _own_address(subject: Subject, answer: Answer) -> tuple[Judgement]:
    return judged(subject.words["POD_IP"], _said(answer).get("client", answer.last_line))


def _host(answer: Answer) -> str:
    return _said(answer).get("host", "")


def _said(answer: Answer) -> dict[str, str]:
    """Return what the probe says of a request to it: who answers, and whom it saw."""
    try:
        return dict(json.loads(answer.text))
    except ValueError:
        return {}


ETCDCTL = " ".join(argv())
SECRET = Sh(
    f"""value() {{ {ETCDCTL} get /registry/secrets/<NAMESPACE>/probe --print-value-only; }}
value | head -c {len(SEALED)} | tr -cd '[:print:]'
echo
! value | grep -q {PLAINTEXT} || echo "the Secret's word"
""",
    Where.CONTROL_PLANE,
)
EXEC = "hardway kubectl exec --namespace=<NAMESPACE> <POD> -- /probe"
POD_ANSWERS = """grep '"host":"probe-'"""
FORWARDED = f"""hardway kubectl port-forward --namespace=<NAMESPACE> <POD> :{PORT} | {{
    read -r _ _ at _
    said=$(curl --silent --noproxy '*' --max-time 10 "http://$at/") || :
    # kubectl ends at the next connection: nobody reads what it says of it.
    exec <&-
    curl --silent --noproxy '*' --max-time 10 --output /dev/null "http://$at/" || :
    echo "$said" | grep -F <POD>
}}"""
GET_POD = ("kubectl get pods --namespace=<NAMESPACE> --field-selector=spec.nodeName={node} "
           "--output='jsonpath={{.items[0].{field}}}'")  # fmt: skip
GET_SERVICE = (
    "kubectl get service probe --namespace=<NAMESPACE> --output='jsonpath={{.spec.{field}}}'"
)
BY_HAND = {
    "POD": GET_POD.format(node="<MACHINE>", field="metadata.name"),
    "POD_IP": GET_POD.format(node="<MACHINE>", field="status.podIP"),
    "PEER_IP": GET_POD.format(node="<PEER>", field="status.podIP"),
    "SERVICE_IP": GET_SERVICE.format(field="clusterIP"),
    "NODE_PORT": GET_SERVICE.format(field="ports[0].nodePort"),
}
IN_POD = (
    f"hardway kubectl run probe --rm --stdin --restart=Never --image={image('probe')} "
    """--image-pull-policy=Never --overrides='{"spec": {"nodeName": "<MACHINE>"}}' """
    "--command -- /probe"
)
"""For people: once this has ended, the trial's own pods are gone."""

NEEDED = (encryption.SAME.name, control_plane.READY.name)
"""The trial's `needs`: without them nothing is tried."""
READY = Check(
    name="pods-on-every-node", step=NAME, scope=NODES, when=Occasion.CHANGED, judge=_runs,
    causes=("containerd-answers", "kubelet-healthy", "node-ready", "node-takes-pods",
            "cni-config-first", "pod-addresses-left", *TLS, *API, "scheduler-healthy",
            "controller-manager-healthy"),
    anywhere=NEEDED,
    ask=Kubectl(("get", "deployments,pods,services,endpointslices,events",
                 "--namespace=<NAMESPACE>", "--output=json")),
    test="hardway kubectl rollout status --namespace=<NAMESPACE> deployment/probe --timeout=5s",
    why="a Deployment becomes pods, one on each worker, and a Service leads to them",
    see="hardway kubectl describe node <MACHINE>",
)  # fmt: skip
ENCRYPTED = Check(
    name="secret-encrypted", step=NAME, scope=CLUSTER, when=Occasion.CHANGED,
    causes=("etcd-member-healthy", *API),
    anywhere=("encryption-first", "kube-apiserver-flags", *NEEDED),
    ask=SECRET, judge=says(SEALED),
    test=f"hardway ssh <CONTROL_PLANE> -- '{ETCDCTL} get /registry/secrets/<NAMESPACE>/probe "
    f"--print-value-only | head -c {len(SEALED)} | grep {SEALED}'",
    why="whoever reads etcd's disk must not read Secrets",
    cure="find what writes to etcd past the API server; etcd lets in only clients that its CA has "
    "signed",
    see=f"hardway ssh <CONTROL_PLANE> -- {ETCDCTL} get --prefix --limit=1 /registry/secrets/",
)  # fmt: skip
ON_A_NODE = (
    Check(name="logs", step=NAME, scope=NODES, when=Occasion.CHANGED, judge=_some,
          causes=("kubelet-healthy", "kubelet-client-may"), anywhere=("ports-reached",),
          ask=Kubectl(("logs", "--namespace=<NAMESPACE>", "<POD>"), timeout_s=15),
          test="hardway kubectl logs --namespace=<NAMESPACE> <POD> | grep .",
          why="the API server reaches this node's kubelet, with rights",
          cure=cures.PACKETS_PASS,
          see="hardway kubectl get --raw=/api/v1/nodes/<MACHINE>/proxy/healthz"),
    Check(name="exec-and-names", step=NAME, scope=NODES, when=Occasion.CHANGED,
          causes=("kubelet-healthy", "kubelet-settings", "logs", "pod-resolves", "dns-ready",
                  "objects-as-given"),
          ask=_probe("resolve", "kubernetes.default.svc.cluster.local"),
          judge=says("<API_SERVICE_IP>"),
          test=f"{EXEC} resolve kubernetes.default.svc.cluster.local | grep -x <API_SERVICE_IP>",
          why="a command runs in a pod there, and resolves a Service's name",
          cure=cures.PACKETS_PASS,
          see=f"{IN_POD} resolve kubernetes.default.svc.cluster.local"),
    Check(name="port-forward", step=NAME, scope=NODES, when=Occasion.CHANGED,
          causes=("kubelet-healthy", "logs"),
          ask=Forward("<NAMESPACE>", "<POD>", PORT), judge=_own_pod, test=FORWARDED,
          why="a connection goes through API server and kubelet into a pod",
          see="hardway kubectl --namespace kube-system port-forward deployment/coredns 9153"),
    Check(name="service-by-name", step=NAME, scope=NODES, when=Occasion.CHANGED,
          causes=("service-by-ip", "exec-and-names", "pod-resolves", "dns-ready",
                  "objects-as-given"),
          ask=_probe("get", f"http://probe.<NAMESPACE>.svc.cluster.local:{PORT}/"),
          judge=_pod_answered,
          test=f"{EXEC} get http://probe.<NAMESPACE>.svc.cluster.local:{PORT}/ | {POD_ANSWERS}",
          why="DNS and kube-proxy lead from this node to a pod",
          cure=cures.PACKETS_PASS,
          see=f"{IN_POD} get http://kube-dns.kube-system.svc.cluster.local:9153/metrics"),
    Check(name="service-by-ip", step=NAME, scope=NODES, when=Occasion.CHANGED,
          causes=("logs", "pod-reaches-service", "kube-proxy-healthy"),
          anywhere=("pod-routes",),
          ask=_probe("get", f"http://<SERVICE_IP>:{PORT}/"), judge=_pod_answered,
          test=f"{EXEC} get http://<SERVICE_IP>:{PORT}/ | {POD_ANSWERS}",
          why="kube-proxy's rules lead from this node to a pod",
          cure=cures.PACKETS_PASS,
          see=f"{IN_POD} get http://<DNS_SERVICE_IP>:9153/metrics"),
    # From a control plane: it runs no kube-proxy and comes like any client from outside.
    Check(name="node-port", step=NAME, scope=NODES, when=Occasion.CHANGED,
          causes=("service-rules", "kube-proxy-healthy", "kube-proxy-settings", "kernel-settings"),
          anywhere=("pod-routes",),
          ask=Sh(f"{CURL} --fail http://<ADDRESS>:<NODE_PORT>/", Where.CONTROL_PLANE),
          judge=_pod_answered,
          test="hardway ssh <CONTROL_PLANE> -- curl --silent --max-time 10 "
          f"http://<ADDRESS>:<NODE_PORT>/ | {POD_ANSWERS}",
          why="clients outside the cluster reach a Service at this node's address",
          cure=cures.PACKETS_PASS,
          see="hardway ssh <MACHINE> -- nft list map ip kube-proxy service-nodeports"),
    Check(name="source-address-kept", step=NAME, scope=NODES, when=Occasion.CHANGED,
          causes=("logs", "pod-reaches-neighbours"), anywhere=("pod-routes", "pod-masquerade"),
          ask=_probe("get", f"http://<PEER_IP>:{PORT}/"), judge=_own_address,
          test=f"{EXEC} get http://<PEER_IP>:{PORT}/ | grep -F <POD_IP>",
          why="a pod elsewhere sees this pod's own address, not its node's",
          cure=cures.PACKETS_PASS,
          see="hardway ssh <MACHINE> -- nft list chain ip hardway_pods postrouting"),
)  # fmt: skip
ON_NODES = tuple(
    replace(
        check,
        causes=(*check.causes, READY.name, "kubelet-client-may", *API),
        anywhere=(*check.anywhere, *NEEDED),
    )
    for check in ON_A_NODE
)
"""Without its pod nothing is tried on a node, and without the API nothing at all."""


TRIAL = Trial(
    prefix="hardway-smoke-",
    labels={"pod-security.kubernetes.io/enforce": "restricted"},
    setup=setup,
    # With another key on one control plane, the Secret written there could be read by no other.
    needs=(encryption.SAME, KEYS_IN_USE, control_plane.READY),
    ready=READY,
    words=words,
    by_hand=BY_HAND,
    once=(ENCRYPTED,),
    on_nodes=ON_NODES,
)
STEP = Step(
    name=NAME,
    title="Smoke test",
    why="the whole of it, used as people would",
    trial=TRIAL,
    settles_s=0,
)
