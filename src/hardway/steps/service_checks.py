"""Checks of the two Services that everything else relies on; rows of the step dns."""

from hardway.model.checks import (
    CLUSTER,
    Answer,
    Check,
    Judgement,
    Occasion,
    Subject,
    every,
    judged,
)
from hardway.model.objects import items, name
from hardway.steps.base import API
from hardway.text import joined, text

NAME = "dns"
API_SERVICE = "default/kubernetes"


def _addresses(subject: Subject, answer: Answer) -> tuple[Judgement]:
    found = {name(service): service["spec"]["clusterIP"]
             for service in items(answer.text, "Service")}  # fmt: skip
    cluster = subject.cluster
    wanted = {API_SERVICE: str(cluster.api_service_ip)}
    if cluster.workers:
        wanted["kube-system/kube-dns"] = str(cluster.dns_service_ip)
    seen = {service: found.get(service, text("absent")) for service in wanted}
    return judged(*(
        joined(", ", [text("{name} {address}", name=service, address=at)
                         for service, at in row.items()])
        for row in (wanted, seen)
    ))  # fmt: skip


def _backends(subject: Subject, answer: Answer) -> tuple[Judgement]:
    wanted = {str(m.address) for m in subject.cluster.control_planes}
    slices = [s for s in items(answer.text, "EndpointSlice") if name(s) == API_SERVICE]
    backends = [backend for own in slices for backend in own["endpoints"] or ()]
    found = {address for backend in backends for address in backend["addresses"]}
    return judged(", ".join(sorted(wanted)), ", ".join(sorted(found)) or text("none"))


CHECKS = (
    Check(name="service-addresses", step=NAME, scope=CLUSTER, ask=every("services"),
          judge=_addresses, when=Occasion.ASKED, causes=API,
          why="the first address of the range is in the API's certificate, the tenth in kubelets' "
          "settings: another range for Services breaks both",
          see="hardway kubectl get services --all-namespaces"),
    Check(name="api-behind-its-service", step=NAME, scope=CLUSTER, ask=every("endpointslices"),
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
