"""Checks of the two Services that everything else relies on; rows of the step dns."""

from hardway.model.checks import (
    CLUSTER,
    Answer,
    Check,
    Judgement,
    Kubectl,
    Occasion,
    Subject,
    judged,
)
from hardway.steps.base import API
from hardway.text import joined, text

NAME = "dns"


def _addresses(subject: Subject, answer: Answer) -> tuple[Judgement]:
    rows = [line.split() for line in answer.text.splitlines()]
    found = {f"{space}/{name}": address for space, name, address in rows}
    cluster = subject.cluster
    wanted = {"default/kubernetes": str(cluster.api_service_ip)}
    if cluster.workers:
        wanted["kube-system/kube-dns"] = str(cluster.dns_service_ip)
    seen = {name: found.get(name, text("absent")) for name in wanted}
    return judged(*(
        joined(", ", [text("{name} {address}", name=name, address=at) for name, at in row.items()])
        for row in (wanted, seen)
    ))  # fmt: skip


def _backends(subject: Subject, answer: Answer) -> tuple[Judgement]:
    wanted = {str(m.address) for m in subject.cluster.control_planes}
    return judged(", ".join(sorted(wanted)), ", ".join(sorted(answer.text.split())) or text("none"))


COLUMNS = "custom-columns=:.metadata.namespace,:.metadata.name,:.spec.clusterIP"
SERVICES = ("get", "services", "--all-namespaces", "--no-headers", f"--output={COLUMNS}")
BACKENDS = ("get", "endpointslice", "kubernetes", "--output=jsonpath={.endpoints[*].addresses[*]}")
CHECKS = (
    Check(name="service-addresses", step=NAME, scope=CLUSTER, ask=Kubectl(SERVICES),
          judge=_addresses, when=Occasion.ASKED, causes=API,
          why="the first address of the range is in the API's certificate, the tenth in kubelets' "
          "settings: another range for Services breaks both",
          see="hardway kubectl get services --all-namespaces"),
    Check(name="api-behind-its-service", step=NAME, scope=CLUSTER, ask=Kubectl(BACKENDS),
          judge=_backends, when=Occasion.ASKED, causes=API,
          anywhere=("kube-apiserver-runs", "apiserver-ready", "kube-apiserver-flags",
                    "etcd-one-leader"),
          # API servers write their addresses every 10 s; of two that do at once, one has to wait
          # (pkg/controlplane/reconcilers/lease.go).
          again_s=11,
          why="pods reach the API at these addresses",
          cure="delete the lease of the control plane that is gone: etcdctl del "
          "/registry/masterleases/ADDRESS",
          see="hardway kubectl get endpointslice kubernetes --output=wide"),
)  # fmt: skip
