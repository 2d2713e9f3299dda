"""Looking at a machine before hardway's first change to it. Changes nothing that lasts.

One script, one round trip; it prints rows of tab-separated words, which `checks` judges.
"""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hardway.model.cluster import BALANCED, Cluster, EndpointKind, Machine, Role
from hardway.model.paths import INHERITED
from hardway.model.ports import HAPROXY_HEALTH, on
from hardway.model.resources import LEDGER
from hardway.providers import firewalls, routes
from hardway.providers.storage import OVERLAY, PLACES

TOOLS: Mapping[str, str] = {
    "apt-get": "apt", "awk": "mawk", "find": "findutils", "findmnt": "util-linux",
    "ip": "iproute2", "mv": "coreutils", "sed": "sed", "sha256sum": "coreutils", "ss": "iproute2",
    "stat": "coreutils", "systemctl": "systemd", "systemd-sysusers": "systemd", "tar": "tar",
    "timeout": "coreutils", "unshare": "util-linux",
}  # fmt: skip
"""Commands that are used before any package could be installed, and the package each is in."""

UNITS = ("kubelet", "etcd", "containerd", "docker", "crio", "k3s", "k3s-agent", "rke2-server",
         "rke2-agent", "microk8s", "snap.microk8s.daemon-kubelite", "k0scontroller", "k0sworker",
         "kube-apiserver", "haproxy", "keepalived")  # fmt: skip
"""Services that would be in our way."""

FOLDERS = (*INHERITED, "/var/lib/rancher", "/var/lib/k0s")
"""What another cluster leaves; its data would be taken for ours."""

IMAGES = "/var/lib/containerd"
"""Where containerd lays image layers over each other."""
FSYNCS = 100
TIME_S = 180
"""apt's lists may have to be fetched."""
PEER_S = 2


def ports(cluster: Cluster, machine: Machine) -> tuple[int, ...]:
    """Return the TCP ports that our services will listen on."""
    balancer = machine.role in BALANCED[cluster.endpoint.kind]
    own = [port.number for port in on(machine.role) if balancer or port is not HAPROXY_HEALTH]
    return (*own, *((cluster.endpoint.port,) if balancer else ()))


def script(
    cluster: Cluster,
    machine: Machine,
    packages: Sequence[str],
    brought: Collection[str] | None = None,
) -> str:
    """Return the script for one machine; POSIX sh.

    Its apt is asked for the packages, unless a bundle has `brought` them for some releases.
    """
    peers = [str(m.address) for m in cluster.machines if m != machine]
    kind = cluster.endpoint.kind
    words = {
        "cluster": cluster.name,
        "ledger": LEDGER,
        "address": str(machine.address),
        "peers": " ".join(peers),
        "ports": " ".join(str(p) for p in ports(cluster, machine)),
        "packages": " ".join(packages),
        "brought": " ".join(brought or ()),
        "vip": cluster.endpoint.host if kind is EndpointKind.VIP else "",
        "given": cluster.endpoint.host if kind is EndpointKind.GIVEN else "",
        "given_port": str(cluster.endpoint.port),
        "service": str(cluster.api_service_ip) if machine.role is Role.WORKER else "",
        "units": " ".join(UNITS),
        "folders": " ".join(FOLDERS),
        "tools": " ".join(TOOLS),
        "fsyncs": str(FSYNCS if machine.role is Role.CONTROL_PLANE else 0),
        "peer_s": str(PEER_S),
        "places": " ".join(place.path for place in PLACES if machine.role in place.roles),
        "layers": IMAGES if machine.role is Role.WORKER else "",
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())
    source = FROM_APT if brought is None else FROM_BUNDLE
    return head + BASICS + WAYS + TAKEN + MISSING + source + OVERLAY + DISK


BASICS = r"""export LC_ALL=C
say() { printf '%s\t%s\n' "$1" "$2"; }
for tool in $tools; do command -v $tool >/dev/null 2>&1 || say no-tool $tool; done
. /etc/os-release 2>/dev/null
say distribution "${ID:-?} ${VERSION_ID:-?} ${PRETTY_NAME:-unknown}"
say kernel "$(uname -r)"
say systemd "$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
[ -d /run/systemd/system ] || say no-systemd "$(cat /proc/1/comm)"
say hostname "$(uname -n)"
say machine-id "$(cat /etc/machine-id 2>/dev/null)"
if systemd-detect-virt --quiet --container; then say container "$(systemd-detect-virt)"; fi
ip -oneline -4 address | awk '{print "address\t" $4 " " $2}'
sed 1d /proc/swaps | awk '{print "swap\t" $1 " " $3}'
# A machine that has a ledger was looked at before it got it.
if [ -e $ledger/cluster ]; then
    say ledger "$(cat $ledger/cluster)"
    [ "$(cat $ledger/cluster)" != "$cluster" ] || exit 0
fi
sed -n 's/^nameserver[[:space:]]*/resolver\t/p' /etc/resolv.conf 2>/dev/null
say cloud-hosts "$(grep -Ehs '^ *manage_etc_hosts: *(true|True|.?template)' /etc/cloud/cloud.cfg \
    /etc/cloud/cloud.cfg.d/*.cfg /var/lib/cloud/instance/cloud-config.txt | head -1)"
if command -v nft >/dev/null; then @NFT@; else
    # As nft would print it.
    iptables -S | awk '/^-P (INPUT|FORWARD) DROP/ {
        print "table ip filter {\nchain " $2 " {"
        print "type filter hook " tolower($2) " priority filter; policy drop;\n}\n}" }'
fi 2>/dev/null | sed 's/^/ruleset\t/'
""".replace("@NFT@", firewalls.LIST)
WAYS = r"""knock() { timeout "$peer_s" bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }
reach() {
    route=$(ip -4 -oneline route get "$1" 2>&1) || { say peer "$1 silent"; return; }
    case $route in *" via "*) say peer "$1 over $route"; return ;; esac
    knock "$1" 22
    # Refused is an answer too; what nobody answered is neither that nor open.
    if [ $? = 124 ] || ip neigh show to "$1" | grep -q -e FAILED -e INCOMPLETE; then
        say peer "$1 silent"
    else
        say peer "$1 answers"
    fi
}
for peer in $peers; do reach "$peer" & done
if [ -n "$vip" ]; then
    # The kernel keeps for a minute who had an address: also of a cluster that has just gone.
    ip neigh flush to "$vip" 2>/dev/null
    knock "$vip" 22
    say vip "$(ip -4 -oneline address show to "$vip/32" | awk '{print "held"; exit}'
        ip neigh show to "$vip" | sed -n 's/.* lladdr \([^ ]*\).*/answered by \1/p')"
fi
if [ -n "$given" ]; then
    say given "$(getent ahostsv4 "$given" | awk '{print $1; exit}')"
    knock "$given" "$given_port" || { [ $? != 124 ] || say given-silent "$given_port"; }
fi
@ROUTES@ | sed 's/^/route\t/'
[ -z "$service" ] || ip -4 route get "$service" >/dev/null 2>&1 || say no-route "$service"
wait
""".replace("@ROUTES@", routes.LIST)
TAKEN = r"""ours() { tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | grep -q '^HARDWAY_DIGEST='; }
ss -Hltnp | while read -r _ _ _ local _ users; do
    for port in $ports; do
        [ "${local##*:}" = "$port" ] || continue
        pid=${users##*pid=}
        pid=${pid%%,*}
        ours "$pid" || say port "$port $(cat "/proc/$pid/comm" 2>/dev/null || echo somebody)"
    done
done
for unit in $units; do
    file=$(systemctl show --property=FragmentPath --value "$unit.service" 2>/dev/null)
    [ -n "$file" ] && ! grep -q HARDWAY_DIGEST "$file" &&
        say unit "$unit $(systemctl is-active "$unit.service")"
done
for folder in $folders; do
    # A file system of its own may hold lost+found.
    [ -z "$(ls -A "$folder" 2>/dev/null | grep -v '^lost+found$')" ] || say folder "$folder"
done
"""
MISSING = r"""say dpkg "$(dpkg --audit 2>&1 | head -1)"
missing=
for name in $packages; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
        missing="$missing $name"
done
"""
FROM_BUNDLE = r"""place=$VERSION_CODENAME-$(dpkg --print-architecture)
case " $brought " in
*" $place "*) ;;
*) [ -z "$missing" ] || say not-brought "$place:$missing" ;;
esac
"""
FROM_APT = r"""apt() {
    apt-get --quiet=2 --simulate --no-install-recommends "$@" install $missing 2>&1 >/dev/null
}
if [ -n "$missing" ]; then
    said=$(apt) || case $said in
    *"Unable to locate"*|*"no installation candidate"*)
        # Its lists may just be old or absent; new ones are looked at apart, and leave no trace.
        lists=$(mktemp -d)
        mkdir -p "$lists/lists/partial"
        apt-get --quiet=2 -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists" update \
            >/dev/null 2>&1
        said=$(apt -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists") && said=
        rm -rf "$lists" ;;
    esac
    [ -z "$said" ] || printf '%s\n' "$said" | sed -n 's/^E: /apt\t/p'
fi
"""
DISK = r"""for place in $places; do
    there=$(nearest "$place")
    say place "$place $(df -Pk "$there" | awk 'NR == 2 {print $2, $4}') \
$(findmnt --raw --noheadings --output TARGET,FSTYPE,OPTIONS --target "$there")"
done
[ -z "$layers" ] || say overlay "$(overlay "$(nearest "$layers")")"
if [ "$fsyncs" -gt 0 ]; then
    # As etcd writes its log: small, one after the other, each on the disk before the next.
    file=$(mktemp /var/lib/.hardway-fsync.XXXXXX)
    dd if=/dev/zero of="$file" bs=2300 count="$fsyncs" 2>/dev/null
    began=$(date +%s)
    n=0
    while [ $n -lt "$fsyncs" ] && [ $(($(date +%s) - began)) -lt 5 ]; do
        dd if=/dev/zero of="$file" bs=2300 count=1 seek=$n conv=notrunc oflag=dsync 2>&1 |
            sed -n 's/.*copied, \([0-9.e-]*\) s.*/fsync\t\1/p'
        n=$((n + 1))
    done
    rm -f "$file"
fi
exit 0
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a machine said; by the first word of a row, the rest of each."""

    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Sequence[str]:
        return self.rows.get(name, ())

    def first(self, name: str) -> str:
        """Return the first row of a name; empty without one."""
        return next(iter(self[name]), "")


@lru_cache(maxsize=1024)
def parse(text: str) -> Seen:
    """Return what the script printed; the same text is asked for by every check."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition("\t")
        rows.setdefault(name, []).append(value.strip())
    return Seen(rows)
