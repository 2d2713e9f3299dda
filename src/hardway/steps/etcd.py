"""etcd: one member on each control plane, TLS with certificates on both ends everywhere."""

from hardway.model import ports
from hardway.model.checks import (
    CONTROL_PLANES,
)
from hardway.model.cluster import ETCD_CLIENT_PORT, ETCD_PEER_PORT, Cluster, Machine, Role
from hardway.model.etcd import argv
from hardway.model.resources import Desired, Effect, File, Folder
from hardway.model.rows import Reread, Setting, quiet
from hardway.render.config import key_values
from hardway.render.systemd import (
    NEVER_GIVE_UP,
    RESTARTS,
    Service,
    after,
    documentation,
    hardening,
)
from hardway.steps import apiserver, etcd_checks, processes
from hardway.steps.base import Given, Inventory, Step, services
from hardway.steps.certificate_checks import TLS
from hardway.steps.extras import with_extras

NAME = "etcd"
DATA = etcd_checks.DATA
PKI = "/etc/etcd/pki"
UNIT = "etcd.service"
FIRST_START = "/etc/etcd/first-start.env"
JOIN = "/etc/etcd/join.env"
"""Takes the place of FIRST_START while a member joins a cluster that has data."""
STARTED = "/etc/etcd/started"
"""Tells that this member has had data; it is not where the data is, so that it outlives them."""
HAS_LOG = f"ls {DATA}/member/wal/*.wal >/dev/null 2>&1"
"""By its log etcd itself tells whether it has data; a first attempt leaves a database without."""
DATA_GONE = (
    f"the data of etcd is gone from {DATA}: mount its disk or restore a snapshot; "
    f"to begin anew without it: rm {STARTED}"
)
WAY_IN = "way into etcd"
JOINED = f"""rm -f {JOIN}
! systemctl is-active --quiet {apiserver.UNIT} || systemctl restart --no-block {apiserver.UNIT}"""
"""Ends a member's way in. An API server that has missed its member tries it again after up to two
minutes."""
VOTES = f"{' '.join(argv('endpoint', 'health'))} >/dev/null 2>&1"
"""Succeeds on a member that votes while there is a quorum; a learner answers no such question."""
GIB = 1 << 30


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a control plane's member."""
    if machine.role is not Role.CONTROL_PLANE:
        return Desired()
    folder = Folder(path=DATA, mode=0o700, owner="etcd", why="etcd's log and database.")
    settings = _first_start(given)
    env = File(
        path=FIRST_START,
        content=key_values(
            "How the members find each other before they have data.", settings, between="="
        ),
        rows=settings,
        why="Read at a member's very first start only; outside the unit's digest, since adding "
        "a member later must not restart the others.",
    )
    desired = Desired(folders=(folder,), files=(env,), effects=(_way_in(),))
    return services((spec(given.cluster, machine),), inventory, desired)


def _way_in() -> Effect:
    """Return that the member is not half way in, as a run that was killed leaves it."""
    return Effect(
        name=WAY_IN,
        see=f"ls {JOIN} 2>/dev/null || :",
        value="",
        unit=UNIT,
        fix=f"if {VOTES}; then\n{JOINED}\nfi",
        why="While this file exists, the member may still be a learner: it runs and has data, "
        "but it does not vote.",
    )


def spec(cluster: Cluster, machine: Machine) -> Service:
    """Return the service of one member."""
    return with_extras(cluster.options, _service(machine))


def _first_start(given: Given) -> tuple[Setting, ...]:
    peers = ",".join(
        f"{m.name}=https://{m.address}:{ETCD_PEER_PORT}" for m in given.cluster.control_planes
    )
    return (
        Setting("ETCD_INITIAL_CLUSTER", peers, "Every member, and where the others reach it."),
        Setting("ETCD_INITIAL_CLUSTER_STATE", "new", "All members start together."),
        Setting("ETCD_INITIAL_CLUSTER_TOKEN", f"hardway-{given.cluster.name}",
                "Members of another cluster that reach this one by mistake are not let in."),
    )  # fmt: skip


def join(members: str) -> bytes:
    """Return how a member without data joins those that have some."""
    settings = (
        Setting("ETCD_INITIAL_CLUSTER", members, "Every member, as the others list them."),
        Setting("ETCD_INITIAL_CLUSTER_STATE", "existing", "It gets its data from them."),
    )
    return key_values("How this member joins the others.", settings, between="=")


def _service(machine: Machine) -> Service:
    return Service(
        name=UNIT,
        description="etcd",
        why="The cluster's memory: every object of the API is a key here.",
        command="/usr/local/bin/etcd",
        flags=(*_addresses(machine), *_tls(), *_upkeep()),
        unit=(
            documentation("https://etcd.io/docs/"),
            after("network-online.target hardway-host.service",
                  "It needs this machine's address and its user."),
            NEVER_GIVE_UP,
        ),
        service=(
            Setting("Type", "notify", "Ready means: part of a quorum."),
            quiet("EnvironmentFile", FIRST_START, "How the members find each other at first."),
            Setting("EnvironmentFile", f"-{JOIN}", "Only while this member joins the others."),
            Setting(
                "ExecStartPre",
                f"+/bin/sh -c '{HAS_LOG} || [ -e {JOIN} ] || [ ! -e {STARTED} ] || "
                f'{{ echo "{DATA_GONE}"; exit 1; }}\'',
                "A member that has had data never begins empty by itself: a disk that is not "
                "mounted looks empty too, and an empty member may outvote what others hold.",
            ),
            quiet("ExecStartPost", f"+/bin/touch {STARTED}", "From now on it has data."),
            Setting("TimeoutStartSec", "infinity", "A quorum may be long in coming."),
            Setting("LimitNOFILE", "65536", "Each watching client takes two descriptors."),
            *RESTARTS,
            *hardening("etcd", writes=(DATA,)),
        ),
        reads=(f"{PKI}/ca.crt", "/usr/local/bin/etcd"),
        rereads=tuple(
            Reread(f"{PKI}/{name}", "Read at each handshake, at both ends (etcd "
                   "client/pkg/transport, listener.go); the CA is read at the start only.")
            for name in ("server.crt", "server.key", "peer.crt", "peer.key")
        ),
    )  # fmt: skip


def _addresses(machine: Machine) -> tuple[Setting, ...]:
    own, loop = f"https://{machine.address}", "https://127.0.0.1"
    return (
        Setting("--name", machine.name, "As in ETCD_INITIAL_CLUSTER."),
        quiet("--data-dir", DATA, "Log and database; the only folder that etcd may write."),
        Setting("--listen-client-urls", f"{own}:{ETCD_CLIENT_PORT},{loop}:{ETCD_CLIENT_PORT}",
                "The API server of this machine comes by loopback; other members send clients to "
                "the machine's address. Both require certificates."),
        quiet("--advertise-client-urls", f"{own}:{ETCD_CLIENT_PORT}",
              "Where members say that clients find this one."),
        quiet("--listen-peer-urls", f"{own}:{ETCD_PEER_PORT}", ports.ETCD_PEER.why),
        quiet("--initial-advertise-peer-urls", f"{own}:{ETCD_PEER_PORT}",
              "Where the other members find this one, as in ETCD_INITIAL_CLUSTER."),
        Setting("--listen-metrics-urls", f"{loop}:{ports.ETCD_METRICS.number}",
                "/metrics and /health apart from the data, so that a scraper needs no way to it."),
    )  # fmt: skip


def _tls() -> tuple[Setting, ...]:
    return (
        Setting("--trusted-ca-file", f"{PKI}/ca.crt",
                "etcd's own CA: only clients that it signed are accepted."),
        quiet("--cert-file", f"{PKI}/server.crt", "What this member shows to clients."),
        quiet("--key-file", f"{PKI}/server.key", "The key of that certificate."),
        Setting("--client-cert-auth", "true",
                "Without it any client that reaches this port can read everything."),
        quiet("--peer-trusted-ca-file", f"{PKI}/ca.crt",
              "The same CA; peers' certificates are for members only."),
        quiet("--peer-cert-file", f"{PKI}/peer.crt", "What this member shows to other members."),
        quiet("--peer-key-file", f"{PKI}/peer.key", "The key of that certificate."),
        Setting("--peer-client-cert-auth", "true", "A peer can replace all data."),
        quiet("--tls-min-version", "TLS1.2", "Older versions have known weaknesses."),
        Setting("--enable-grpc-gateway", "false",
                "The JSON gateway would dial this server with the server's certificate, which "
                "would have to be a client's too (etcd-io/etcd#9785). Nothing here uses it."),
    )  # fmt: skip


def _upkeep() -> tuple[Setting, ...]:
    return (
        Setting("--quota-backend-bytes", str(4 * GIB),
                "Past this etcd takes no writes (NOSPACE); the default of 2 GiB is soon reached."),
        Setting("--auto-compaction-mode", "periodic", "Old revisions are history nobody reads."),
        quiet("--auto-compaction-retention", "1h",
              "An hour of history is enough for clients that resume a watch."),
        Setting("--heartbeat-interval", "100",
                "Milliseconds; members of one LAN are less than one apart."),
        Setting("--election-timeout", "1000",
                "Milliseconds. A lost leader is noticed after one to two times this; nothing is "
                "written until then."),
        quiet("--snapshot-count", "10000",
              "Entries between snapshots of the log: fewer in memory than with etcd 3.5's 100000, "
              "and a member that was away a short time still catches up from the log."),
        Setting("--feature-gates", "CompactHashCheck=true,InitialCorruptCheck=true",
                "Members compare hashes of their data, at the start before they serve and at each "
                "compaction: a member whose data differ is named instead of served."),
    )  # fmt: skip


CHECKS = (
    processes.flags(UNIT, spec, step=NAME, scope=CONTROL_PLANES),
    processes.runs(UNIT, step=NAME, scope=CONTROL_PLANES,
                   causes=("etcd-flags", "etcd-data-private", *TLS),
                   why="a member that is away is one less of the majority that must agree"),
    *etcd_checks.CHECKS,
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="etcd",
    why="the cluster's memory: as many copies as control planes, a majority must agree",
    render=render,
    checks=CHECKS,
    settles_s=90,
    serves=(etcd_checks.MEMBER.name,),
    majority=True,
)
