"""A cluster with every name, address and version decided. Made by `resolve`; values only."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

API_PORT = 6443
ETCD_CLIENT_PORT = 2379
ETCD_PEER_PORT = 2380


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What a machine's host is like, as far as rendered files depend on it."""

    cpus: int
    memory_bytes: int
    cgroup: str
    """`v2` where systemd inside the machine manages cgroups, `v1` where it cannot."""
    nameservers: tuple[str, ...]
    """Resolvers reachable from the machines; empty where the host has none."""
    shared: bool
    """Several machines share this host's cores and memory (provider `local`)."""
    swap: bool
    capped_oom: bool
    """CAP_SYS_RESOURCE is missing, so that oom_score_adj cannot be lowered."""


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
    endpoint: IPv4Address
    """Where clients reach the API: a virtual address that the control planes hand over."""
    key_algorithm: KeyAlgorithm
    validity: Validity
    host: HostFacts

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
    def endpoint_url(self) -> str:
        """The API through the endpoint."""
        return f"https://{self.endpoint}:{API_PORT}"
