"""How others do it: Kubernetes the Hard Way, kubeadm and EKS. Rows by tag.

“The tutorial” is Kubernetes the Hard Way; where its editions differ, the row says which one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.explain.answer import Aspect, Point
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Difference:
    """A row: the same thing in three other places; empty where there is nothing to tell."""

    tutorial: str = ""
    kubeadm: str = ""
    eks: str = ""


ONE_FILE = (
    "One certificate, kubernetes.pem, plays five roles: the API server's own, etcd's server, "
    "etcd's peer, and the client of etcd and of kubelets."
)
AWS_RUNS_IT = "AWS runs the control plane; nobody else sees its files, flags or etcd."
NODES_BY_IAM = (
    "Nodes come with a token of their IAM role in place of a client certificate; an access entry "
    "maps the role to system:nodes."
)
STATIC = (
    "A static pod: a manifest in /etc/kubernetes/manifests that kubelet runs; kubelet is the only "
    "unit of systemd."
)
ENCRYPTED_BY_KMS = "All objects are encrypted, with a key in KMS; by default since 1.28."
ONE_CA = "The same CA, ca.pem, signs for the API, etcd and kubelets."

ELSEWHERE: dict[str, Difference] = {
    # CAs and certificates
    "CA etcd": Difference(
        ONE_CA + " So even kube-proxy.pem can read every key in etcd.",
        "A CA of its own, /etc/kubernetes/pki/etcd/ca.crt, with its key on each control plane.",
        AWS_RUNS_IT,
    ),
    "CA kubernetes": Difference(
        "ca.pem and ca-key.pem; the key lies on every control plane, where the controller manager "
        "signs requests with it.",
        "/etc/kubernetes/pki/ca.crt and ca.key, on each control plane; good for ten years.",
        "A CA for each cluster; its certificate is in `aws eks describe-cluster`, its key with "
        "AWS.",
    ),
    "CA front-proxy": Difference(
        "There is none: the aggregation layer is not set up, so that metrics-server does not work.",
        "/etc/kubernetes/pki/front-proxy-ca.crt, the same idea.",
        "AWS has set up aggregation; metrics-server works.",
    ),
    "certificate apiserver": Difference(
        ONE_FILE + " Its names lack kubernetes.default.svc.cluster.local, and have "
        "kubernetes.svc.cluster.local, which does not exist.",
        "/etc/kubernetes/pki/apiserver.crt. More names: --apiserver-cert-extra-sans.",
        "AWS issues it for the cluster's DNS name; you cannot add names.",
    ),
    "certificate etcd-server": Difference(
        ONE_FILE + " The edition of 2025 runs etcd on 127.0.0.1 without TLS.",
        "/etc/kubernetes/pki/etcd/server.crt.", AWS_RUNS_IT,
    ),
    "certificate etcd-peer": Difference(
        ONE_FILE, "/etc/kubernetes/pki/etcd/peer.crt.", AWS_RUNS_IT,
    ),
    "certificate etcd-operator": Difference(
        "There is none; its commands show kubernetes.pem.",
        "/etc/kubernetes/pki/etcd/healthcheck-client.crt.", AWS_RUNS_IT,
    ),
    "certificate apiserver-etcd-client": Difference(
        ONE_FILE, "/etc/kubernetes/pki/apiserver-etcd-client.crt.", AWS_RUNS_IT,
    ),
    "certificate apiserver-kubelet-client": Difference(
        ONE_FILE + " Its CN is kubernetes, and a ClusterRoleBinding names that user.",
        "/etc/kubernetes/pki/apiserver-kubelet-client.crt; a group in it gives it its rights, in "
        "place of a binding to the user.",
        "AWS's own; the user shows in kubelet's log.",
    ),
    "certificate front-proxy-client": Difference(
        "There is none.", "/etc/kubernetes/pki/front-proxy-client.crt.", AWS_RUNS_IT,
    ),
    "certificate kubelet": Difference(
        "worker-0.pem serves both ways: kubelet shows it to the API and, as a server, to API "
        "servers.",
        "kubelet asks for it with a bootstrap token (TLS bootstrap) and renews it by itself: "
        "/var/lib/kubelet/pki/kubelet-client-current.pem.",
        NODES_BY_IAM,
    ),
    "certificate kubelet-server": Difference(
        "worker-0.pem again. In the edition of 2025 it lacks the node's address.",
        "kubelet signs one for itself, and the API server does not check it, unless "
        "serverTLSBootstrap is on.",
        "EKS signs kubelets' requests for serving certificates.",
    ),
    "certificate kube-proxy": Difference(
        "kube-proxy.pem, the same on all workers.",
        "kube-proxy runs as pods (a DaemonSet) with a service account's token.",
        "As kubeadm: pods with a token, an add-on of EKS.",
    ),
    "certificate controller-manager": Difference(
        "kube-controller-manager.pem, in a kubeconfig.",
        "In /etc/kubernetes/controller-manager.conf.", AWS_RUNS_IT,
    ),
    "certificate scheduler": Difference(
        "kube-scheduler.pem. The edition of 2025 misspells its group, without harm: the binding "
        "is to the user.",
        "In /etc/kubernetes/scheduler.conf.", AWS_RUNS_IT,
    ),
    "certificate controller-manager-server": Difference(
        "The program makes one at each start, which nobody can check.",
        "The program makes one at each start.", AWS_RUNS_IT,
    ),
    "certificate scheduler-server": Difference(
        "The program makes one at each start, which nobody can check.",
        "The program makes one at each start.", AWS_RUNS_IT,
    ),
    "certificate admin": Difference(
        "admin.pem is in system:masters: it passes by RBAC, and nothing takes that back.",
        "admin.conf is in kubeadm:cluster-admins, whose binding can be taken back (since 1.29).",
        "There is none: people come with IAM, by access entries.",
    ),
    "certificate break-glass": Difference(
        "admin.pem, for everyday use.",
        "super-admin.conf, since 1.29.",
        "The IAM principal that made the cluster; access entries can take that back.",
    ),
    # Connections
    "apiserver-to-etcd": Difference(
        "All three members' addresses are in --etcd-servers; kubernetes.pem is the client's "
        "certificate.",
        "The member next door too (stacked etcd), with apiserver-etcd-client.crt.",
        AWS_RUNS_IT,
    ),
    "etcd-to-etcd": Difference(
        "Three members in the older editions; the edition of 2025 has one, without TLS.",
        "A member on each control plane, with etcd/peer.crt.", AWS_RUNS_IT,
    ),
    "apiserver-to-kubelet": Difference(
        "kubernetes.pem as client, dialed by host name: each control plane needs workers in "
        "/etc/hosts.",
        "--kubelet-certificate-authority is not set: kubelet's certificate is not checked.",
        "From AWS's network into yours, over network interfaces that EKS makes in your subnets.",
    ),
    "kubelet-to-apiserver": Difference(
        "Through the load balancer in the older editions; the edition of 2025 has one API server.",
        "Through the controlPlaneEndpoint that you bring.", NODES_BY_IAM,
    ),
    "pod-to-apiserver": Difference(
        "The same, at 10.32.0.1. In the edition of 2025 the flag with the range got lost: the "
        "Service has 10.0.0.1, which is in no certificate.",
        "The same, at 10.96.0.1.", "The same, at 10.100.0.1 or 172.20.0.1.",
    ),
    "apiserver-to-aggregated-api": Difference(
        "Not set up.", "Set up; a front-proxy CA of its own.", "Set up by AWS.",
    ),
    "kubectl-to-apiserver": Difference(
        "admin.pem through the load balancer, or straight to the one server.",
        "admin.conf at the controlPlaneEndpoint.",
        "A token that `aws eks get-token` makes of your IAM identity, for some minutes.",
    ),
    # Addresses
    "API service address": Difference(
        "10.32.0.1. In the edition of 2025 it is 10.0.0.1 by mistake.",
        "10.96.0.1, of 10.96.0.0/12.", "10.100.0.1 or 172.20.0.1, by the range EKS chose.",
    ),
    "DNS address": Difference(
        "10.32.0.10; the edition of 2025 has no cluster DNS.", "10.96.0.10.",
        "The tenth of the Service range; CoreDNS is an add-on.",
    ),
    "pod range": Difference(
        "10.200.0.0/16, a /24 for each worker, with a route for each.",
        "--pod-network-cidr, as your network plugin wants it.",
        "Pods have addresses of the VPC itself (VPC CNI): no routes, no second range.",
    ),
    "service range": Difference(
        "10.32.0.0/24.", "10.96.0.0/12.", "10.100.0.0/16 or 172.20.0.0/16, unless you choose one.",
    ),
    "endpoint": Difference(
        "A load balancer of the cloud, TCP only; the edition of 2025 has none and is not highly "
        "available.",
        "controlPlaneEndpoint: you bring the load balancer, often haproxy and keepalived.",
        "A DNS name below eks.amazonaws.com at port 443.",
    ),
    # Flags and settings
    "--encryption-provider-config": Difference(
        "An aescbc key, written by hand into encryption-config.yaml.",
        "Nothing is encrypted unless you set it up.",
        ENCRYPTED_BY_KMS,
    ),
    "--service-cluster-ip-range": Difference(
        "10.32.0.0/24; the edition of 2025 lost the flag, and the API server took 10.0.0.0/24.",
        "10.96.0.0/12, by serviceSubnet.", AWS_RUNS_IT,
    ),
    "--kubelet-certificate-authority": Difference(
        "Set, to ca.pem.", "Not set: kubelet's certificate is not checked.", AWS_RUNS_IT,
    ),
    "--service-account-issuer": Difference(
        "https:// and the load balancer's address; where that variable was empty: https://:443.",
        "https://kubernetes.default.svc.cluster.local.",
        "https://oidc.eks.REGION.amazonaws.com/id/…: IAM trusts it (roles for service accounts).",
    ),
    "--etcd-servers": Difference(
        "All members.", "https://127.0.0.1:2379.", AWS_RUNS_IT,
    ),
    "--enable-admission-plugins": Difference(
        "NodeRestriction and the plugins that are on anyway.", "NodeRestriction.", AWS_RUNS_IT,
    ),
    "--audit-policy-file": Difference(
        "Not set: the log stays empty.", "Not set.", "On request, into CloudWatch.",
    ),
    "kubelet.yaml cgroupDriver": Difference(
        "Missing in the older editions; systemd in that of 2025.", "systemd.", "systemd.",
    ),
    "kubelet.yaml clusterDNS": Difference(
        "10.32.0.10; dropped in 2025, together with the DNS lab.", "10.96.0.10.",
        "The tenth address of the Service range.",
    ),
    "kubelet.yaml resolvConf": Difference(
        "/run/systemd/resolve/resolv.conf on Ubuntu, /etc/resolv.conf on Debian.",
        "The same, found by kubeadm.", "As the node's image has it.",
    ),
    "kube-proxy.yaml mode": Difference("iptables.", "iptables.", "iptables."),
    "net.bridge.bridge-nf-call-iptables": Difference(
        "Missing in the older editions; one of the most reported errors. Set in that of 2025.",
        "Asked for before kubeadm init.", "Not needed: the VPC CNI has no bridge.",
    ),
    # Files
    "/etc/cni/net.d/10-pods.conflist": Difference(
        "10-bridge.conf with ipMasq: pods on other nodes see the node's address in place of the "
        "pod's.",
        "Brought by the network plugin you install.", "Brought by the VPC CNI (aws-node).",
    ),
    "kubeconfig": Difference(
        "Certificates are embedded in the file, so that a renewal writes the file again.",
        "admin.conf, controller-manager.conf, scheduler.conf embed them; kubelet.conf names a "
        "file.",
        "An exec entry: kubectl calls `aws eks get-token`.",
    ),
    "step kubeconfigs": Difference(
        "Certificates are embedded in the file, so that a renewal writes the file again.",
        "admin.conf, controller-manager.conf, scheduler.conf embed them; kubelet.conf names a "
        "file.",
        "An exec entry: kubectl calls `aws eks get-token`.",
    ),
    # Programs and machines
    "unit etcd": Difference(
        "A unit of systemd, as here.", STATIC, AWS_RUNS_IT,
    ),
    "unit kube-apiserver": Difference("A unit of systemd, as here.", STATIC, AWS_RUNS_IT),
    "unit kube-controller-manager": Difference("A unit of systemd, as here.", STATIC, AWS_RUNS_IT),
    "unit kube-scheduler": Difference("A unit of systemd, as here.", STATIC, AWS_RUNS_IT),
    "unit kubelet": Difference(
        "A unit of systemd, as here.", "A unit of systemd, from a package.",
        "A unit of systemd in the node's image; EKS Auto Mode hides it.",
    ),
    "unit kube-proxy": Difference(
        "A unit of systemd, as here; mode iptables.", "A DaemonSet.", "A DaemonSet, an add-on.",
    ),
    "unit haproxy": Difference(
        "A load balancer of the cloud; haproxy in the edition with virtual machines.",
        "You bring one.", AWS_RUNS_IT,
    ),
    "unit containerd": Difference(
        "A unit of systemd; SystemdCgroup only since 2025.", "From a package that you install.",
        "In the node's image.",
    ),
    "machine control-plane": Difference(
        "Three controllers; one `server` in the edition of 2025.",
        "Control planes are nodes too, with a taint.", AWS_RUNS_IT,
    ),
    "machine worker": Difference(
        "Three workers; two nodes in the edition of 2025.", "kubeadm join makes one.",
        "Managed node groups, Karpenter or Auto Mode.",
    ),
    # Flags of a program that have no row of their own
    **{
        f"flags {program}": Difference(
            "In the unit file, as here.",
            f"In the static pod's manifest, /etc/kubernetes/manifests/{program}.yaml; extraArgs of "
            "ClusterConfiguration adds to them.",
            AWS_RUNS_IT,
        )
        for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    },
    # Steps
    "step dns": Difference(
        "CoreDNS, until the lab was removed in 2023.", "CoreDNS, a Deployment.", "An add-on.",
    ),
    "step access": Difference("One certificate of system:masters.", "admin.conf.", "IAM."),
    "step certificates": Difference(
        "cfssl or openssl, about eight certificates of one CA, by hand.",
        "`kubeadm init phase certs`; renewed by each upgrade.", "AWS.",
    ),
    "step workers": Difference(
        "By hand on each worker.", "kubeadm join, after you installed a runtime.",
        "In the node's image.",
    ),
    "step pod-network": Difference(
        "A bridge on each node and a route for each worker.", "A plugin that you choose.",
        "The VPC CNI.",
    ),
    "step encryption": Difference(
        "An aescbc key.", "None unless you set it up.", ENCRYPTED_BY_KMS,
    ),
    "step control-plane": Difference("Three units of systemd, as here.", STATIC, AWS_RUNS_IT),
    "step smoke-test": Difference("By hand, command by command.", "None.", "None."),
    "step machines": Difference(
        "Virtual machines that you make; the older editions' are of one cloud.",
        "You bring them, with swap off and modules loaded.", "EC2 instances of EKS's images.",
    ),
    "step components": Difference(
        "Downloaded with wget; no digest is checked.", "Packages of pkgs.k8s.io.",
        "In the node's image.",
    ),
}  # fmt: skip


def points(tags: tuple[str, ...]) -> Iterator[Point]:
    """Yield the row of the closest tag."""
    row = next((ELSEWHERE[tag] for tag in tags if tag in ELSEWHERE), None)
    if row:
        said = ((text("the tutorial"), row.tutorial), ("kubeadm", row.kubeadm), ("EKS", row.eks))
        yield Point(Aspect.ELSEWHERE, rows=tuple((who, how) for who, how in said if how), more=True)
