"""haproxy: passes connections to the endpoint on to API servers; a part of the step endpoint."""

from hardway.model import ports
from hardway.model.cluster import API_PORT, Cluster
from hardway.model.resources import Effect, File
from hardway.model.rows import Section, Setting, quiet
from hardway.render.config import comment, indented
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Reload, Service, after
from hardway.steps.base import CA
from hardway.text import text

UNIT = "haproxy.service"
CONFIG = "/etc/haproxy/haproxy.cfg"
RUN = "/run/haproxy"
SOCKET = f"{RUN}/hardway.sock"
"""The admin socket: `show servers state`, `set server apiservers/NAME state drain`."""
BINARY = "/usr/sbin/haproxy"


def config(cluster: Cluster) -> File:
    """Return haproxy.cfg; the same on all machines that have it."""
    header = "TCP, not HTTP: TLS ends at the API servers, which know clients by their certificates."
    rows = sections(cluster)
    return File(path=CONFIG, content=(comment(header) + indented(rows)).encode(),
                rows=rows, why="Passes connections on to API servers that are ready.")  # fmt: skip


def sections(cluster: Cluster) -> tuple[Section, ...]:
    """Return the sections of haproxy.cfg."""
    endpoint = cluster.endpoint
    api = Section("frontend api", (
        quiet("bind", f"{endpoint.host}:{endpoint.port}", "The endpoint, which clients know."),
        quiet("default_backend", "apiservers", "All connections go to the API servers."),
    ), "Where clients of the API come.", quiet=True)  # fmt: skip
    return (_global(), _defaults(), api, _backend(cluster), _health())


def _global() -> Section:
    return Section("global", (
        quiet("user", "haproxy", "It gives up root once its ports are open."),
        quiet("group", "haproxy", "That user's own group."),
        quiet("maxconn", 4000, "Connections at once; each kubelet and pod holds a few."),
        quiet("log", "stdout format raw local0 notice", "The journal has its log."),
        Setting("stats socket", f"{SOCKET} mode 600 level admin",
                "For root alone: a server is drained here before it is restarted."),
    ), "The process.", quiet=True)  # fmt: skip


def _defaults() -> Section:
    return Section("defaults", (
        quiet("mode", "tcp", "Bytes are passed on as they are."),
        quiet("log", "global", "As said above."),
        quiet("timeout connect", "2s", "Machines of one network answer in milliseconds."),
        Setting("timeout client", "4h",
                "A watch may be silent for long; kubelets and pods hold theirs for hours."),
        quiet("timeout server", "4h", "As long as for clients: one connection, two ends."),
        quiet("timeout check", "2s", "An API server that takes longer is not well."),
        Setting("option redispatch", 1,
                "A server that refuses a connection has not seen the request: another one may."),
        quiet("retries", 3, "Once for each of three API servers."),
    ), "How all connections are treated.", quiet=True)  # fmt: skip


def _backend(cluster: Cluster) -> Section:
    machines = cluster.control_planes
    # One alone is not checked: no other could take its clients, who would only lose their
    # connections where it is slow for a while.
    servers = [
        quiet(
            "server",
            f"{m.name} {m.address}:{API_PORT}",
            text("The API server of {machine}.", machine=m.name),
        )
        for m in machines
    ]
    choice = _choice() if len(machines) > 1 else ()
    return Section("backend apiservers", (*choice, *servers), "The API servers.", quiet=True)


def _choice() -> tuple[Setting, ...]:
    return (
        quiet("balance", "leastconn", "Connections last for hours: the server with the fewest."),
        Setting("option httpchk", "GET /readyz",
                "Not that the port is open but that the server is ready, and that it is ours."),
        quiet("http-check", "expect status 200", "Any other answer means: not ready."),
        Setting("default-server check check-ssl verify required ca-file", CA,
                "Half a second, twice: a killed machine is left within 1 s; clients that are "
                "connected to it are disconnected then, and wait for no timeout of their own."),
        quiet("default-server", "inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions",
              "How often it is asked, and what follows."),
    )  # fmt: skip


def _health() -> Section:
    return Section("frontend health", (
        quiet("mode", "http", "Its answer is for curl."),
        quiet("bind", f"127.0.0.1:{ports.HAPROXY_HEALTH.number}", ports.HAPROXY_HEALTH.why),
        quiet("acl", "nobody nbsrv(apiservers) lt 1", "No API server is ready."),
        quiet("monitor-uri", "/healthz", "What keepalived asks for."),
        quiet("monitor", "fail if nobody", "Then the address is better elsewhere."),
    ), "For keepalived: is there any server to pass connections to?")  # fmt: skip


LOOK = r"""socket $s, 1, 1, 0 and connect $s, pack "S a*", 1, shift or exit;
syswrite $s, "show servers state apiservers\n";
while (<$s>) { @f = split; print "$f[3] $f[4]:$f[18]", $f[6] ? " disabled" : "", "\n" if $f[6] ne ""
    and $f[1] eq "apiservers" }"""
"""Perl, which each Debian and Ubuntu has, since no shell speaks to a socket: one of AF_UNIX (1) and
SOCK_STREAM (1). To load its module for sockets takes longer than all else. The columns: server,
address, whether somebody disabled or drains it (`srv_admin_state`), port."""


def servers(cluster: Cluster) -> Effect:
    """Return that the running haproxy passes connections on to all API servers."""
    return Effect(
        name="API servers in haproxy",
        see=f"perl -e '{LOOK}' {SOCKET} | LC_ALL=C sort",
        value="".join(sorted(f"{m.name} {m.address}:{API_PORT}\n" for m in cluster.control_planes)),
        unit=UNIT,
        fix=f"systemctl reload-or-restart {UNIT}",
        why="a server that somebody drained through the socket gets no clients until a reload, and "
        "no file says so",
    )


def service() -> Service:
    """Return haproxy's service."""
    return Service(
        name=UNIT,
        description="Load balancer for the Kubernetes API",
        why="Passes connections to the endpoint on to API servers that are ready.",
        command=f"{BINARY} -Ws -f {CONFIG}",
        unit=(
            after("network-online.target hardway-host.service",
                  "It needs the network, and the right to bind an address that is elsewhere."),
            NEVER_GIVE_UP,
        ),
        service=(
            quiet("Type", "notify", "Ready means: its ports are open."),
            Setting("KillMode", "mixed", "The master ends its workers itself."),
            quiet("RuntimeDirectory", "haproxy",
                  text("{folder}, for the admin socket.", folder=RUN)),
            quiet("RuntimeDirectoryMode", "0700", "The socket is for root alone."),
            Setting("ProtectSystem", "strict", "It gives up root by itself, after its ports."),
            quiet("ProtectHome", "yes", "People's homes are none of its business."),
            quiet("PrivateTmp", "yes", "No other process can plant files in its /tmp."),
            quiet("NoNewPrivileges", "yes", "It gains no rights after its start."),
            *RESTARTS,
        ),
        reload=Reload(
            paths=(CONFIG, CA),
            check=f"{BINARY} -c -q -f {CONFIG}",
            signal="USR2",
            why="A reload hands the open ports over to a new worker: connections stay.",
        ),
    )  # fmt: skip
