"""The table of connections: who talks to whom, what each end shows, and what the other checks.

An end of a connection is named by the entry of the file that configures it; what lies behind the
entry (path, certificate, CA) is read from the rendered files. So there is no second list: a flag
that names another file changes the picture.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hardway.model import ports
from hardway.model.cluster import BALANCED, Cluster, Machine, Role
from hardway.model.ports import Port
from hardway.pki.inventory import APISERVER, ETC, KCM, SCHEDULER
from hardway.render.systemd import UNITS
from hardway.steps import balancer, containerd, kubelet
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Ref:
    """An entry of a file, by which an end of a connection is configured."""

    file: str
    entry: str
    """The full name of a single value, e.g. `--etcd-cafile`, `users[0].user.client-certificate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A row: one program dials another."""

    name: str
    client: str
    """The program that dials, as people call it."""
    server: str
    client_on: Role | None
    """Machines it runs on; None: this host, or a pod."""
    server_on: Role
    port: Port | None = None
    """Where the server listens; None for a socket of the machine."""
    dials: Ref | str = ""
    """Where the client finds the server's address; or the address itself, with holes."""
    server_shows: Ref | None = None
    """The server's certificate; None where the connection is not TLS."""
    client_trusts: Ref | None = None
    """The CA that the client checks the server with."""
    client_shows: Ref | None = None
    """The client's certificate."""
    server_trusts: Ref | None = None
    """The CA that the server checks the client with; verifying keys, where it shows a token."""
    client_token: Ref | None = None
    """The key that signs the client's token, which it shows in place of a certificate."""
    where: Callable[[Cluster], bool] = lambda _: True
    """Which clusters have it."""
    local: bool = False
    """Client and server are on the same machine."""
    authorizes: str
    """What decides what the client may do, once the server knows who it is."""
    why: str
    without: str
    """What stops when the connection fails, and what one reads then."""
    see: str
    """A command that makes or shows the connection; holes as in checks."""


def unit(name: str) -> str:
    """Return where a service's unit file is."""
    return f"{UNITS}/{name}.service"


def kubeconfig(name: str, key: str) -> Ref:
    """Return an entry of the kubeconfig of a client on a machine."""
    part = "clusters[0].cluster" if key in {"server", "certificate-authority"} else "users[0].user"
    return Ref(f"/etc/kubernetes/{name}.kubeconfig", f"{part}.{key}")


def own_kubeconfig(name: str, key: str) -> Ref:
    """Return an entry of a kubeconfig for people, on this host."""
    return Ref(f"kubeconfigs/{name}.kubeconfig", key)


CA = f"{ETC}/ca.crt"
ETCD, KUBELET, PROXY = "etcd", "kubelet", "kube-proxy"
API_SHOWS = Ref(unit(APISERVER), "--tls-cert-file")
API_TRUSTS = Ref(unit(APISERVER), "--client-ca-file")
ETCD_SHOWS = Ref(unit(ETCD), "--cert-file")
ETCD_TRUSTS = Ref(unit(ETCD), "--trusted-ca-file")
RBAC = "RBAC: the roles that bindings give to this user and to its groups."
ALL_OR_NOTHING = (
    "Nothing more is asked: etcd gives every client whose certificate its CA signed all data."
)


def _to_api(  # noqa: PLR0913 - one row of the table
    client: str, on: Role, *, authorizes: str, why: str, without: str, see: str
) -> Connection:
    """Return the connection of a component to the API, by its kubeconfig."""
    return Connection(
        name=f"{client}-to-apiserver", client=client, server=APISERVER, client_on=on,
        server_on=Role.CONTROL_PLANE, port=ports.API, dials=kubeconfig(client, "server"),
        server_shows=API_SHOWS, client_trusts=kubeconfig(client, "certificate-authority"),
        client_shows=kubeconfig(client, "client-certificate"), server_trusts=API_TRUSTS,
        authorizes=authorizes, why=why, without=without, see=see,
    )  # fmt: skip


def _scraped(server: str, port: Port) -> Connection:
    """Return the connection to a component's own /healthz and /metrics."""
    return Connection(
        name=f"scraper-to-{server}", client=text("a scraper"), server=server,
        client_on=Role.CONTROL_PLANE, server_on=Role.CONTROL_PLANE, port=port, local=True,
        dials=Ref(unit(server), "--bind-address"),
        server_shows=Ref(unit(server), "--tls-cert-file"), client_trusts=Ref(CA, ""),
        authorizes="/healthz is open. For the rest the component asks the API who the token is "
        "of (TokenReview) and what that user may do (SubjectAccessReview).",
        why="The component's health and figures, on this machine only.",
        without="hardway verify does not know whether the component is healthy; it works on.",
        see=f"hardway ssh <MACHINE> -- curl --cacert {CA} https://127.0.0.1:{port.number}/healthz",
    )  # fmt: skip


CONNECTIONS = (
    Connection(
        name="kubectl-to-apiserver", client="kubectl", server=APISERVER, client_on=None,
        server_on=Role.CONTROL_PLANE, port=ports.API, dials="<API_FROM_HERE>",
        server_shows=API_SHOWS,
        client_trusts=own_kubeconfig("admin", "certificate-authority-data"),
        client_shows=own_kubeconfig("admin", "client-certificate-data"), server_trusts=API_TRUSTS,
        authorizes=RBAC,
        why="People and scripts work with the cluster by this connection alone.",
        without="Nobody can look at the cluster or change it; what runs goes on running. kubectl "
        "says: The connection to the server was refused, or x509: certificate signed by unknown "
        "authority.",
        see="hardway kubectl auth whoami",
    ),
    Connection(
        name="hardway-to-apiserver", client="hardway", server=APISERVER, client_on=None,
        server_on=Role.CONTROL_PLANE, port=ports.API, dials="<API_FROM_HERE>",
        server_shows=API_SHOWS,
        client_trusts=own_kubeconfig("break-glass", "certificate-authority-data"),
        client_shows=own_kubeconfig("break-glass", "client-certificate-data"),
        server_trusts=API_TRUSTS,
        authorizes="Nothing: the group system:masters passes by all authorizers.",
        why="hardway makes the first binding, and can repair a broken one.",
        without="hardway verify and hardway up see the machines but not the API.",
        see="hardway kubectl --break-glass auth whoami",
    ),
    _to_api(
        KCM, Role.CONTROL_PLANE, authorizes=RBAC + " Each controller then uses a token of its own "
        "service account (--use-service-account-credentials).",
        why="Its loops compare what there is with what there should be, and change objects.",
        without="Deployments make no pods, Services get no endpoints, dead nodes are not noticed.",
        see="hardway kubectl get lease --namespace=kube-system kube-controller-manager",
    ),
    _to_api(
        SCHEDULER, Role.CONTROL_PLANE, authorizes=RBAC,
        why="It gives each new pod a node.",
        without="New pods stay Pending and have no events.",
        see="hardway kubectl get lease --namespace=kube-system kube-scheduler",
    ),
    _to_api(
        KUBELET, Role.WORKER,
        authorizes="The Node authorizer: its own node and the pods on it, and the Secrets and "
        "ConfigMaps that these use. The admission plugin NodeRestriction keeps it from changing "
        "other nodes.",
        why="It learns which pods to run and reports how they and its node are.",
        without="The node turns NotReady after about 40 s; its pods are moved after 5 minutes.",
        see="hardway kubectl get node <MACHINE>",
    ),
    _to_api(
        PROXY, Role.WORKER, authorizes=RBAC,
        why="It learns the Services and where their pods are, and writes nftables rules from that.",
        without="Old Services go on as they were; new Services and new pods are not reached.",
        see="hardway ssh <MACHINE> -- nft list table ip kube-proxy",
    ),
    Connection(
        name="pod-to-apiserver", client="a pod", server=APISERVER, client_on=None,
        server_on=Role.CONTROL_PLANE, port=ports.API, dials="<API_SERVICE_IP>",
        server_shows=API_SHOWS, client_trusts=Ref(unit(KCM), "--root-ca-file"),
        client_token=Ref(unit(APISERVER), "--service-account-signing-key-file"),
        server_trusts=Ref(unit(APISERVER), "--service-account-key-file"),
        authorizes=RBAC + " The user is system:serviceaccount:NAMESPACE:NAME.",
        why="Pods such as CoreDNS watch the API through the Service `kubernetes`. They show a "
        "signed token (JWT), not a certificate.",
        without="CoreDNS and operators stop; a pod reads 401 Unauthorized if its token is not "
        "accepted, and x509 if the first address of the Service range is not in the certificate.",
        see="hardway kubectl get --raw=/openid/v1/jwks",
    ),
    Connection(
        name="apiserver-to-etcd", client=APISERVER, server=ETCD, client_on=Role.CONTROL_PLANE,
        server_on=Role.CONTROL_PLANE, port=ports.ETCD_CLIENT, local=True,
        dials=Ref(unit(APISERVER), "--etcd-servers"),
        server_shows=ETCD_SHOWS, client_trusts=Ref(unit(APISERVER), "--etcd-cafile"),
        client_shows=Ref(unit(APISERVER), "--etcd-certfile"), server_trusts=ETCD_TRUSTS,
        authorizes=ALL_OR_NOTHING,
        why="Every object of the API is a key in etcd; nothing else reads or writes it.",
        without="The API server is not ready and refuses reads and writes; /readyz names etcd.",
        see="hardway kubectl get --raw=/readyz/etcd",
    ),
    Connection(
        name="etcd-to-etcd", client=ETCD, server=ETCD, client_on=Role.CONTROL_PLANE,
        server_on=Role.CONTROL_PLANE, port=ports.ETCD_PEER, dials="<SERVER_ADDRESS>",
        server_shows=Ref(unit(ETCD), "--peer-cert-file"),
        client_trusts=Ref(unit(ETCD), "--peer-trusted-ca-file"),
        client_shows=Ref(unit(ETCD), "--peer-cert-file"),
        server_trusts=Ref(unit(ETCD), "--peer-trusted-ca-file"),
        where=lambda cluster: len(cluster.control_planes) > 1,
        authorizes="Nothing more is asked: a member takes what the leader sends.",
        why="Members agree on each write; the same certificate serves both directions.",
        without="A member alone has no leader: etcd says `no leader`, etcdctl says context "
        "deadline exceeded, and without a majority the API takes no writes.",
        see="hardway ssh <MACHINE> -- journalctl --unit etcd --lines 20",
    ),
    Connection(
        name="etcdctl-to-etcd", client="etcdctl", server=ETCD, client_on=Role.CONTROL_PLANE,
        server_on=Role.CONTROL_PLANE, port=ports.ETCD_CLIENT, local=True, dials="127.0.0.1",
        server_shows=ETCD_SHOWS, client_trusts=Ref("/etc/etcd/pki/ca.crt", ""),
        client_shows=Ref("/etc/etcd/pki/etcdctl.crt", ""), server_trusts=ETCD_TRUSTS,
        authorizes=ALL_OR_NOTHING,
        why="Root on a control plane looks at members and takes snapshots.",
        without="Members cannot be listed, repaired or saved; the cluster itself goes on.",
        see="hardway ssh <MACHINE> -- journalctl --unit etcd --lines 20",
    ),
    Connection(
        name="apiserver-to-kubelet", client=APISERVER, server=KUBELET,
        client_on=Role.CONTROL_PLANE, server_on=Role.WORKER, port=ports.KUBELET,
        dials="<SERVER_ADDRESS>", server_shows=Ref(kubelet.CONFIG, "tlsCertFile"),
        client_trusts=Ref(unit(APISERVER), "--kubelet-certificate-authority"),
        client_shows=Ref(unit(APISERVER), "--kubelet-client-certificate"),
        server_trusts=Ref(kubelet.CONFIG, "authentication.x509.clientCAFile"),
        authorizes="kubelet asks the API (SubjectAccessReview): the binding "
        "hardway:kubelet-client gives this user system:kubelet-api-admin.",
        why="kubectl logs, exec, attach and port-forward go through the API server to the node.",
        without="kubectl logs and exec fail for pods of that node: x509, Unauthorized, or "
        "Forbidden (user=kube-apiserver-kubelet-client); the pods themselves go on.",
        see="hardway kubectl get --raw=/api/v1/nodes/<SERVER>/proxy/healthz",
    ),
    _scraped(KCM, ports.CONTROLLER_MANAGER),
    _scraped(SCHEDULER, ports.SCHEDULER),
    Connection(
        name="apiserver-to-aggregated-api", client=APISERVER, server=text("an aggregated API"),
        client_on=Role.CONTROL_PLANE, server_on=Role.WORKER, dials="<SERVER_ADDRESS>",
        client_shows=Ref(unit(APISERVER), "--proxy-client-cert-file"),
        server_trusts=Ref(unit(APISERVER), "--requestheader-client-ca-file"),
        authorizes="The aggregated API believes the user named in X-Remote-User, and asks the API "
        "what that user may do.",
        why="A program such as metrics-server serves a part of the API. It learns whom to believe "
        "from the ConfigMap extension-apiserver-authentication. Front proxy is not kube-proxy.",
        without="kubectl top says: Metrics API not available. A cluster without such a program "
        "does not use the connection.",
        see="hardway kubectl get apiservices",
    ),
    Connection(
        name="haproxy-to-apiserver", client="haproxy", server=APISERVER,
        client_on=Role.CONTROL_PLANE, server_on=Role.CONTROL_PLANE, port=ports.API,
        dials="<SERVER_ADDRESS>", server_shows=API_SHOWS,
        client_trusts=Ref(
            balancer.CONFIG, "default-server check check-ssl verify required ca-file"
        ),
        where=lambda cluster: bool(BALANCED[cluster.endpoint.kind])
        and len(cluster.control_planes) > 1,
        authorizes="None is needed: authentication.yaml lets anybody ask for /readyz.",
        why="haproxy asks each API server for /readyz and passes connections to those that are "
        "ready. It passes bytes on and ends no TLS: clients see the API server's certificate.",
        without="haproxy takes the API server for dead and passes no connection to it.",
        see="hardway ssh <MACHINE> -- journalctl --unit haproxy --lines 20",
    ),
    Connection(
        name="kubelet-to-containerd", client=KUBELET, server="containerd", client_on=Role.WORKER,
        server_on=Role.WORKER, local=True, dials=Ref(kubelet.CONFIG, "containerRuntimeEndpoint"),
        authorizes="File permissions: the socket is root's.",
        why="kubelet runs no container itself; it asks containerd (CRI).",
        without="The node turns NotReady: container runtime is down.",
        see=f"hardway ssh <MACHINE> -- {containerd.CTR} version",
    ),
)  # fmt: skip


def having(cluster: Cluster) -> tuple[Connection, ...]:
    """Return the connections that a cluster has."""
    return tuple(
        row
        for row in CONNECTIONS
        if row.where(cluster)
        and cluster.having(row.server_on)
        and (row.client_on is None or cluster.having(row.client_on))
    )


def pairs(cluster: Cluster, row: Connection) -> list[tuple[Machine | None, Machine]]:
    """Return each client's machine (None: this host, or a pod's) with each server's."""
    clients = cluster.having(row.client_on) if row.client_on else (None,)
    return [
        (client, server)
        for client in clients
        for server in cluster.having(row.server_on)
        if (client == server or not row.local)
        and not (row.client == row.server and client == server)
    ]
