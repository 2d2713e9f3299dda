"""Names that the tutorial and kubeadm give to things: people ask by the names they read there."""

import re
from dataclasses import dataclass

from hardway.text import Text, text

TUTORIAL, KUBEADM = "Kubernetes the Hard Way", "kubeadm"
SIGNED = "/etc/kubernetes/pki/kube-apiserver/service-account.key"
SIGNED_TOO = "/etc/kubernetes/pki/kube-controller-manager/service-account.key"
CHECKED = "/etc/kubernetes/pki/kube-apiserver/service-account.pub"
FIVE_ROLES = (
    "certificate apiserver",
    "certificate etcd-server",
    "certificate etcd-peer",
    "certificate apiserver-etcd-client",
    "certificate apiserver-kubelet-client",
)
"""What the tutorial has one certificate for."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A row: names elsewhere, and what has their part in this cluster."""

    names: tuple[str, ...]
    """Ends of paths: a file's name, with its folder where that tells more; N is a number."""
    whose: str
    things: tuple[str, ...]


FOREIGN = (
    Foreign(("kubernetes.pem", "kubernetes-key.pem", "kube-api-server.crt", "kube-api-server.key"),
            TUTORIAL, FIVE_ROLES),
    Foreign(("ca.pem", "ca-key.pem"), TUTORIAL, ("kubernetes CA", "etcd CA")),
    Foreign(("admin.pem", "admin-key.pem"), TUTORIAL,
            ("certificate admin", "certificate break-glass")),
    Foreign(("worker-N.pem", "worker-N-key.pem", "node-N.crt", "node-N.key"), TUTORIAL,
            ("certificate kubelet", "certificate kubelet-server")),
    Foreign(("worker-N.kubeconfig", "node-N.kubeconfig"), TUTORIAL,
            ("/etc/kubernetes/kubelet.kubeconfig",)),
    Foreign(("kube-proxy.pem", "kube-proxy-key.pem", "kube-proxy.crt", "kube-proxy.key"), TUTORIAL,
            ("certificate kube-proxy",)),
    Foreign(("kube-controller-manager.pem", "kube-controller-manager-key.pem",
             "kube-controller-manager.crt", "kube-controller-manager.key"), TUTORIAL,
            ("certificate controller-manager",)),
    Foreign(("kube-scheduler.pem", "kube-scheduler-key.pem", "kube-scheduler.crt",
             "kube-scheduler.key"), TUTORIAL, ("certificate scheduler",)),
    Foreign(("service-account.pem", "service-accounts.crt"), TUTORIAL, (CHECKED,)),
    Foreign(("service-account-key.pem", "service-accounts.key"), TUTORIAL, (SIGNED, SIGNED_TOO)),
    Foreign(("encryption-config.yaml",), TUTORIAL, ("/etc/kubernetes/encryption.yaml",)),
    Foreign(("kubelet-config.yaml",), TUTORIAL, ("/etc/kubernetes/kubelet.yaml",)),
    Foreign(("kube-proxy-config.yaml",), TUTORIAL, ("/etc/kubernetes/kube-proxy.yaml",)),
    Foreign(("kube-scheduler.yaml",), TUTORIAL, ("kube-scheduler.service",)),
    Foreign(("10-bridge.conf", "99-loopback.conf"), TUTORIAL,
            ("/etc/cni/net.d/10-pods.conflist",)),
    Foreign(("etcd/ca.crt", "etcd/ca.key"), KUBEADM, ("etcd CA",)),
    Foreign(("front-proxy-ca.key",), KUBEADM, ("front-proxy CA",)),
    Foreign(("etcd/server.crt", "etcd/server.key"), KUBEADM, ("certificate etcd-server",)),
    Foreign(("etcd/peer.crt", "etcd/peer.key"), KUBEADM, ("certificate etcd-peer",)),
    Foreign(("healthcheck-client.crt", "healthcheck-client.key"), KUBEADM,
            ("certificate etcd-operator",)),
    Foreign(("apiserver.crt", "apiserver.key"), KUBEADM, ("certificate apiserver",)),
    Foreign(("apiserver-kubelet-client.crt", "apiserver-kubelet-client.key"), KUBEADM,
            ("certificate apiserver-kubelet-client",)),
    Foreign(("apiserver-etcd-client.crt", "apiserver-etcd-client.key"), KUBEADM,
            ("certificate apiserver-etcd-client",)),
    Foreign(("front-proxy-client.crt", "front-proxy-client.key"), KUBEADM,
            ("certificate front-proxy-client",)),
    Foreign(("sa.key",), KUBEADM, (SIGNED, SIGNED_TOO)),
    Foreign(("sa.pub",), KUBEADM, (CHECKED,)),
    Foreign(("super-admin.conf",), KUBEADM, ("certificate break-glass",)),
    Foreign(("admin.conf",), KUBEADM, ("kubeconfigs/admin.kubeconfig",)),
    Foreign(("controller-manager.conf",), KUBEADM,
            ("/etc/kubernetes/kube-controller-manager.kubeconfig",)),
    Foreign(("scheduler.conf",), KUBEADM, ("/etc/kubernetes/kube-scheduler.kubeconfig",)),
    Foreign(("kubelet.conf", "bootstrap-kubelet.conf"), KUBEADM,
            ("/etc/kubernetes/kubelet.kubeconfig",)),
    Foreign(("kubelet-client-current.pem",), KUBEADM, ("certificate kubelet",)),
    Foreign(("kubelet/config.yaml",), KUBEADM, ("/etc/kubernetes/kubelet.yaml",)),
    Foreign(("manifests/kube-apiserver.yaml",), KUBEADM, ("kube-apiserver.service",)),
    Foreign(("manifests/etcd.yaml",), KUBEADM, ("etcd.service",)),
)  # fmt: skip


def foreign(asked: str) -> Foreign | None:
    """Return the row that a file's name or path elsewhere is."""
    path = "/" + re.sub(r"-\d+(?=[.-])", "-N", asked)
    return next(
        (row for row in FOREIGN if any(path.endswith(f"/{name}") for name in row.names)), None
    )


def note(asked: str, row: Foreign) -> Text:
    """Return the sentence that says so."""
    return text("{name} is a name of {whose}; here these have its part.", name=asked,
                whose=row.whose)  # fmt: skip
