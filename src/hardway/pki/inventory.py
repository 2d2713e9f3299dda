"""The tables of CAs and certificates. Making, placing, listing and checking read these rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import ROOT

ADMINS = "hardway:admins"
SERVER, CLIENT = "serverAuth", "clientAuth"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority; its key never leaves the cluster's folder."""

    name: str
    common_name: str
    why: str


CAS = (
    Authority("kubernetes", "kubernetes-ca", "says who API servers, nodes and people are"),
    Authority("etcd", "etcd-ca", "says who may read and write all data: nobody but API servers"),
    Authority("front-proxy", "front-proxy-ca",
              "says who may speak for others: the API server, to aggregated APIs"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A row: one certificate for each machine of a role, or one for this host."""

    name: str
    ca: str
    role: Role | None
    """Machines that have one of their own; None: this host has the only one."""
    common_name: str
    """`{machine}` is filled in."""
    organization: str = ""
    usages: tuple[str, ...]
    names: Callable[[Cluster, Machine], tuple[str, ...]] | None = None
    """Names and addresses it is good for, as a server."""
    path: str = ""
    """Where it lies on machines, without suffix; empty where it is in a kubeconfig only."""
    kubeconfig: str = ""
    """The kubeconfig that names it; on this host the one it is in."""
    owner: str = ROOT
    short_lived: bool = False
    presented_by: str
    verified_by: str
    why: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that should exist."""

    row: Certificate
    machine: str
    """Empty for one of this host's."""
    common_name: str
    names: tuple[str, ...]

    @property
    def id(self) -> tuple[str, str]:
        """How it is found among the secrets."""
        return self.row.name, self.machine

    @property
    def stem(self) -> str:
        """Where it is in the folder of secrets, without suffix."""
        return "/".join(filter(None, (self.row.ca, *self.id)))


def _own(_cluster: Cluster, machine: Machine) -> tuple[str, ...]:
    return machine.name, str(machine.address)


def _own_and_loopback(cluster: Cluster, machine: Machine) -> tuple[str, ...]:
    return (*_own(cluster, machine), "localhost", "127.0.0.1")


def _api(cluster: Cluster, _machine: Machine) -> tuple[str, ...]:
    """Return every name and address the API is ever asked by; the same on all control planes."""
    service = ["kubernetes", "default", "svc", "cluster", "local"]
    names = (
        *(".".join(service[:length]) for length in range(1, len(service) + 1)),
        *(name for m in cluster.control_planes for name in (*_own(cluster, m), m.reached_at)),
        "localhost",
        "127.0.0.1",
        cluster.endpoint.host,
        str(cluster.api_service_ip),
        *cluster.options.api_names,
    )
    return tuple(dict.fromkeys(filter(None, names)))


ETC = "/etc/kubernetes/pki"
APISERVER = "kube-apiserver"
KCM, SCHEDULER = "kube-controller-manager", "kube-scheduler"

CERTIFICATES = (
    Certificate(
        name="etcd-server", ca="etcd", role=Role.CONTROL_PLANE, common_name="etcd-{machine}",
        usages=(SERVER,), names=_own_and_loopback, path="/etc/etcd/pki/server", owner="etcd",
        presented_by="etcd, to its clients", verified_by="kube-apiserver, etcdctl",
        why="clients know that they talk to a member of this etcd",
    ),
    Certificate(
        name="etcd-peer", ca="etcd", role=Role.CONTROL_PLANE, common_name="{machine}",
        usages=(SERVER, CLIENT), names=_own, path="/etc/etcd/pki/peer", owner="etcd",
        presented_by="etcd, to other members, at both ends", verified_by="etcd",
        why="members copy all data to each other: only members may",
    ),
    Certificate(
        name="etcd-operator", ca="etcd", role=Role.CONTROL_PLANE, common_name="etcdctl",
        usages=(CLIENT,), path="/etc/etcd/pki/etcdctl",
        presented_by="etcdctl, run by root", verified_by="etcd",
        why="looking at and repairing etcd itself",
    ),
    Certificate(
        name="apiserver", ca="kubernetes", role=Role.CONTROL_PLANE, common_name=APISERVER,
        usages=(SERVER,), names=_api, path=f"{ETC}/{APISERVER}/server", owner=APISERVER,
        presented_by="kube-apiserver, to everybody", verified_by="all clients of the API, haproxy",
        why="clients know that they talk to this cluster's API, by whichever name they found it",
    ),
    Certificate(
        name="apiserver-etcd-client", ca="etcd", role=Role.CONTROL_PLANE, common_name=APISERVER,
        usages=(CLIENT,), path=f"{ETC}/{APISERVER}/etcd-client", owner=APISERVER,
        presented_by="kube-apiserver, to etcd", verified_by="etcd",
        why="etcd serves API servers and nobody else",
    ),
    Certificate(
        name="apiserver-kubelet-client", ca="kubernetes", role=Role.CONTROL_PLANE,
        common_name="kube-apiserver-kubelet-client", usages=(CLIENT,),
        path=f"{ETC}/{APISERVER}/kubelet-client", owner=APISERVER,
        presented_by="kube-apiserver, to kubelets", verified_by="kubelet",
        why="logs, exec and port-forward; a binding grants just that, not system:masters",
    ),
    Certificate(
        name="front-proxy-client", ca="front-proxy", role=Role.CONTROL_PLANE,
        common_name="front-proxy-client", usages=(CLIENT,),
        path=f"{ETC}/{APISERVER}/front-proxy-client", owner=APISERVER,
        presented_by="kube-apiserver, to aggregated APIs", verified_by="aggregated APIs",
        why="who shows it may say in headers who the user is",
    ),
    Certificate(
        name="controller-manager-server", ca="kubernetes", role=Role.CONTROL_PLANE,
        common_name=KCM, usages=(SERVER,), names=_own_and_loopback, path=f"{ETC}/{KCM}/server",
        owner=KCM, presented_by="kube-controller-manager, for /healthz and /metrics",
        verified_by="scrapers", why="one of the cluster's CA, not one made up at each start",
    ),
    Certificate(
        name="controller-manager", ca="kubernetes", role=Role.CONTROL_PLANE,
        common_name="system:kube-controller-manager", usages=(CLIENT,), path=f"{ETC}/{KCM}/client",
        kubeconfig=KCM, owner=KCM,
        presented_by="kube-controller-manager, to the API", verified_by="kube-apiserver",
        why="RBAC grants that name what its loops need",
    ),
    Certificate(
        name="scheduler-server", ca="kubernetes", role=Role.CONTROL_PLANE,
        common_name=SCHEDULER, usages=(SERVER,), names=_own_and_loopback,
        path=f"{ETC}/{SCHEDULER}/server", owner=SCHEDULER,
        presented_by="kube-scheduler, for /healthz and /metrics", verified_by="scrapers",
        why="one of the cluster's CA, not one made up at each start",
    ),
    Certificate(
        name="scheduler", ca="kubernetes", role=Role.CONTROL_PLANE,
        common_name="system:kube-scheduler", usages=(CLIENT,),
        path=f"{ETC}/{SCHEDULER}/client", kubeconfig=SCHEDULER,
        owner=SCHEDULER, presented_by="kube-scheduler, to the API", verified_by="kube-apiserver",
        why="RBAC grants that name what scheduling needs",
    ),
    Certificate(
        name="kubelet-server", ca="kubernetes", role=Role.WORKER,
        common_name="system:node:{machine}", organization="system:nodes", usages=(SERVER,),
        names=_own, path=f"{ETC}/kubelet/server",
        presented_by="kubelet, to API servers", verified_by="kube-apiserver",
        why="what an API server sends for exec may be a password: it must reach that node only",
    ),
    Certificate(
        name="kubelet", ca="kubernetes", role=Role.WORKER, common_name="system:node:{machine}",
        organization="system:nodes", usages=(CLIENT,),
        path=f"{ETC}/kubelet/client", kubeconfig="kubelet",
        presented_by="kubelet, to the API", verified_by="kube-apiserver",
        why="the Node authorizer lets that name see its own pods and their Secrets only",
    ),
    Certificate(
        name="kube-proxy", ca="kubernetes", role=Role.WORKER, common_name="system:kube-proxy",
        usages=(CLIENT,), path=f"{ETC}/kube-proxy/client", kubeconfig="kube-proxy",
        owner="kube-proxy",
        presented_by="kube-proxy, to the API", verified_by="kube-apiserver",
        why="reads Services and endpoints, nothing else",
    ),
    Certificate(
        name="admin", ca="kubernetes", role=None, common_name="hardway-admin",
        organization=ADMINS, usages=(CLIENT,), kubeconfig="admin", short_lived=True,
        presented_by="people's kubectl", verified_by="kube-apiserver",
        why="a binding grants its group everything, and can be taken back",
    ),
    Certificate(
        name="break-glass", ca="kubernetes", role=None, common_name="hardway-break-glass",
        organization="system:masters", usages=(CLIENT,), kubeconfig="break-glass",
        short_lived=True, presented_by="hardway, and people when RBAC itself is broken",
        verified_by="kube-apiserver",
        why="passes by RBAC, so that the first binding can be made and a broken one mended",
    ),
)  # fmt: skip

TRUSTED = (
    (Role.CONTROL_PLANE, "/etc/etcd/pki/ca.crt", "etcd", "whom etcd lets in"),
    (Role.CONTROL_PLANE, f"{ETC}/ca.crt", "kubernetes", "whom the API lets in as whom"),
    (Role.CONTROL_PLANE, f"{ETC}/etcd-ca.crt", "etcd", "that it is our etcd"),
    (Role.CONTROL_PLANE, f"{ETC}/front-proxy-ca.crt", "front-proxy", "who may speak for others"),
    (Role.WORKER, f"{ETC}/ca.crt", "kubernetes", "that it is our API, and who asks kubelet"),
)
"""CA certificates on machines: role, path, CA, what is decided by it."""

SIGNING = (
    (f"{ETC}/{APISERVER}/service-account.key", APISERVER, "signs pods' tokens"),
    (f"{ETC}/{KCM}/service-account.key", KCM, "signs the tokens in long-lived Secrets"),
)
"""Copies of the service-account key on control planes: path, owner, what for."""
PUBLIC = f"{ETC}/{APISERVER}/service-account.pub"


def expand(cluster: Cluster) -> Iterator[Wanted]:
    """Yield every certificate the cluster should have."""
    for row in CERTIFICATES:
        if row.role is None:
            yield Wanted(row, "", row.common_name, ())
            continue
        for machine in cluster.having(row.role):
            names = row.names(cluster, machine) if row.names else ()
            yield Wanted(row, machine.name, row.common_name.format(machine=machine.name), names)


def certificate_paths(role: Role) -> list[str]:
    """Return where machines of a role have certificates, CAs' included."""
    trusted = [path for at, path, _, _ in TRUSTED if at is role]
    return [*trusted, *(f"{c.path}.crt" for c in CERTIFICATES if c.role is role and c.path)]
