"""Endpoint: one address for the API that outlives any single control plane.

With a virtual address haproxy on every control plane passes connections on to the API servers that
are ready, and keepalived keeps the address on one machine whose haproxy has a server to pass them
to. With proxies every machine has such a haproxy for itself. With a load balancer that is given
there is nothing to put anywhere, only to look whether it answers.
"""

import textwrap

from hardway.model.checks import (
    CLUSTER,
    MACHINES,
    Answer,
    Check,
    Judgement,
    Kubectl,
    Sh,
    Subject,
    Where,
    endpoint_is,
    judged,
    says,
)
from hardway.model.cluster import API_PORT, Cluster, EndpointKind, Machine, Role
from hardway.model.resources import Desired, File, Verdict
from hardway.render.config import Setting
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service
from hardway.steps.base import CURL, Given, Inventory, Step, services
from hardway.steps.packages import packages

NAME = "endpoint"
TRACES = ("/etc/iproute2/rt_addrprotos.d/keepalived.conf",)
"""What keepalived 2.3 writes by itself: its name among the origins of addresses (ip-address(8))."""
HAPROXY = "/etc/haproxy/haproxy.cfg"
KEEPALIVED = "/etc/keepalived/keepalived.conf"
CA = "/etc/kubernetes/pki/ca.crt"
HEALTH_PORT = 8404
ROUTER_ID = 51
MADE_S = 600
"""AWS usually needs 3 to 5 minutes until a new load balancer passes anything on."""
BALANCED = {
    EndpointKind.VIP: frozenset({Role.CONTROL_PLANE}),
    EndpointKind.PROXY: frozenset({Role.CONTROL_PLANE, Role.WORKER}),
    EndpointKind.GIVEN: frozenset[Role](),
    EndpointKind.MADE: frozenset[Role](),
}
"""Which machines have a load balancer of ours, by the kind of endpoint."""
CHOICE = f"""\
    balance leastconn
    # Not that the port is open but that the server is ready, and that it is ours.
    option httpchk GET /readyz
    http-check expect status 200
    # Half a second, twice: a killed machine is left within 1 s; whoever is connected to
    # it is disconnected then, and does not wait for a timeout of its own.
    default-server check check-ssl verify required ca-file {CA}
    default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
"""
HEALTH = f"""
# For keepalived: is there any server to pass connections to?
frontend health
    mode http
    bind 127.0.0.1:{HEALTH_PORT}
    acl nobody nbsrv(apiservers) lt 1
    monitor-uri /healthz
    monitor fail if nobody
"""
ALONE = """\
    # No check: nobody else could take its clients, who would only lose their connections where
    # it is slow for a while.
"""


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a machine's load balancer, and a control plane's share in a virtual address."""
    cluster = given.cluster
    if machine.role not in BALANCED[cluster.endpoint.kind]:
        return Desired()
    files = [
        File(path=HAPROXY, content=haproxy(cluster).encode(), commented=True,
             why="passes connections on to API servers that are ready"),
    ]  # fmt: skip
    specs = [_haproxy_service()]
    if cluster.endpoint.kind is EndpointKind.VIP:
        text = keepalived(cluster, machine, given.hosts[machine.name].interface)
        files.append(File(path=KEEPALIVED, content=text.encode(), commented=True,
                          why="holds the endpoint's address on one control plane"))  # fmt: skip
        specs.append(_keepalived_service())
    unneeded = frozenset() if cluster.endpoint.kind is EndpointKind.VIP else {"keepalived"}
    wanted = packages(NAME, machine.role, without=frozenset(unneeded))
    return services(tuple(specs), inventory, Desired(packages=tuple(wanted), files=tuple(files)))


def haproxy(cluster: Cluster) -> str:
    """Return haproxy.cfg; the same on all machines that have it."""
    several = len(cluster.control_planes) > 1
    servers = "".join(
        f"    server {m.name} {m.address}:{API_PORT}\n" for m in cluster.control_planes
    )
    return textwrap.dedent(f"""\
        # TCP, not HTTP: TLS ends at the API servers, which know clients by their certificates.
        global
            user haproxy
            group haproxy
            maxconn 4000
            log stdout format raw local0 notice

        defaults
            mode tcp
            log global
            timeout connect 2s
            # A watch may be silent for long; kubelets and pods hold theirs for hours.
            timeout client 4h
            timeout server 4h
            timeout check 2s
            # A server that refuses a connection has not seen the request: another one may.
            option redispatch 1
            retries 3

        frontend api
            bind {cluster.endpoint.host}:{cluster.endpoint.port}
            default_backend apiservers

        backend apiservers
        """) + (CHOICE + servers + HEALTH if several else ALONE + servers)


def keepalived(cluster: Cluster, machine: Machine, interface: str) -> str:
    """Return keepalived.conf of one control plane."""
    peers = [m for m in cluster.control_planes if m != machine]
    unicast = "".join(f"        {m.address}\n" for m in peers)
    # The lower number is preferred; no two are equal, so that there is never a tie.
    priority = 150 - machine.number
    text = textwrap.dedent(f"""\
        # The endpoint's address is on the highest priority whose haproxy has a server.
        global_defs {{
            router_id {machine.name}
            script_user nobody
            enable_script_security
            # Three advertisements a second need version 3 of the protocol (RFC 9568).
            vrrp_version 3
        }}

        vrrp_script balancer {{
            script "/usr/bin/curl --fail --silent --max-time 4 http://127.0.0.1:{HEALTH_PORT}/healthz"
            interval 1
            # A refusal counts at once; on a host with no time to spare curl itself takes seconds,
            # and that is no reason to let the address go.
            timeout 5
            fall 2
            rise 1
        }}

        vrrp_instance api {{
            state BACKUP
            interface {interface}
            virtual_router_id {ROUTER_ID}
            priority {priority}
            # Taken over after three that did not come: about a second.
            advert_int 0.3
            # An address that moves back breaks connections once more and wins nothing.
            nopreempt
            unicast_src_ip {machine.address}
            unicast_peer {{
            PEERS
            }}
            virtual_ipaddress {{
                {cluster.endpoint.host}/{cluster.node_cidr.prefixlen} dev {interface}
            }}
            track_script {{
                balancer
            }}
            garp_master_repeat 3
        }}
        """)
    if not peers:
        # Nobody to send advertisements to, nor to leave the address to.
        for start, end in (
            ("    unicast_peer", "    virtual_ipaddress"),
            ("    track_script", "    garp_master"),
            ("vrrp_script", "vrrp_instance"),
        ):
            before, after = text[: text.index(start)], text[text.index(end) :]
            text = before + after
        return text
    return text.replace("    PEERS\n", unicast)


def _haproxy_service() -> Service:
    return Service(
        name="haproxy.service",
        description="Load balancer for the Kubernetes API",
        why="Passes connections to the endpoint on to API servers that are ready.",
        command=f"/usr/sbin/haproxy -Ws -f {HAPROXY}",
        unit=(Setting("After", "network-online.target hardway-host.service", ""), NEVER_GIVE_UP),
        service=(
            Setting("Type", "notify", ""),
            Setting("KillMode", "mixed", "The master ends its workers itself."),
            Setting("ProtectSystem", "strict", "It gives up root by itself, after its ports."),
            Setting("ProtectHome", "yes", ""),
            Setting("PrivateTmp", "yes", ""),
            Setting("NoNewPrivileges", "yes", ""),
            *RESTARTS,
        ),
        reads=(HAPROXY, CA),
    )


def _keepalived_service() -> Service:
    return Service(
        name="keepalived.service",
        description="Holder of the API endpoint's address",
        why="Holds the endpoint's address while this machine's haproxy has a server.",
        command=f"/usr/sbin/keepalived --dont-fork --log-console --vrrp --use-file {KEEPALIVED}",
        unit=(Setting("After", "network-online.target haproxy.service", ""), NEVER_GIVE_UP),
        service=(
            Setting("Type", "simple", ""),
            Setting("KillMode", "process", "It lets the address go before it ends."),
            *RESTARTS,
        ),
        reads=(KEEPALIVED,),
    )


def _held_once(subject: Subject, answer: Answer) -> tuple[Judgement]:
    members = [m.name for m in subject.cluster.control_planes]
    held = holders(answer)
    found = f"{len(held)} holders" + (f": {', '.join(held)}" if held else "")
    if len(held) == 1:
        return judged("1 holder", "1 holder")
    if not held and len(answer.elsewhere) < len(members):
        silent = ", ".join(sorted(set(members) - set(answer.elsewhere)))
        return (Judgement(Verdict.UNKNOWN, "1 holder", f"none of those that answer, not {silent}"),)
    return judged("1 holder", found)


def holders(answer: Answer) -> list[str]:
    """Return the control planes that have the virtual address, by what `HELD` was answered."""
    return [name for name, text in answer.elsewhere.items() if text.strip()]


HELD = Check(
    name="endpoint-held-once", step=NAME, scope=endpoint_is(CLUSTER, EndpointKind.VIP),
    ask=Sh("ip -brief address show to <ENDPOINT>/32", Where.CONTROL_PLANES), judge=_held_once,
    why="an address that two machines hold answers half of the time",
    see="hardway ssh <CONTROL_PLANE> -- ip -brief address show to <ENDPOINT>/32",
)  # fmt: skip
PROXIED = Check(
    name="proxy-answers", step=NAME, scope=endpoint_is(MACHINES, EndpointKind.PROXY),
    causes=("apiserver-ready",),
    ask=Sh(f"{CURL} --cacert {CA} https://<ENDPOINT>:<PORT>/readyz"), judge=says("ok"),
    why="this machine's kubelet and kube-proxy know no other way to the API",
    see="hardway ssh <MACHINE> -- systemctl status haproxy",
)  # fmt: skip
CHECKS = (
    HELD,
    PROXIED,
    Check(name="endpoint-answers", step=NAME, scope=CLUSTER, silence=Verdict.WRONG,
          causes=("endpoint-held-once", "apiserver-ready"),
          ask=Kubectl(("get", "--raw=/readyz")), judge=says("ok"),
          why="kubelets, kube-proxies and people know this address only",
          see="hardway kubectl get --raw=/readyz?verbose"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="An endpoint for the API",
    why="one address for clients, whichever control plane is up",
    render=render,
    checks=CHECKS,
    serves=(PROXIED.name,),
    settles_more_s=lambda cluster: MADE_S if cluster.endpoint.kind is EndpointKind.MADE else 0,
)
