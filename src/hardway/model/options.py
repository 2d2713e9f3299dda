"""What an operator wants beyond the defaults and may change at any time: values and rules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from hardway.spec.load import Loaded, Place
from hardway.spec.options import UNLIMITED
from hardway.spec.schema import ClusterSpec, Counts

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"
JWKS_PATH = "/openid/v1/jwks"
EVERYWHERE = "0.0.0.0/0"
LOOPBACK = IPv4Network("127.0.0.0/8")
NO_LOOPBACK = "kube-proxy's nftables mode serves no NodePorts at loopback addresses"
KUBELETS = ("kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch")
"""Labels that each kubelet sets, and sets again."""


FORBIDDEN = (
    ("tls|cert|key|cipher|-ca-?file|crl|-san-|requestheader|proxy-client",
     "TLS is hardway's: see pki"),
    ("auth|oidc|token|admission|debug-socket", "who may do what is hardway's"),
    ("encrypt|kms", "encryption is hardway's"),
    ("service-account", "see serviceAccounts"),
    ("node-labels|register-|pod-max-pids", "see nodes"),
    ("feature-gates", "see featureGates, beside flags"),
    ("^config|kubeconfig|config-file", "a file of further settings is checked by nobody"),
    ("manifest-(url|path)", "pods from files are outside of the API's rules"),
    ("force-new-cluster|discovery|^initial-cluster|unsafe|wal-dir|root-dir",
     "where data is, and that it stays, is hardway's"),
)  # fmt: skip
"""Patterns of flags that nobody may give, and why."""


@dataclass(frozen=True, slots=True)
class Extra:
    """Flags and feature gates of a component, beside hardway's."""

    flags: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Decided from hardway.yaml alone."""

    api_names: tuple[str, ...]
    """Further names and addresses in the API's certificate."""
    node_ports: tuple[str, ...]
    """`primary`, and ranges of nodes' addresses at which NodePorts answer."""
    pod_mtu: int | None
    """None: the smallest found on the machines."""
    pod_pids_limit: int
    pod_security: str
    """The level that is enforced where a namespace says nothing."""
    labels: Mapping[str, Mapping[str, str]]
    """By node."""
    taints: Mapping[str, tuple[str, ...]]
    """By node, as `key=value:Effect`."""
    issuers: tuple[str, ...]
    """The first is in new tokens; all are accepted."""
    jwks_uri: str | None
    public_discovery: bool
    extras: Mapping[str, Extra]
    """By component."""


def decide(spec: ClusterSpec, names: Iterable[str]) -> Options:
    """Return what a spec says, for machines of these names."""
    nodes, accounts = spec.nodes, spec.service_accounts
    listed = () if isinstance(spec.machines, Counts) else spec.machines
    machines = {m.name: m for m in listed}
    own = {name: machines[name].labels for name in machines}
    tainted = {name: machines[name].taints for name in machines}
    names = tuple(names)
    return Options(
        api_names=tuple(str(name) for name in spec.endpoint.sans),
        node_ports=_node_ports(spec),
        pod_mtu=spec.network.pod_mtu,
        pod_pids_limit=nodes.pod_pids_limit,
        pod_security=spec.pod_security.enforce,
        labels={name: {**nodes.labels, **own.get(name, {})} for name in names},
        taints={name: (*nodes.taints, *tainted.get(name, ())) for name in names},
        issuers=tuple(dict.fromkeys((*accounts.issuers, DEFAULT_ISSUER))),
        jwks_uri=accounts.jwks_uri or next((i + JWKS_PATH for i in accounts.issuers), None),
        public_discovery=accounts.public_discovery,
        extras={c: Extra(e.flags, e.feature_gates) for c, e in spec.components.items()},
    )


def _node_ports(spec: ClusterSpec) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(map(str, spec.network.node_ports)))
    return (EVERYWHERE,) if {"all", EVERYWHERE} & set(asked) else asked


def problems(loaded: Loaded) -> Iterator[str]:
    """Yield what is wrong with these wishes, each with its place."""
    for rule in (_labels, _taints, _flags, _others):
        for place, text in rule(loaded.spec):
            yield loaded.problem(place, text)


def _labels(spec: ClusterSpec) -> Iterator[tuple[Place, str]]:
    for at, labels, _ in _places(spec):
        for key in labels:
            if key in KUBELETS or key.startswith("beta.kubernetes.io/"):
                yield (*at, "labels", key), "is kubelet's own label"


def _taints(spec: ClusterSpec) -> Iterator[tuple[Place, str]]:
    for at, _, taints in _places(spec):
        for taint in taints:
            if taint.startswith("node.kubernetes.io/"):
                yield (*at, "taints"), f"{taint}: such taints are set by Kubernetes as it sees fit"


def _places(spec: ClusterSpec) -> Iterator[tuple[Place, Mapping[str, str], tuple[str, ...]]]:
    yield ("nodes",), spec.nodes.labels, spec.nodes.taints
    if not isinstance(spec.machines, Counts):
        for index, machine in enumerate(spec.machines):
            yield ("machines", index), machine.labels, machine.taints


def _flags(spec: ClusterSpec) -> Iterator[tuple[Place, str]]:
    for component, extra in spec.components.items():
        for name in extra.flags:
            at = ("components", component, "flags", name)
            why = next((why for pattern, why in FORBIDDEN if re.search(pattern, name)), None)
            if component == "kube-proxy":
                why = "kube-proxy ignores flags beside its configuration file"
            if why:
                yield at, f"is refused: {why}"


def _others(spec: ClusterSpec) -> Iterator[tuple[Place, str]]:
    for index, asked in enumerate(spec.network.node_ports):
        if isinstance(asked, IPv4Network) and asked.subnet_of(LOOPBACK):
            yield ("network", "nodePorts", index), NO_LOOPBACK
    if spec.nodes.pod_pids_limit == 0:
        yield ("nodes", "podPidsLimit"), f"0 lets no pod run; {UNLIMITED} sets no limit"
    if not isinstance(spec.machines, Counts):
        for index, machine in enumerate(spec.machines):
            if machine.role == "control-plane" and (machine.labels or machine.taints):
                yield ("machines", index), "a control plane is no node: no labels, no taints"
