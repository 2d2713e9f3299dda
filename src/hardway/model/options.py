"""What an operator wants beyond the defaults and may change at any time: values and rules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from hardway.spec.load import Loaded, Place
from hardway.spec.options import UNLIMITED
from hardway.spec.schema import ClusterSpec, Counts
from hardway.text import Text, text

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"
JWKS_PATH = "/openid/v1/jwks"
EVERYWHERE = "0.0.0.0/0"
LOOPBACK = IPv4Network("127.0.0.0/8")
NO_LOOPBACK = text("kube-proxy's nftables mode serves no NodePorts at loopback addresses")
KUBELETS = ("kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch")
"""Labels that each kubelet sets, and sets again."""


FORBIDDEN = (
    ("tls|cert|key|cipher|-ca-?file|crl|-san-|requestheader|proxy-client",
     text("is refused: TLS is hardway's: see pki")),
    ("auth|oidc|token|admission|debug-socket",
     text("is refused: hardway decides who may do what")),
    ("encrypt|kms", text("is refused: encryption is hardway's")),
    ("service-account", text("is refused: see serviceAccounts")),
    ("node-labels|register-|pod-max-pids", text("is refused: see nodes")),
    ("feature-gates", text("is refused: see featureGates, beside flags")),
    ("^config|kubeconfig|config-file",
     text("is refused: nobody checks a file of further settings")),
    ("manifest-(url|path)",
     text("is refused: the API's rules do not reach pods from files")),
    ("force-new-cluster|discovery|^initial-cluster|unsafe|wal-dir|root-dir",
     text("is refused: hardway decides where data is, and keeps it")),
)  # fmt: skip
"""Patterns of flags that nobody may give, and why."""
IGNORED = text("is refused: kube-proxy ignores flags beside its configuration file")


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


def problems(loaded: Loaded) -> Iterator[Text]:
    """Yield what is wrong with these wishes, each with its place."""
    for rule in (_labels, _taints, _flags, _others):
        for place, message in rule(loaded.spec):
            yield loaded.problem(place, message)


def _labels(spec: ClusterSpec) -> Iterator[tuple[Place, Text]]:
    for at, labels, _ in _places(spec):
        for key in labels:
            if key in KUBELETS or key.startswith("beta.kubernetes.io/"):
                yield (*at, "labels", key), text("is kubelet's own label")


def _taints(spec: ClusterSpec) -> Iterator[tuple[Place, Text]]:
    for at, _, taints in _places(spec):
        for taint in taints:
            if taint.startswith("node.kubernetes.io/"):
                own = text("{taint}: Kubernetes itself sets and removes such taints", taint=taint)
                yield (*at, "taints"), own


def _places(spec: ClusterSpec) -> Iterator[tuple[Place, Mapping[str, str], tuple[str, ...]]]:
    yield ("nodes",), spec.nodes.labels, spec.nodes.taints
    if not isinstance(spec.machines, Counts):
        for index, machine in enumerate(spec.machines):
            yield ("machines", index), machine.labels, machine.taints


def _flags(spec: ClusterSpec) -> Iterator[tuple[Place, Text]]:
    for component, extra in spec.components.items():
        for name in extra.flags:
            at = ("components", component, "flags", name)
            why = next((why for pattern, why in FORBIDDEN if re.search(pattern, name)), None)
            if component == "kube-proxy":
                why = IGNORED
            if why:
                yield at, why


def _others(spec: ClusterSpec) -> Iterator[tuple[Place, Text]]:
    for index, asked in enumerate(spec.network.node_ports):
        if isinstance(asked, IPv4Network) and asked.subnet_of(LOOPBACK):
            yield ("network", "nodePorts", index), NO_LOOPBACK
    if spec.nodes.pod_pids_limit == 0:
        none = text("0 lets no pod run; {unlimited} sets no limit", unlimited=UNLIMITED)
        yield ("nodes", "podPidsLimit"), none
    if not isinstance(spec.machines, Counts):
        for index, machine in enumerate(spec.machines):
            if machine.role == "control-plane" and (machine.labels or machine.taints):
                no_node = text("a control plane is not a node: it has no labels and no taints")
                yield ("machines", index), no_node
