"""Workers: containerd, kubelet and kube-proxy make a machine a node."""

from collections.abc import Sequence

from hardway.model.checks import (
    NODES,
    WORKERS,
    Answer,
    Check,
    Judgement,
    Sh,
    Subject,
    every,
    judged,
    says,
)
from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.objects import node_states
from hardway.model.resources import Desired, Folder, Manifest, Severity, Verdict
from hardway.model.rows import Note, Setting
from hardway.render.systemd import Service
from hardway.steps import containerd, cures, kube_proxy, kubelet, processes, worker_settings
from hardway.steps.base import API, CA, Given, Inventory, Step, services, status_of
from hardway.steps.certificate_checks import TLS
from hardway.steps.extras import with_extras
from hardway.steps.packages import packages
from hardway.steps.rbac import cluster_role_binding, user
from hardway.steps.worker_settings import KUBELET_CLIENT
from hardway.text import text

NAME = "workers"
KUBECONFIG = ("kubeconfigs-usable", "kubeconfig-server")
"""Without these a client does not find the API, or is nobody there."""


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
        _kubelet(cluster, machine, kubelet.settings(cluster, machine, host)),
        kube_proxy.service(cluster, machine),
    )
    desired = Desired(packages=tuple(packages(NAME, machine.role)), folders=folders, files=files,
                      effects=(containerd.images_effect(),))  # fmt: skip
    return services(specs, inventory, desired)


def _kubelet(cluster: Cluster, machine: Machine, file: Sequence[Setting] = ()) -> Service:
    """Return kubelet's service; `file` are the settings of its configuration file."""
    return with_extras(cluster.options, kubelet.service(cluster, machine), file=file)


def manifests(_given: Given) -> tuple[Manifest, ...]:
    """Let API servers reach kubelets for logs, exec and port-forward."""
    return (
        cluster_role_binding(
            "hardway:kubelet-client", "system:kubelet-api-admin", user(KUBELET_CLIENT)
        ),
    )


EVERY_NODE = every("nodes")


def _ready(subject: Subject, answer: Answer) -> tuple[Judgement]:
    node = node_states(answer.text).get(subject.name)
    expected = text("{condition} {version}", condition=text("ready"),
                    version=f"v{subject.cluster.kubernetes_version}")  # fmt: skip
    if node is None:
        return judged(expected, text("no such node"))
    found = text("{condition} {version}", condition=node.condition, version=node.version)
    return judged(expected, found)


def _untroubled(subject: Subject, answer: Answer) -> tuple[Judgement]:
    node = node_states(answer.text).get(subject.name)
    if node is None or not node.ready:
        # Another check's. Not silence: a node is ready for a moment before its taint goes.
        return (Judgement(Verdict.UNKNOWN, text("none"), text("the node is not ready")),)
    return judged(text("none"), node.trouble or text("none"))


def _takes_pods(subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    node = node_states(answer.text).get(subject.name)
    takes = text("takes pods")
    return judged(takes, node.left_out or takes) if node else ()


def _range(subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    node = node_states(answer.text).get(subject.name)
    if node is None or subject.machine is None or not node.pod_cidr:
        # `up` sets it once the node is there.
        return ()
    return judged(str(subject.machine.pod_cidr), node.pod_cidr)


RUNTIME = Check(
    name="containerd-answers", step=NAME, scope=WORKERS,
    ask=Sh("ctr --connect-timeout 2s version >/dev/null 2>&1 && echo answers || echo no"),
    judge=says("answers"), causes=("containerd-runs",),
    why="without a runtime nothing runs",
    cure=cures.restart("containerd"),
    see="hardway ssh <MACHINE> -- ctr --namespace k8s.io images ls",
)  # fmt: skip
KUBELET = Check(
    name="kubelet-healthy", step=NAME, scope=WORKERS,
    ask=status_of(f"http://127.0.0.1:{kubelet.HEALTH_PORT}/healthz"), judge=says("200"),
    causes=("kubelet-runs", "kubelet-flags"),
    why="kubelet starts, watches and ends the pods of its node",
    cure=cures.restart("kubelet"),
    see=f"hardway ssh <MACHINE> -- curl http://127.0.0.1:{kubelet.HEALTH_PORT}/healthz",
)  # fmt: skip
PROXY = Check(
    name="kube-proxy-healthy", step=NAME, scope=WORKERS,
    ask=status_of(f"http://127.0.0.1:{kube_proxy.HEALTH_PORT}/healthz"), judge=says("200"),
    causes=("kube-proxy-runs", "kube-proxy-flags", *API),
    why="without it Services' addresses lead nowhere",
    cure=cures.restart("kube-proxy"),
    see=f"hardway ssh <MACHINE> -- curl http://127.0.0.1:{kube_proxy.HEALTH_PORT}/healthz",
)  # fmt: skip
READY = Check(
    name="node-ready", step=NAME, scope=NODES, ask=EVERY_NODE, judge=_ready,
    # kubelet reports Ready once containerd has a network for pods.
    brought_by="pod-network",
    causes=("containerd-answers", "kubelet-healthy", *KUBECONFIG, *TLS,
            *API, "controller-manager-healthy", "cni-config-first", "machine-reaches-endpoint",
            "files-as-given"),
    why="only ready nodes are given pods",
    after="pod-network",
    test="hardway kubectl wait --for=condition=Ready --timeout=5s node/<MACHINE>",
    see="hardway kubectl describe node <MACHINE>",
)  # fmt: skip
CHECKS = (
    processes.flags(kubelet.UNIT, _kubelet, step=NAME, scope=WORKERS),
    processes.flags(kube_proxy.UNIT, kube_proxy.service, step=NAME, scope=WORKERS),
    processes.runs("containerd.service", step=NAME, scope=WORKERS,
                   why="without a runtime nothing runs"),
    processes.runs(containerd.IMAGES_UNIT, step=NAME, scope=WORKERS,
                   causes=("containerd-answers",),
                   why="the cluster's own images are in no registry: they are imported here"),
    processes.runs(kubelet.UNIT, step=NAME, scope=WORKERS,
                   causes=("kubelet-flags", "containerd-answers", *KUBECONFIG, *TLS),
                   why="kubelet starts, watches and ends the pods of its node"),
    processes.runs(kube_proxy.UNIT, step=NAME, scope=WORKERS,
                   causes=("kube-proxy-flags", *KUBECONFIG, *TLS),
                   why="without it Services' addresses lead nowhere"),
    RUNTIME,
    KUBELET,
    Check(name="kubelet-refuses-anonymous", step=NAME, scope=WORKERS,
          ask=status_of(f"https://<MACHINE>:{kubelet.PORT}/pods"),
          judge=says("401"), causes=("kubelet-healthy", "kubelet-settings"),
          anywhere=("ports-reached",),
          why="whoever may ask a kubelet for exec is root on that node",
          cure="find what answers in kubelet's place (ss -ltnp, nft list ruleset) and remove it",
          see=f"hardway ssh <MACHINE> -- curl --cacert {CA} https://<MACHINE>:{kubelet.PORT}/pods"),
    PROXY,
    *worker_settings.CHECKS,
    READY,
    Check(name="node-untroubled", step=NAME, scope=NODES, ask=EVERY_NODE,
          judge=_untroubled, causes=("node-ready", *API),
          why="Kubernetes taints nodes on which something is wrong: a full disk, no memory",
          after="pod-network",
          test="! hardway kubectl get node <MACHINE> --output='jsonpath={.spec.taints[*].key}' | "
          "grep node.kubernetes.io/",
          see="hardway kubectl describe node <MACHINE>"),
    Check(name="node-takes-pods", step=NAME, scope=NODES, ask=EVERY_NODE,
          judge=_takes_pods, severity=Severity.WARN, causes=API,
          why="people keep pods away from it by a cordon or a taint; hardway leaves that to them",
          cure="let it take pods again: hardway kubectl uncordon NODE; where it is a taint: "
          "hardway kubectl taint node NODE KEY-",
          see="hardway kubectl describe node <MACHINE>"),
    Check(name="node-range", step=NAME, scope=NODES, ask=EVERY_NODE, judge=_range,
          severity=Severity.WARN, causes=API,
          why="other network plugins take the range from the Node; it can be set only once, so "
          "that another one goes with the Node alone: kubectl delete node, then hardway up",
          cure="make its Node object again: hardway kubectl delete node NODE, then hardway up",
          see="hardway kubectl get node <MACHINE> --output=jsonpath={.spec.podCIDR}"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Workers",
    why="machines that run pods: a runtime, an agent, and the way to Services",
    render=render,
    manifests=manifests,
    checks=CHECKS,
    notes={
        "ClusterRoleBinding/hardway:kubelet-client": (
            Note("", "Lets API servers fetch logs and run exec on kubelets."),
            Note("roleRef", "Upstream's role for just that; not system:masters."),
            Note("subjects", "The common name in API servers' client certificates."),
        ),
    },
    settles_s=180,
    serves=(RUNTIME.name, KUBELET.name, PROXY.name),
)
