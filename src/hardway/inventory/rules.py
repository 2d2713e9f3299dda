"""The tables of judgement: upstream's defaults, what is a layout's own choice, what is unsafe.

An entry is named by its component and by the flag, or by the entry's path in the component's
configuration file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hardway.text import text

KCM, SCHEDULER, API = "kube-controller-manager", "kube-scheduler", "kube-apiserver"
Values = tuple[str, ...] | None
"""What is said; None where nothing is."""

DEFAULTS: Mapping[tuple[str, str], str] = {
    ("etcd", "--client-cert-auth"): "false",
    ("etcd", "--peer-client-cert-auth"): "false",
    ("etcd", "--heartbeat-interval"): "100",
    ("etcd", "--election-timeout"): "1000",
    ("etcd", "--snapshot-count"): "10000",
    ("etcd", "--auto-compaction-mode"): "periodic",
    ("etcd", "--auto-compaction-retention"): "0",
    ("etcd", "--tls-min-version"): "TLS1.2",
    ("etcd", "--enable-grpc-gateway"): "true",
    ("etcd", "--quota-backend-bytes"): "2147483648",
    (API, "--allow-privileged"): "false",
    (API, "--authorization-mode"): "AlwaysAllow",
    (API, "--enable-aggregator-routing"): "false",
    (API, "--encryption-provider-config-automatic-reload"): "false",
    (API, "--event-ttl"): "1h0m0s",
    (API, "--profiling"): "true",
    (API, "--secure-port"): "6443",
    (API, "--service-account-extend-token-expiration"): "true",
    (API, "--service-cluster-ip-range"): "10.0.0.0/24",
    (API, "--service-node-port-range"): "30000-32767",
    (API, "--shutdown-delay-duration"): "0s",
    (API, "--shutdown-watch-termination-grace-period"): "0s",
    (API, "--tls-min-version"): "VersionTLS12",
    (API, "--anonymous-auth"): "true",
    (KCM, "--allocate-node-cidrs"): "false",
    (KCM, "--bind-address"): "0.0.0.0",  # noqa: S104 - upstream's default
    (KCM, "--kube-api-burst"): "30",
    (KCM, "--kube-api-qps"): "20",
    (KCM, "--leader-elect"): "true",
    (KCM, "--leader-elect-lease-duration"): "15s",
    (KCM, "--node-monitor-period"): "5s",
    (KCM, "--profiling"): "true",
    (KCM, "--secure-port"): "10257",
    (KCM, "--terminated-pod-gc-threshold"): "12500",
    (KCM, "--tls-min-version"): "VersionTLS12",
    (KCM, "--use-service-account-credentials"): "false",
    (SCHEDULER, "--bind-address"): "0.0.0.0",  # noqa: S104
    (SCHEDULER, "--leader-elect"): "true",
    (SCHEDULER, "--leader-elect-lease-duration"): "15s",
    (SCHEDULER, "--profiling"): "true",
    (SCHEDULER, "--secure-port"): "10259",
    (SCHEDULER, "--tls-min-version"): "VersionTLS12",
    ("kubelet", "authentication.anonymous.enabled"): "false",
    ("kubelet", "authentication.webhook.enabled"): "true",
    ("kubelet", "authorization.mode"): "Webhook",
    ("kubelet", "cgroupDriver"): "cgroupfs",
    ("kubelet", "eventRecordQPS"): "50",
    ("kubelet", "podPidsLimit"): "-1",
    ("kubelet", "readOnlyPort"): "0",
    ("kubelet", "resolvConf"): "/etc/resolv.conf",
    ("kubelet", "rotateCertificates"): "false",
    ("kubelet", "seccompDefault"): "false",
    ("kubelet", "tlsMinVersion"): "VersionTLS12",
    ("kube-proxy", "healthzBindAddress"): "0.0.0.0:10256",
    ("kube-proxy", "metricsBindAddress"): "127.0.0.1:10249",
    ("kube-proxy", "mode"): "iptables",
}
"""What a component does where nothing is said."""

CHOICES = frozenset({
    ("etcd", "--name"), ("etcd", "--data-dir"), ("etcd", "--listen-client-urls"),
    ("etcd", "--advertise-client-urls"), ("etcd", "--listen-peer-urls"),
    ("etcd", "--initial-advertise-peer-urls"), ("etcd", "--listen-metrics-urls"),
    ("etcd", "--initial-cluster"), ("etcd", "--initial-cluster-state"),
    ("etcd", "--initial-cluster-token"),
    (API, "--advertise-address"), (API, "--bind-address"), (API, "--secure-port"),
    (API, "--etcd-servers"), (API, "--service-account-issuer"), (API, "--api-audiences"),
    (API, "--apiserver-count"), (API, "--v"),
    (API, "--requestheader-allowed-names"), (API, "--kubelet-preferred-address-types"),
    (KCM, "--client-ca-file"), (KCM, "--requestheader-client-ca-file"),
    (KCM, "--controllers"), (KCM, "--cluster-name"), (KCM, "--v"), (KCM, "--cluster-cidr"),
    (SCHEDULER, "--v"), (SCHEDULER, "--config"),
    ("kubelet", "--hostname-override"), ("kubelet", "--node-ip"), ("kubelet", "--v"),
    ("kubelet", "--container-runtime-endpoint"), ("kubelet", "--pod-infra-container-image"),
    ("kubelet", "--register-node"), ("kubelet", "--bootstrap-kubeconfig"),
    ("kubelet", "cgroupDriver"), ("kubelet", "containerRuntimeEndpoint"),
    ("kubelet", "resolvConf"), ("kubelet", "clusterDomain"),
    ("kube-proxy", "--hostname-override"), ("kube-proxy", "clusterCIDR"),
    ("kube-proxy", "conntrack.maxPerCore"), ("kube-proxy", "clientConnection.kubeconfig"),
})  # fmt: skip
"""Names, addresses and paths that each layout has of its own: another value is no deviation."""

VALUES = frozenset({(API, "--shutdown-delay-duration"), ("etcd", "--quota-backend-bytes")})
"""Entries of which another value is no deviation, but none is."""

ADDED = frozenset({(API, "--enable-admission-plugins"), ("etcd", "--feature-gates")})
"""Lists whose members are added to upstream's own: more of them are no deviation."""

FOLLOWS: Mapping[str, str] = {
    "--audit-log-maxage": "--audit-log-path",
    "--audit-log-maxbackup": "--audit-log-path",
    "--audit-log-maxsize": "--audit-log-path",
    "--audit-policy-file": "--audit-log-path",
    "--encryption-provider-config-automatic-reload": "--encryption-provider-config",
    "--requestheader-allowed-names": "--requestheader-client-ca-file",
    "--requestheader-extra-headers-prefix": "--requestheader-client-ca-file",
    "--requestheader-group-headers": "--requestheader-client-ca-file",
    "--requestheader-username-headers": "--requestheader-client-ca-file",
}
"""Flags that mean nothing without another: where that is missing, it alone is said."""

OWN_CONTENT = frozenset({"/etc/kubernetes/audit-policy.yaml"})
"""Files of hardway whose content is a matter of taste: that there is one is what counts."""


@dataclass(frozen=True, slots=True)
class Unsafe:
    """An entry that is unsafe with some values."""

    component: str
    entry: str
    when: Callable[[Values], bool]
    why: str


def absent(values: Values) -> bool:
    """Hold where nothing is said."""
    return not values


def is_not(wanted: str) -> Callable[[Values], bool]:
    """Return what holds for every other value, also where nothing is said."""
    return lambda values: values is None or any(value != wanted for value in values)


def has(*wanted: str) -> Callable[[Values], bool]:
    """Return what holds where one of these is among the values."""
    return lambda values: bool({*wanted} & {w for v in values or () for w in v.split(",")})


def lacks(*wanted: str) -> Callable[[Values], bool]:
    """Return what holds where one of these is not among the values."""
    return lambda values: not {*wanted} <= {w for v in values or () for w in v.split(",")}


def plain(values: Values) -> bool:
    """Hold where a URL is without TLS and leads beyond the machine."""
    urls = [url for value in values or () for url in value.split(",")]
    return any(url.startswith("http://") for url in urls)


UNSAFE = (
    Unsafe("etcd", "--client-cert-auth", is_not("true"),
           "Every process that reaches etcd can read and write all data, Secrets too."),
    Unsafe("etcd", "--peer-client-cert-auth", is_not("true"),
           "Every process that reaches the peer port can pose as a member and change all data."),
    Unsafe("etcd", "--listen-client-urls", plain,
           "Data, Secrets among them, can be read and changed by whoever reaches this address."),
    Unsafe("etcd", "--listen-peer-urls", plain,
           "Members replicate all data in clear text, and anybody can pose as one."),
    Unsafe(API, "--authorization-mode", lacks("Node", "RBAC"),
           "Without RBAC there are no limits to what a client may do; without Node a kubelet's "
           "certificate can read the Secrets of all nodes."),
    Unsafe(API, "--authorization-mode", has("AlwaysAllow"),
           "Every client may do everything."),
    Unsafe(API, "--enable-admission-plugins", lacks("NodeRestriction"),
           "One kubelet's certificate can change other nodes and their pods."),
    Unsafe(API, "--kubelet-certificate-authority", absent,
           "API servers do not check whom they reach as a node: a machine that takes a node's "
           "address reads what is typed and sent in exec and logs."),
    Unsafe(API, "--kubelet-client-certificate", absent,
           "API servers come to kubelets as anonymous: logs and exec fail, or kubelets let "
           "everybody in."),
    Unsafe(API, "--encryption-provider-config", absent,
           "Secrets are clear text in etcd, on its disks and in its snapshots."),
    Unsafe(API, "--token-auth-file", lambda values: not absent(values),
           "Passwords in a file: they never end, and a restart is needed to take one back."),
    Unsafe(API, "--insecure-port", is_not("0"),
           "Every process that reaches the port may do everything."),
    Unsafe(API, "--service-account-lookup", has("false"),
           "Tokens of deleted accounts stay good."),
    Unsafe("kubelet", "authentication.anonymous.enabled", is_not("false"),
           "Strangers can run commands in this node's pods unless authorization refuses them."),
    Unsafe("kubelet", "authorization.mode", is_not("Webhook"),
           "Every client that is let in may run commands in all pods of this node."),
    Unsafe("kubelet", "readOnlyPort", is_not("0"),
           "Specs of all pods, with what is in their environment, can be read without a "
           "certificate."),
    Unsafe("kubelet", "authentication.x509.clientCAFile", absent,
           "Clients' certificates mean nothing here; what remains are tokens."),
)  # fmt: skip
"""Every row whose `when` holds is said; of flags that only others set, where they set them."""

BEYOND: Mapping[str, str] = {
    "--cluster-signing-key-file": text(
        "The CA's key is on this machine: a process that takes over the controller manager can "
        "issue any identity. Hardway's CA key never leaves the operator's host."
    ),
    "--cluster-signing-cert-file": text(
        "hardway signs certificates itself, where the CA's key is."
    ),
    "--enable-bootstrap-token-auth": text(
        "Tokens of the kind that kubeadm join uses are accepted; "
        "hardway gives each kubelet its certificate."
    ),
    "--runtime-config": text(
        "APIs that upstream has off are served: they change and vanish without "
        "notice, and so do the objects in them."
    ),
    "--feature-gates": text("Behaviour that upstream has off, or has not finished."),
}
"""Why hardway does not set a flag."""
BEYOND_WHY = text("hardway leaves this at upstream's default.")
