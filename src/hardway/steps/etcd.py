"""etcd: one member on each control plane, TLS with certificates on both ends everywhere."""

import asyncio

from hardway.model.cluster import ETCD_CLIENT_PORT, ETCD_PEER_PORT, Machine, Role
from hardway.model.resources import Desired, File, Finding, Folder
from hardway.render.config import Setting, key_values
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service, hardening
from hardway.steps.base import CURL, Check, Given, Inventory, Live, Step, services
from hardway.tools import etcdctl

NAME = "etcd"
DATA = "/var/lib/etcd"
PKI = "/etc/etcd/pki"
FIRST_START = "/etc/etcd/first-start.env"
METRICS_PORT = 2381
GIB = 1 << 30

KEYS = tuple(
    f"{PKI}/{name}" for name in ("ca.crt", "server.crt", "server.key", "peer.crt", "peer.key")
)


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a control plane's member."""
    if machine.role is not Role.CONTROL_PLANE:
        return Desired()
    folder = Folder(path=DATA, mode=0o700, owner="etcd", why="etcd's log and database")
    env = File(
        path=FIRST_START,
        content=_first_start(given),
        commented=True,
        why="read at a member's very first start only; outside the unit's digest, since adding "
        "a member later must not restart the others",
    )
    desired = Desired(folders=(folder,), files=(env,))
    return services((_service(machine),), inventory, desired)


def _first_start(given: Given) -> bytes:
    peers = ",".join(
        f"{m.name}=https://{m.address}:{ETCD_PEER_PORT}" for m in given.cluster.control_planes
    )
    settings = (
        Setting("ETCD_INITIAL_CLUSTER", peers, "Every member, and where the others reach it."),
        Setting("ETCD_INITIAL_CLUSTER_STATE", "new", "All members start together."),
        Setting("ETCD_INITIAL_CLUSTER_TOKEN", f"hardway-{given.cluster.name}",
                "Members of another cluster that reach this one by mistake are not let in."),
    )  # fmt: skip
    return key_values(
        "How the members find each other before they have data.", settings, between="="
    )


def _service(machine: Machine) -> Service:
    return Service(
        name="etcd.service",
        description="etcd",
        why="The cluster's memory: every object of the API is a key here.",
        command="/usr/local/bin/etcd",
        flags=(*_addresses(machine), *_tls(), *_upkeep()),
        unit=(
            Setting("Documentation", "https://etcd.io/docs/", ""),
            Setting("After", "network-online.target hardway-host.service", ""),
            NEVER_GIVE_UP,
        ),
        service=(
            Setting("Type", "notify", "Ready means: part of a quorum."),
            Setting("EnvironmentFile", FIRST_START, ""),
            Setting("TimeoutStartSec", "infinity", "A quorum may be long in coming."),
            Setting("LimitNOFILE", "65536", "Two descriptors for each watching client."),
            *RESTARTS,
            *hardening("etcd", writes=(DATA,)),
        ),
        reads=(*KEYS, "/usr/local/bin/etcd"),
    )


def _addresses(machine: Machine) -> tuple[Setting, ...]:
    own, loop = f"https://{machine.address}", "https://127.0.0.1"
    return (
        Setting("--name", machine.name, "As in --initial-cluster."),
        Setting("--data-dir", DATA, ""),
        Setting("--listen-client-urls", f"{own}:{ETCD_CLIENT_PORT},{loop}:{ETCD_CLIENT_PORT}",
                "API servers come over the network, operators by loopback; both with TLS."),
        Setting("--advertise-client-urls", f"{own}:{ETCD_CLIENT_PORT}", ""),
        Setting("--listen-peer-urls", f"{own}:{ETCD_PEER_PORT}", ""),
        Setting("--initial-advertise-peer-urls", f"{own}:{ETCD_PEER_PORT}", ""),
        Setting("--listen-metrics-urls", f"{loop}:{METRICS_PORT}",
                "/metrics and /health apart from the data, so that a scraper needs no way to it."),
    )  # fmt: skip


def _tls() -> tuple[Setting, ...]:
    return (
        Setting("--trusted-ca-file", f"{PKI}/ca.crt", "etcd's own CA: nobody else's clients."),
        Setting("--cert-file", f"{PKI}/server.crt", ""),
        Setting("--key-file", f"{PKI}/server.key", ""),
        Setting("--client-cert-auth", "true", "Without it anyone who gets here reads everything."),
        Setting("--peer-trusted-ca-file", f"{PKI}/ca.crt", ""),
        Setting("--peer-cert-file", f"{PKI}/peer.crt", ""),
        Setting("--peer-key-file", f"{PKI}/peer.key", ""),
        Setting("--peer-client-cert-auth", "true", "A peer can replace all data."),
        Setting("--tls-min-version", "TLS1.2", ""),
        Setting("--enable-grpc-gateway", "false",
                "The JSON gateway would dial this server with the server's certificate, which "
                "then had to be a client's too (etcd-io/etcd#9785); nobody here uses it."),
    )  # fmt: skip


def _upkeep() -> tuple[Setting, ...]:
    return (
        Setting("--quota-backend-bytes", str(4 * GIB),
                "Past this etcd takes no writes (NOSPACE); the default of 2 GiB is soon reached."),
        Setting("--auto-compaction-mode", "periodic", "Old revisions are history nobody reads."),
        Setting("--auto-compaction-retention", "1h", ""),
        Setting("--heartbeat-interval", "100",
                "Milliseconds; members of one LAN are less than one apart."),
        Setting("--election-timeout", "1000",
                "A lost leader is noticed after one to two of it; nothing is written until then."),
        Setting("--snapshot-count", "10000", ""),
    )  # fmt: skip


HEALTH = Check(
    "etcd-member-healthy", NAME, "a quorum of members must agree before anything is stored",
    "hardway ssh MACHINE -- etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/etcdctl.crt "
    "--key=/etc/etcd/pki/etcdctl.key endpoint health",
)  # fmt: skip
LEADER = Check(
    "etcd-one-leader", NAME, "members that follow different leaders are two clusters",
    "hardway ssh MACHINE -- journalctl -u etcd",
)  # fmt: skip
PLAIN = Check(
    "etcd-refuses-strangers", NAME, "who reads etcd without a certificate reads every Secret",
    f"hardway ssh MACHINE -- curl --cacert {PKI}/ca.crt https://127.0.0.1:{ETCD_CLIENT_PORT}/health",
)  # fmt: skip


async def verify(live: Live) -> list[Finding]:
    """Look whether all members are healthy, follow one leader, and refuse strangers."""
    machines = live.cluster.control_planes
    states = await asyncio.gather(*(_state(live, m.name) for m in machines))
    findings = []
    leaders = {s.leader_id for s in states if isinstance(s, etcdctl.MemberStatus)}
    for machine, state in zip(machines, states, strict=True):
        if isinstance(state, str):
            findings.append(HEALTH.found(machine.name, "healthy", state))
            continue
        trouble = "; ".join(state.errors) or ("healthy" if state.leader_id else "no leader")
        findings.append(HEALTH.found(machine.name, "healthy", trouble))
        same = "one leader" if len(leaders) == 1 else f"{len(leaders)} leaders"
        findings.append(LEADER.found(machine.name, "one leader", same))
    strangers = await asyncio.gather(*(_stranger(live, m.name) for m in machines))
    return [*findings, *(s for s in strangers if s)]


async def _state(live: Live, machine: str) -> etcdctl.MemberStatus | str:
    transport = live.fleet.get(machine)
    return await etcdctl.status(transport) if transport else "no answer"


async def _stranger(live: Live, machine: str) -> Finding | None:
    transport = live.fleet.get(machine)
    if transport is None:
        return None
    # The server ends the handshake for want of a certificate: 35 with TLS 1.2; with TLS 1.3 the
    # alert comes after the client's part is done, while it sends (55) or receives (56); over
    # HTTP/2 curl 7.81 may say 16 to that, as to much else.
    url = f"https://127.0.0.1:{ETCD_CLIENT_PORT}/health"
    done = await transport.run([*CURL, "--http1.1", "--cacert", f"{PKI}/ca.crt", url])
    refused = done.status in {35, 55, 56}
    found = "refused" if refused else f"curl status {done.status}"
    return PLAIN.found(machine, "refused", found)


STEP = Step(
    name=NAME,
    title="etcd",
    why="the cluster's memory: as many copies as control planes, a majority must agree",
    render=render,
    verify=verify,
    settles_s=90,
    serves=(HEALTH.name,),
    majority=True,
)
