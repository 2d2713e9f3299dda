"""The table of ports. Flags, preflight's probe, firewalls' rules and refusals read these rows."""

from dataclasses import dataclass
from enum import StrEnum

from hardway.model.cluster import API_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT, Role

CONTROL_PLANE, WORKER = frozenset({Role.CONTROL_PLANE}), frozenset({Role.WORKER})


class Listens(StrEnum):
    """On which of a machine's addresses a service listens."""

    LOOPBACK = "127.0.0.1"
    MACHINE = "the machine's address"
    BOTH = "the machine's address and 127.0.0.1"
    EVERYWHERE = "every address"


class Peer(StrEnum):
    """From where a port is reached over the network."""

    OPERATORS = "operators"
    BALANCER = "the load balancer"
    CONTROL_PLANES = "control planes"
    WORKERS = "workers"
    PODS = "pods"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A TCP port that a service of hardway's listens on."""

    number: int
    service: str
    """The systemd unit, without suffix."""
    roles: frozenset[Role]
    listens: Listens
    allows: tuple[tuple[Peer, str], ...] = ()
    """Who may come over the network, and for what; nobody may at a loopback address."""
    why: str


ETCD_CLIENT = Port(
    number=ETCD_CLIENT_PORT, service="etcd", roles=CONTROL_PLANE, listens=Listens.BOTH,
    allows=((Peer.CONTROL_PLANES, "etcd, for its clients"),),
    why="API servers read and write all data here; client certificates are required",
)  # fmt: skip
ETCD_PEER = Port(
    number=ETCD_PEER_PORT, service="etcd", roles=CONTROL_PLANE, listens=Listens.MACHINE,
    allows=((Peer.CONTROL_PLANES, "etcd, among members"),),
    why="members copy data to each other; peer certificates are required",
)  # fmt: skip
ETCD_METRICS = Port(
    number=2381, service="etcd", roles=CONTROL_PLANE, listens=Listens.LOOPBACK,
    why="/metrics and /health without access to the data",
)  # fmt: skip
API = Port(
    number=API_PORT, service="kube-apiserver", roles=CONTROL_PLANE, listens=Listens.MACHINE,
    allows=(
        (Peer.BALANCER, "what the load balancer passes on"),
        (Peer.CONTROL_PLANES, "the API next door"),
        (Peer.WORKERS, "Service kubernetes"),
        (Peer.PODS, "Service kubernetes, from pods"),
    ),
    why="the API of this control plane; clients use the endpoint's port",
)  # fmt: skip
CONTROLLER_MANAGER = Port(
    number=10257, service="kube-controller-manager", roles=CONTROL_PLANE,
    listens=Listens.LOOPBACK, why="/healthz and /metrics",
)  # fmt: skip
SCHEDULER = Port(
    number=10259, service="kube-scheduler", roles=CONTROL_PLANE, listens=Listens.LOOPBACK,
    why="/healthz and /metrics",
)  # fmt: skip
HAPROXY_HEALTH = Port(
    number=8404, service="haproxy", roles=CONTROL_PLANE | WORKER, listens=Listens.LOOPBACK,
    why="keepalived asks here whether any API server is ready",
)  # fmt: skip
KUBELET = Port(
    number=10250, service="kubelet", roles=WORKER, listens=Listens.EVERYWHERE,
    allows=((Peer.CONTROL_PLANES, "API servers call kubelets"),),
    why="API servers fetch logs and metrics and run exec here; certificates are required",
)  # fmt: skip
KUBELET_HEALTH = Port(
    number=10248, service="kubelet", roles=WORKER, listens=Listens.LOOPBACK, why="/healthz",
)  # fmt: skip
KUBE_PROXY_HEALTH = Port(
    number=10256, service="kube-proxy", roles=WORKER, listens=Listens.EVERYWHERE,
    why="load balancers outside ask here whether this node has pods of a Service",
)  # fmt: skip
KUBE_PROXY_METRICS = Port(
    number=10249, service="kube-proxy", roles=WORKER, listens=Listens.LOOPBACK, why="/metrics",
)  # fmt: skip

PORTS = (
    ETCD_CLIENT,
    ETCD_PEER,
    ETCD_METRICS,
    API,
    CONTROLLER_MANAGER,
    SCHEDULER,
    HAPROXY_HEALTH,
    KUBELET,
    KUBELET_HEALTH,
    KUBE_PROXY_HEALTH,
    KUBE_PROXY_METRICS,
)
SSH = Port(
    number=22, service="ssh", roles=CONTROL_PLANE | WORKER, listens=Listens.EVERYWHERE,
    allows=((Peer.OPERATORS, "SSH"),), why="how hardway reaches machines; not hardway's own",
)  # fmt: skip


def on(role: Role) -> tuple[Port, ...]:
    """Return the ports of hardway's services on machines of a role."""
    return tuple(port for port in PORTS if role in port.roles)
