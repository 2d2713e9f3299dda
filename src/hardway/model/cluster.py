"""A cluster with every name, address and version decided. Made by `resolve`; values only."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from hardway.model.options import Options

API_PORT = 6443
ETCD_CLIENT_PORT = 2379
ETCD_PEER_PORT = 2380


def quorum(members: int) -> int:
    """Return how many members of etcd are a majority."""
    return members // 2 + 1


class Role(StrEnum):
    """What a machine is for."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class KeyAlgorithm(StrEnum):
    """Kinds of private keys for CAs and leaves."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_2048 = "rsa-2048"
    RSA_4096 = "rsa-4096"


@dataclass(frozen=True, slots=True)
class Machine:
    """What we reach over SSH. Names are unique in a cluster and are the node names too."""

    name: str
    role: Role
    address: IPv4Address
    pod_cidr: IPv4Network | None
    """The /24 whose addresses this worker's pods get; None on a control plane."""
    reached_at: str
    """Address or name by which the operator's host reaches it; mostly its address."""
    number: int = 0
    """Its own among the cluster's machines while it lives, whatever comes and goes beside it."""
    login: tuple[tuple[str, str], ...] = ()
    """How it is reached, as far as hardway.yaml describes that (provider ssh): field and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What a machine's system is like, as far as rendered files depend on it. Observed."""

    architecture: str
    """Go's name: `amd64` or `arm64`."""
    interface: str
    """The link that has the machine's address, e.g. `eth0`."""
    mtu: int
    """That link's."""
    cpus: int
    memory_bytes: int
    cgroup: str
    """`v2` where systemd inside the machine manages cgroups, `v1` where it cannot."""
    nameservers: tuple[str, ...]
    """Resolvers reachable from its pods; empty where there are none."""
    resolv_conf: str
    """The file that names them."""
    shared: bool
    """Several machines share this host's cores and memory (provider `local`)."""
    swap: bool
    capped_oom: bool
    """CAP_SYS_RESOURCE is missing, so that oom_score_adj cannot be lowered."""


class EndpointKind(StrEnum):
    """Who brings clients to API servers that are ready."""

    VIP = "vip"
    """An address that the control planes hand over (keepalived), haproxy behind it."""
    GIVEN = "given"
    """A load balancer outside of the cluster's machines: the user's, or the provider's."""
    PROXY = "proxy"
    """haproxy on every machine, at its loopback."""
    MADE = "made"
    """A load balancer that the provider makes, and whose name nobody knows before."""


BALANCED = {
    EndpointKind.VIP: frozenset({Role.CONTROL_PLANE}),
    EndpointKind.PROXY: frozenset({Role.CONTROL_PLANE, Role.WORKER}),
    EndpointKind.GIVEN: frozenset[Role](),
    EndpointKind.MADE: frozenset[Role](),
}
"""Which machines have a load balancer of ours, by the kind of endpoint."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where clients reach the API, whichever control plane is up."""

    kind: EndpointKind
    host: str
    """Address or DNS name."""
    port: int

    @property
    def url(self) -> str:
        """The API through it."""
        return f"https://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How long certificates are good for."""

    ca: timedelta
    leaf: timedelta
    admin: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """All decisions about one cluster; every rendered byte follows from this and the secrets."""

    name: str
    provider: str
    kubernetes_version: str
    machines: tuple[Machine, ...]
    node_cidr: IPv4Network
    pod_cidr: IPv4Network
    service_cidr: IPv4Network
    endpoint: Endpoint
    routes_outside: bool
    """The network outside of machines routes to pods, and machines need no routes of their own."""
    key_algorithm: KeyAlgorithm
    validity: Validity
    options: Options

    @property
    def control_planes(self) -> tuple[Machine, ...]:
        """Machines that run etcd and the API, in spec order."""
        return self.having(Role.CONTROL_PLANE)

    @property
    def workers(self) -> tuple[Machine, ...]:
        """Machines that run pods, in spec order."""
        return self.having(Role.WORKER)

    def having(self, role: Role) -> tuple[Machine, ...]:
        """Return the machines of one role, in spec order."""
        return tuple(m for m in self.machines if m.role is role)

    def machine(self, name: str) -> Machine:
        """Return the machine of that name.

        Raises:
            KeyError: there is none.
        """
        for machine in self.machines:
            if machine.name == name:
                return machine
        raise KeyError(name)

    @property
    def api_service_ip(self) -> IPv4Address:
        """The ClusterIP of the Service `kubernetes`: the first of the range."""
        return self.service_cidr[1]

    @property
    def dns_service_ip(self) -> IPv4Address:
        """The ClusterIP of the cluster's DNS: the tenth of the range."""
        return self.service_cidr[10]

    @property
    def api_from_here(self) -> Endpoint:
        """Where clients on the operator's host reach the API.

        Machines' own loopbacks are not this host's: then at the first control plane.
        """
        if self.endpoint.kind is not EndpointKind.PROXY:
            return self.endpoint
        return Endpoint(EndpointKind.GIVEN, self.control_planes[0].reached_at, API_PORT)

    def api_over(self, machine: Machine) -> Endpoint:
        """Where clients reach the API that come over a connection to a control plane.

        A proxy at that machine's loopback is no such place: Go's clients go to loopback
        addresses themselves and over no connection (net/http, ProxyFromEnvironment).
        """
        if self.endpoint.kind is not EndpointKind.PROXY:
            return self.endpoint
        return Endpoint(EndpointKind.GIVEN, str(machine.address), API_PORT)
