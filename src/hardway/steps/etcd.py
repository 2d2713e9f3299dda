"""etcd: one member on each control plane, TLS with certificates on both ends everywhere."""

import shlex

from hardway.model import ports
from hardway.model.checks import (
    CLUSTER,
    CONTROL_PLANES,
    Answer,
    Check,
    Judgement,
    Sh,
    Subject,
    Where,
    judged,
)
from hardway.model.cluster import ETCD_CLIENT_PORT, ETCD_PEER_PORT, Cluster, Machine, Role
from hardway.model.etcd import MemberStatus, argv, parse_status
from hardway.model.members import parse as parse_members
from hardway.model.members import peer_url
from hardway.model.resources import Desired, File, Folder, Severity, Verdict
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
from hardway.steps import processes
from hardway.steps.base import CURL, Given, Inventory, Step, services
from hardway.steps.extras import with_extras

NAME = "etcd"
DATA = "/var/lib/etcd"
PKI = "/etc/etcd/pki"
UNIT = "etcd.service"
FIRST_START = "/etc/etcd/first-start.env"
JOIN = "/etc/etcd/join.env"
"""Takes the place of FIRST_START while a member joins a cluster that has data."""
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
        commented=True,
        rows=settings,
        why="Read at a member's very first start only; outside the unit's digest, since adding "
        "a member later must not restart the others.",
    )
    desired = Desired(folders=(folder,), files=(env,))
    return services((spec(given.cluster, machine),), inventory, desired)


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


ETCDCTL = shlex.join(argv())
STATUS = Sh(f"{ETCDCTL} endpoint status --write-out=json 2>&1 | grep -v '^null$'")
"""A member that does not answer is `null` beside the error."""
NOBODY_LISTENS = {"7", "28"}
STRANGER_ASKS = (
    CURL.replace("'", '"')
    + f" --http1.1 --cacert {PKI}/ca.crt https://127.0.0.1:{ETCD_CLIENT_PORT}/health"
)
STRANGER = Sh(f"{STRANGER_ASKS}\necho $?")


def member(text: str) -> MemberStatus | None:
    """Return what a member says of itself; None where that is an error."""
    try:
        return parse_status(text)
    except ValueError:
        return None


def _healthy(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    said = member(answer.last_line)
    if said is None:
        return judged("healthy", answer.last_line[:200])
    trouble = "; ".join(said.errors) or ("healthy" if said.leader_id else "no leader")
    return judged("healthy", trouble)


def _one_leader(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    said = [member(Answer(text).last_line) for text in answer.elsewhere.values()]
    leaders = {m.leader_id for m in said if m}
    if not member(answer.last_line):
        return (Judgement(Verdict.UNKNOWN, "one leader", answer.last_line[:200]),)
    return judged("one leader", "one leader" if len(leaders) == 1 else f"{len(leaders)} leaders")


def _refused(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    # The server ends the handshake for want of a certificate: 35 with TLS 1.2; with TLS 1.3 the
    # alert comes after the client's part is done, while it sends (55) or receives (56); over
    # HTTP/2 curl 7.81 may say 16 to that, as to much else.
    status = answer.last_line
    if status in NOBODY_LISTENS:
        return (Judgement(Verdict.UNKNOWN, "refused", f"nobody listens (curl status {status})"),)
    return judged("refused", "refused" if status in {"35", "55", "56"} else f"curl status {status}")


def _members(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Compare the members with the control planes; strangers are named, never removed."""
    machines = {peer_url(m): m.name for m in subject.cluster.control_planes}
    found = {url: m for m in parse_members(answer.text) for url in m.peer_urls}
    strange = [f"stranger {m.name or url} ({m.id:x})" for url, m in found.items()
               if url not in machines]  # fmt: skip
    learning = [f"{machines[url]} does not vote yet" for url, m in found.items()
                if url in machines and m.learner]  # fmt: skip
    missing = [f"{name} is no member" for url, name in machines.items() if url not in found]
    return judged("all control planes", "; ".join((*strange, *learning, *missing))
                  or "all control planes")  # fmt: skip


MEMBER = Check(
    name="etcd-member-healthy", step=NAME, scope=CONTROL_PLANES, ask=STATUS, judge=_healthy,
    causes=("etcd-runs", "etcd-flags", "certificates-valid"),
    why="a quorum of members must agree before anything is stored",
    see=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint health",
    test=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint health",
)  # fmt: skip
CHECKS = (
    processes.flags(UNIT, spec, step=NAME, scope=CONTROL_PLANES),
    processes.runs(UNIT, step=NAME, scope=CONTROL_PLANES,
                   causes=("etcd-flags", "certificates-valid"),
                   why="a member that is away is one less of the majority that must agree"),
    MEMBER,
    Check(name="etcd-members-known", step=NAME, scope=CLUSTER,
          ask=Sh(f"{ETCDCTL} member list --write-out=json", where=Where.CONTROL_PLANE),
          judge=_members, severity=Severity.WARN, causes=("etcd-member-healthy",),
          why="each member has all data and a vote; hardway removes none that it did not add",
          see=f"hardway ssh <CONTROL_PLANE> -- {ETCDCTL} member list --write-out=table"),
    Check(name="etcd-one-leader", step=NAME, scope=CONTROL_PLANES, ask=STATUS, judge=_one_leader,
          causes=("etcd-member-healthy",),
          why="members that follow different leaders are two clusters",
          test=f"[ 1 = $(hardway ssh <MACHINE> -- '{ETCDCTL} endpoint status --cluster "
          "--write-out=fields | grep Leader | sort -u | wc -l') ]",
          see=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint status --cluster --write-out=table"),
    Check(name="etcd-refuses-strangers", step=NAME, scope=CONTROL_PLANES, ask=STRANGER,
          judge=_refused, causes=("etcd-runs", "etcd-flags"),
          why="whoever reads etcd without a certificate reads every Secret",
          test=f"hardway ssh <MACHINE> -- '{STRANGER_ASKS}; case $? in 35|55|56) ;; "
          "*) exit 1 ;; esac'",
          see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
          f"https://127.0.0.1:{ETCD_CLIENT_PORT}/health"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="etcd",
    why="the cluster's memory: as many copies as control planes, a majority must agree",
    render=render,
    checks=CHECKS,
    settles_s=90,
    serves=(MEMBER.name,),
    majority=True,
)
