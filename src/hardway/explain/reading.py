"""Where to read on: upstream's pages, the tutorial's chapter, documents of hardway. Rows by tag."""

from collections.abc import Iterator

from hardway.explain.answer import Aspect, Point

K8S = "https://kubernetes.io/docs"
TOOLS = f"{K8S}/reference/command-line-tools-reference"
AUTH = f"{K8S}/reference/access-authn-authz"
CONFIG = f"{K8S}/reference/config-api"
ETCD = "https://etcd.io/docs/v3.6"
SYSTEMD = "https://www.freedesktop.org/software/systemd/man/latest"
LAB = "Kubernetes the Hard Way, lab {}"
CERTIFICATES = f"{K8S}/setup/best-practices/certificates/"
PORTS = f"{K8S}/reference/networking/ports-and-protocols/"
AGGREGATION = f"{K8S}/tasks/extend-kubernetes/configure-aggregation-layer/"
ENCRYPTION = f"{K8S}/tasks/administer-cluster/encrypt-data/"
SERVICES = f"{K8S}/reference/networking/virtual-ips/"
KUBELET_AUTH = f"{AUTH}/kubelet-authn-authz/"
KUBECONFIG = f"{K8S}/concepts/configuration/organize-cluster-access-kubeconfig/"

READINGS: dict[str, tuple[str, ...]] = {
    # Programs
    "kube-apiserver": (f"{TOOLS}/kube-apiserver/",),
    "kube-controller-manager": (f"{TOOLS}/kube-controller-manager/",),
    "kube-scheduler": (f"{TOOLS}/kube-scheduler/",),
    "kubelet": (f"{TOOLS}/kubelet/", f"{CONFIG}/kubelet-config.v1beta1/"),
    "kube-proxy": (f"{TOOLS}/kube-proxy/", f"{CONFIG}/kube-proxy-config.v1alpha1/"),
    "containerd": (
        "https://github.com/containerd/containerd/blob/main/docs/cri/config.md",
        f"{K8S}/setup/production-environment/container-runtimes/",
    ),
    "haproxy": ("https://docs.haproxy.org/", "docs/adr/0005-own-api-server.md"),
    "keepalived": ("https://www.keepalived.org/manpage.html",),
    "hardway-network": ("docs/adr/0006-no-masquerade-between-pods.md",),
    "hardway-probe": ("docs/adr/0016-probe.md",),
    "hardway-host": ("docs/adr/0017-effects.md",),
    # Flags and settings
    "--service-cluster-ip-range": (f"{K8S}/concepts/services-networking/cluster-ip-allocation/",),
    "--encryption-provider-config": (ENCRYPTION,),
    "--client-ca-file": (f"{AUTH}/authentication/",),
    "--authorization-mode": (f"{AUTH}/authorization/",),
    "--enable-admission-plugins": (f"{AUTH}/admission-controllers/",),
    "--service-account-issuer": (f"{AUTH}/service-accounts-admin/",),
    "--service-account-key-file": (f"{AUTH}/service-accounts-admin/",),
    "--service-account-signing-key-file": (f"{AUTH}/service-accounts-admin/",),
    "--audit-policy-file": (f"{K8S}/tasks/debug/debug-cluster/audit/",),
    "--audit-log-path": (f"{K8S}/tasks/debug/debug-cluster/audit/",),
    "--etcd-servers": ("docs/adr/0007-etcd-next-door.md",),
    "section Unit": (f"{SYSTEMD}/systemd.unit.html",),
    "section Service": (f"{SYSTEMD}/systemd.service.html", f"{SYSTEMD}/systemd.exec.html"),
    "section Install": (f"{SYSTEMD}/systemd.unit.html",),
    "section Timer": (f"{SYSTEMD}/systemd.timer.html",),
    # Files
    "/etc/kubernetes/encryption.yaml": (ENCRYPTION, "docs/adr/0021-found-keys.md"),
    "/etc/kubernetes/audit-policy.yaml": (f"{CONFIG}/apiserver-audit.v1/",),
    "/etc/kubernetes/authentication.yaml": (f"{CONFIG}/apiserver-config.v1/",),
    "/etc/kubernetes/admission.yaml": (f"{K8S}/concepts/security/pod-security-admission/",),
    "/etc/cni/net.d/10-pods.conflist": (
        "https://www.cni.dev/plugins/current/main/bridge/",
        "https://www.cni.dev/docs/spec/",
    ),
    "/etc/hardway/masquerade.nft": ("docs/adr/0006-no-masquerade-between-pods.md",),
    "kubeconfig": (KUBECONFIG,),
    # Connections
    "apiserver-to-etcd": (f"{ETCD}/op-guide/security/", CERTIFICATES),
    "etcd-to-etcd": (f"{ETCD}/op-guide/security/", f"{ETCD}/op-guide/clustering/"),
    "etcdctl-to-etcd": (f"{ETCD}/op-guide/security/", f"{ETCD}/op-guide/maintenance/"),
    "apiserver-to-kubelet": (
        KUBELET_AUTH,
        f"{K8S}/concepts/architecture/control-plane-node-communication/",
    ),
    "apiserver-to-aggregated-api": (AGGREGATION,),
    "pod-to-apiserver": (
        f"{K8S}/tasks/run-application/access-api-from-pod/",
        f"{AUTH}/service-accounts-admin/",
    ),
    "kubelet-to-apiserver": (f"{AUTH}/node/",),
    "kubelet-to-containerd": (f"{K8S}/concepts/containers/cri/",),
    "connection": (
        CERTIFICATES,
        f"{K8S}/concepts/architecture/control-plane-node-communication/",
        "docs/adr/0036-atlas.md",
    ),
    # Addresses and ports
    "API service address": (
        f"{K8S}/concepts/services-networking/cluster-ip-allocation/",
        f"{K8S}/tasks/run-application/access-api-from-pod/",
    ),
    "service range": (SERVICES,),
    "pod range": (f"{K8S}/concepts/cluster-administration/networking/",),
    "DNS address": (f"{K8S}/concepts/services-networking/dns-pod-service/",),
    "endpoint": (f"{K8S}/setup/production-environment/tools/kubeadm/high-availability/",),
    "port": (PORTS,),
    # Identities
    "identity": (f"{AUTH}/authentication/", f"{AUTH}/rbac/"),
    "system:node:{machine}": (f"{AUTH}/node/",),
    "system:nodes": (f"{AUTH}/node/",),
    # Steps: the tutorial's chapter, and hardway's own documents
    "machines": (LAB.format("03: Provisioning Compute Resources"), "docs/ssh.md"),
    "components": (LAB.format("02: Set Up The Jumpbox"), "docs/adr/0004-components.md"),
    "certificates": (
        CERTIFICATES,
        LAB.format("04: Provisioning a CA and Generating TLS Certificates"),
        "docs/adr/0020-secrets.md",
    ),
    "kubeconfigs": (
        KUBECONFIG,
        LAB.format("05: Generating Kubernetes Configuration Files for Authentication"),
        "docs/adr/0005-own-api-server.md",
    ),
    "encryption": (
        ENCRYPTION,
        LAB.format("06: Generating the Data Encryption Config and Key"),
        "docs/adr/0021-found-keys.md",
    ),
    "etcd": (
        f"{ETCD}/op-guide/configuration/",
        LAB.format("07: Bootstrapping the etcd Cluster"),
        "docs/adr/0026-members.md",
    ),
    "control-plane": (
        f"{K8S}/concepts/architecture/",
        LAB.format("08: Bootstrapping the Kubernetes Control Plane"),
        "docs/cis.md",
    ),
    "workers": (
        f"{K8S}/concepts/architecture/nodes/",
        LAB.format("09: Bootstrapping the Kubernetes Worker Nodes"),
        "docs/nodes.md",
    ),
    "access": (f"{AUTH}/rbac/", LAB.format("10: Configuring kubectl for Remote Access")),
    "pod-network": (
        f"{K8S}/concepts/cluster-administration/networking/",
        LAB.format("11: Provisioning Pod Network Routes"),
        "docs/adr/0006-no-masquerade-between-pods.md",
    ),
    "dns": (
        f"{K8S}/concepts/services-networking/dns-pod-service/",
        "https://coredns.io/plugins/kubernetes/",
        "Kubernetes the Hard Way, lab 12 (editions before 2023): Deploying the DNS Cluster Add-on",
        "docs/dns.md",
    ),
    "smoke-test": (LAB.format("12: Smoke Test"), "docs/checks.md"),
    # Kinds
    "check": ("docs/checks.md",),
    "step": ("docs/adr/0001-no-state-file.md",),
    "error": (f"{K8S}/tasks/debug/debug-cluster/", "docs/checks.md"),
    "error dns-loop": ("https://coredns.io/plugins/loop/",),
    "error node-not-its-own": (f"{AUTH}/node/",),
    "error kubelet-forbids": (KUBELET_AUTH,),
    "error etcd-out-of-space": (f"{ETCD}/op-guide/maintenance/",),
    "error etcd-no-leader": (f"{ETCD}/op-guide/failures/",),
    "error secret-not-decrypted": (ENCRYPTION, "docs/adr/0027-unreadable.md"),
}
SHOWN = 2
"""Places of the short answer: the closest ones."""


def points(tags: tuple[str, ...]) -> Iterator[Point]:
    """Yield the places for all of a thing's tags, the closest first."""
    found = tuple(dict.fromkeys(place for tag in tags for place in READINGS.get(tag, ())))
    yield Point(Aspect.READ_ON, found[:SHOWN])
    yield Point(Aspect.READ_ON, found[SHOWN:], more=True)
