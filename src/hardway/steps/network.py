"""What carries pods' packets on a machine, and what keeps it so; a part of the step pod-network.

Routes and rules are the kernel's, not files: a link that goes down, a restart of systemd-networkd
or `nft flush ruleset` takes them away. `up` sees that and puts them right; so does, every 20 s, a
script with the same commands, which knows nothing but what is written in it (docs/adr/0017).
"""

import shlex
import textwrap
from collections.abc import Iterator, Sequence

from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import Effect, File, Unit
from hardway.model.rows import Row, Section, Setting, quiet
from hardway.render.config import comment
from hardway.render.systemd import ONLINE, UNITS, after, unit_text
from hardway.steps import kube_proxy, probe

SCRIPT = "/etc/hardway/network.sh"
MASQUERADE = "/etc/hardway/masquerade.nft"
TABLE = "hardway_pods"
BRIDGE = "cni0"
"""What pods of a worker are plugged into."""
PROTOCOL = 87
"""Marks routes as hardway's (ip-route(8), rtproto)."""
HOLD = "/run/hardway/hold-network"
"""While this file exists the timer's script does nothing: for drills and tests."""
SERVICE = "hardway-network.service"
TIMER = "hardway-network.timer"
EVERY_S = 20
LOOKS_S = 90
"""A look takes less than a second; on an emulated processor 25 s were seen."""
ROUTES = "routes to pods"
SEE_ROUTES = (
    f"ip -4 route show proto {PROTOCOL} | "
    r"sed 's/^\([^ ]*\) via \([^ ]*\) .*/\1 via \2/' | LC_ALL=C sort"
)
BRIDGED = f"bridge {BRIDGE}"
SEE_BRIDGE = f"ip -4 -brief address show dev {BRIDGE} up 2>/dev/null | awk '{{print $3}}'"
"""Not by /sys: in a container that may be the host's."""
MASQUERADED = f"nftables table {TABLE}"
SEE_MASQUERADE = f"nft list table ip {TABLE}"
KUBE_PROXY_TABLE = "kube-proxy"
SERVICES = f"nftables table {KUBE_PROXY_TABLE}"
SEE_SERVICES = f"nft list tables ip | grep -x 'table ip {KUBE_PROXY_TABLE}'"
SYNCED = "kubeproxy_sync_proxy_rules_last_timestamp_seconds"
QUICK_CURL = "curl --silent --noproxy '*' --max-time 2"
WRITTEN = (
    f"{QUICK_CURL} http://127.0.0.1:{kube_proxy.METRICS_PORT}/metrics | "
    f"""grep -q '^{SYNCED}{{ip_family="IPv4"}}'"""
)
"""Succeeds once kube-proxy has written its table; without one before that, it is still to come."""


def routes(cluster: Cluster, machine: Machine) -> tuple[tuple[str, str], ...]:
    """Return the pod ranges of a machine's peers and the addresses they are reached by."""
    if cluster.routes_outside:
        return ()
    return tuple((str(m.pod_cidr), str(m.address)) for m in cluster.workers if m != machine)


def effects(cluster: Cluster, machine: Machine) -> tuple[Effect, ...]:
    """Return what carries the packets of pods on a machine."""
    kept = [] if cluster.routes_outside else [_routes(routes(cluster, machine))]
    if machine.role is Role.WORKER:
        kept += [_bridge(machine), _masquerade(cluster, machine), _forwarded(cluster), _services()]
    return tuple(kept)


def _routes(wanted: Sequence[tuple[str, str]]) -> Effect:
    ranges = " ".join(pods for pods, _ in wanted)
    # The timer and `up` may run this at the same time: what one finds the other has just deleted.
    stale = f"""ip -4 route show proto {PROTOCOL} | while read -r range _; do
    case ' {ranges} ' in *" $range "*) continue ;; esac
    ip route delete "$range" proto {PROTOCOL} ||
        [ -z "$(ip -4 route show "$range" proto {PROTOCOL})" ]
done"""
    put = [f"ip route replace {pods} via {address} proto {PROTOCOL}" for pods, address in wanted]
    return Effect(
        name=ROUTES,
        see=SEE_ROUTES,
        value="".join(sorted(f"{pods} via {address}\n" for pods, address in wanted)),
        unit=TIMER,
        fix="\n".join([stale, *put]),
        why="a pod whose route is missing on one machine is lost to that machine only",
    )


def gateway(machine: Machine) -> str:
    """Return the address that a worker's bridge has, with the length of its range."""
    assert machine.pod_cidr is not None  # noqa: S101 - workers have one
    return f"{machine.pod_cidr[1]}/{machine.pod_cidr.prefixlen}"


def _bridge(machine: Machine) -> Effect:
    return Effect(
        name=BRIDGED,
        # The first pod's plugin makes it, the probe's: until then it is not missed.
        see=f"""if ip link show dev {BRIDGE} >/dev/null 2>&1; then
    {SEE_BRIDGE}
else
    echo {gateway(machine)}
fi""",
        value=f"{gateway(machine)}\n",
        unit=f"{probe.NAMESPACE}.service",
        fix=f"ip link set {BRIDGE} up\nip address replace {gateway(machine)} dev {BRIDGE}",
        why="it is the pods' switch and gateway: while it is down each of them is alone",
    )


def masquerade_file(cluster: Cluster, machine: Machine) -> File:
    """Return the rules that let pods reach what has no route to them."""
    head = comment(
        "Pods go to the outside as their machine, and to all of the machines' network that has no "
        "route to pods: routers, name servers, storage. Among pods and machines they keep their "
        "own address: policies, logs and servers see who it is (docs/adr/0006)."
    )
    text = f"{head}table ip {TABLE}\ndelete table ip {TABLE}\n{_table(cluster, machine)}"
    return File(path=MASQUERADE, content=text.encode(),
                rows=_rules(cluster, machine),
                why="Pods reach the outside as this machine, and each other as themselves."
                )  # fmt: skip


def _rules(cluster: Cluster, machine: Machine) -> tuple[Row, ...]:
    """Return what is in that file, line by line."""
    hook = "type nat hook postrouting priority srcnat; policy accept;"
    outside = f"ip daddr != {cluster.pod_cidr} ip daddr != @machines"
    return (
        quiet(f"table ip {TABLE}", "", "Exists then, so that it can be deleted."),
        quiet(f"delete table ip {TABLE}", "", "Loading the file again replaces the rules."),
        Section(f"table ip {TABLE}", (
            Section("set machines", (
                quiet("type", "ipv4_addr", "Addresses, looked up in one step."),
                quiet("elements", f"= {{ {_addresses(cluster)} }}", "All machines know the way "
                      "back to pods, or get it by a route."),
            ), "Where pods come as themselves.", quiet=True),
            Section("chain postrouting", (
                quiet(hook, "", "Seen last, when the way out is known."),
                quiet(f"ip saddr {machine.pod_cidr} {outside} masquerade", "",
                      "Answers from the outside find the machine, which knows the pod."),
            ), "What leaves this machine.", quiet=True),
        ), "hardway's own table.", quiet=True),
    )  # fmt: skip


def _addresses(cluster: Cluster) -> str:
    return ", ".join(str(address) for address in sorted(m.address for m in cluster.machines))


def _table(cluster: Cluster, machine: Machine) -> str:
    """Return the table as `nft list table` prints it."""
    return f"""table ip {TABLE} {{
	set machines {{
		type ipv4_addr
		elements = {{ {_addresses(cluster)} }}
	}}

	chain postrouting {{
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr {machine.pod_cidr} ip daddr != {cluster.pod_cidr} ip daddr != @machines masquerade
	}}
}}
"""


def _masquerade(cluster: Cluster, machine: Machine) -> Effect:
    return Effect(
        name=MASQUERADED,
        see=SEE_MASQUERADE,
        value=_table(cluster, machine),
        unit=TIMER,
        fix=f"nft --file {MASQUERADE}",
        why="without it answers from the outside do not find the way to pods",
    )


def _forwarded(cluster: Cluster) -> Effect:
    """Return that packets of pods pass where others let iptables decide on forwarding."""
    pods = str(cluster.pod_cidr)
    rule = "-m comment --comment hardway -j ACCEPT"
    first = "".join(f"-A FORWARD {way} {pods} {rule} " for way in ("-s", "-d"))
    fix = "\n".join(
        f"while iptables --wait --delete FORWARD {way} {pods} {rule} 2>/dev/null; do :; done\n"
        f"iptables --wait --insert FORWARD {way} {pods} {rule}"
        for way in ("-d", "-s")
    )
    return Effect(
        name="forwarding for pods",
        see=f"""rules=$(iptables --wait --list-rules FORWARD | head -n 3 | tr '\\n' ' ')
case "$rules" in
"-P FORWARD ACCEPT " | "-P FORWARD "*" {first}") echo accepted ;;
*) echo "$rules" ;;
esac""",
        value="accepted\n",
        unit=TIMER,
        fix=fix,
        why="Docker, ufw and others drop what they do not know; without rules there is no need",
    )


def _services() -> Effect:
    unit = kube_proxy.UNIT
    healthy = f"{QUICK_CURL} --fail http://127.0.0.1:{kube_proxy.HEALTH_PORT}/healthz"
    return Effect(
        name=SERVICES,
        see=SEE_SERVICES,
        value=f"table ip {KUBE_PROXY_TABLE}\n",
        unit=unit,
        fix=f"""# Until it has written its table for the first time it says that it is healthy too.
if {healthy} >/dev/null &&
    {WRITTEN}; then
    # To wait can be to wait for oneself: it starts after kubelet, and kubelet after {SERVICE}.
    systemctl restart --no-block {unit}
fi""",
        why="kube-proxy writes it at its start and once an hour; without it no Service answers",
    )


def timer(kept: Sequence[Effect]) -> tuple[tuple[File, ...], Unit]:
    """Return the script that keeps effects as they are wanted, and what runs it."""
    script = File(path=SCRIPT, content="\n".join(_script(kept)).encode(),
                  why="Keeps routes and rules as they are wanted.")  # fmt: skip
    service = _unit(SERVICE, "Keeps what carries pods' packets; run by the timer of the same name.",
                    _service())  # fmt: skip
    clock = _unit(TIMER, "When routes and rules for pods are looked at.", _timer())
    # A timer leaves no process that could carry a digest: systemd reads its file again by itself.
    unit = Unit(name=TIMER, path=clock.path, digest="", reads=(), why=clock.why)
    return (script, service, clock), unit


def _script(kept: Sequence[Effect]) -> Iterator[str]:
    yield comment(
        "Run at boot and every few seconds. Puts back routes and rules that are missing and does "
        "nothing else: it asks no other machine and decides nothing."
    )
    yield f"""set -uf
[ ! -e {HOLD} ] || exit 0
status=0
words() {{ echo "$*"; }}
"""
    for effect in kept:
        yield f"""# {effect.name}: {effect.why}
there=$(
{effect.see}
)
if [ "$(words $there)" != {shlex.quote(" ".join(effect.value.split()))} ]; then
    echo '<5>not as wanted: {effect.name}'
    (
        set -e
{textwrap.indent(effect.fix, " " * 8)}
    ) || status=1
fi
"""
    yield "exit $status\n"


def _unit(name: str, why: str, rows: tuple[Section, ...]) -> File:
    return File(path=f"{UNITS}/{name}", content=unit_text(why, rows).encode(),
                rows=rows, why=why)  # fmt: skip


def _service() -> tuple[Section, ...]:
    return (
        Section("Unit", (
            quiet("Description", "Routes and rules for pods", "The name that systemctl shows."),
            ONLINE,
            after("network-online.target nftables.service hardway-host.service",
                  "Routes need a link; nftables.service begins with an empty ruleset."),
        ), "What it waits for.", quiet=True),
        Section("Service", (
            quiet("Type", "oneshot", "It ends when it has looked."),
            quiet("ExecStart", f"/bin/sh {SCRIPT}", "Looks, and puts right what is missing."),
            Setting("TimeoutStartSec", LOOKS_S, "kubelet starts after it: a look that hangs ends."),
            Setting("LogLevelMax", "notice",
                    "One line when something was put right, none when nothing was."),
        ), "What is run.", quiet=True),
    )  # fmt: skip


def _timer() -> tuple[Section, ...]:
    return (
        Section("Unit", (
            quiet("Description", "Routes and rules for pods", "The name that systemctl shows."),
        ), "What it is called.", quiet=True),
        Section("Timer", (
            quiet("OnActiveSec", 0, "At once when it is started."),
            quiet("OnUnitInactiveSec", EVERY_S, "And so many seconds after each look."),
            quiet("AccuracySec", 1, "Without it systemd waits up to a minute longer."),
        ), "When it looks.", quiet=True),
        Section("Install", (
            quiet("WantedBy", "timers.target", "Started at each boot, with this target."),
        ), "When the timer is started.", quiet=True),
    )  # fmt: skip
