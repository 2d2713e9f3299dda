"""Is a machine fit for the cluster? A table of checks; each judges what `probe` saw. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hardway.model.cluster import Cluster, HostFacts, Role
from hardway.providers import firewalls, storage
from hardway.providers.base import Problem
from hardway.providers.hosts import clashes, distributions, probe
from hardway.providers.hosts.look import Found, Look, refuse, warn
from hardway.providers.hosts.probe import TOOLS, Seen

MIB = 1 << 20
OLDEST_SYSTEMD = 249
OLDEST_KERNEL = (5, 13)
SKEW_WARN_S, SKEW_REFUSE_S = 1.0, 30.0
"""etcd complains from a second on; at half a minute leases and new certificates go wrong."""
FSYNC_WARN_MS, FSYNC_REFUSE_MS = 10.0, 100.0
"""etcd's own advice for the slowest of a hundred; and its heartbeat, which the median of them must
not outlast. A tail that long may be of this moment: a busy disk is said, not refused."""
MEMORY_MIB = {Role.CONTROL_PLANE: (900, 1700), Role.WORKER: (450, 900)}
"""Below the first it does not run, below the second it suffers; kubeadm asks for 1700."""
CPUS = 2


def _distribution(look: Look) -> Iterator[Found]:
    id_, version, *name = look.seen.first("distribution").split(" ")
    if not distributions.known(id_, version):
        yield refuse(
            " ".join(name),
            distributions.NAMES,
            "another machine, or a row in providers/hosts/distributions.py and a try",
        )


def _architecture(look: Look) -> Iterator[Found]:
    if look.facts.architecture not in {"amd64", "arm64"}:
        yield refuse(look.facts.architecture, "amd64 or arm64", "another machine")


def _tools(look: Look) -> Iterator[Found]:
    missing = look.seen["no-tool"]
    if missing:
        packages = " ".join(sorted({TOOLS[tool] for tool in missing}))
        by_apt = f"apt-get install {packages}"
        cure = by_apt if "apt-get" not in missing else f"put these packages there: {packages}"
        yield refuse(f"no {' '.join(missing)}", "these commands", cure)


def _systemd(look: Look) -> Iterator[Found]:
    version = look.seen.first("systemd")
    for init in look.seen["no-systemd"]:
        yield refuse(f"{init} as process 1", "systemd", "another machine, or boot it by systemd")
    if not version.isdigit() or int(version) < OLDEST_SYSTEMD:
        yield refuse(
            f"systemd {version or 'none'}", f"at least {OLDEST_SYSTEMD}", "a newer release"
        )


def _kernel(look: Look) -> Iterator[Found]:
    release = look.seen.first("kernel")
    numbers = tuple(int(n) for n in release.split("-")[0].split(".")[:2] if n.isdigit())
    if numbers < OLDEST_KERNEL:
        wanted = ".".join(map(str, OLDEST_KERNEL))
        yield refuse(release, f"at least {wanted}, for kube-proxy's nftables", "a newer kernel")


def _cgroup(look: Look) -> Iterator[Found]:
    if look.facts.cgroup != "v2":
        yield warn(
            "cgroup v1",
            "v2: kubelet merely tolerates v1, and will not for long",
            "boot with systemd.unified_cgroup_hierarchy=1",
        )


def _memory(look: Look) -> Iterator[Found]:
    least, enough = MEMORY_MIB[look.machine.role]
    have = look.facts.memory_bytes // MIB
    if have < enough:
        say = refuse if have < least else warn
        yield say(f"{have} MiB of memory", f"{enough} MiB for a {look.machine.role}", "more memory")


def _cpus(look: Look) -> Iterator[Found]:
    if look.machine.role is Role.CONTROL_PLANE and look.facts.cpus < CPUS:
        yield warn(f"{look.facts.cpus} CPU", f"{CPUS} for a control plane", "another CPU")


def _disk(look: Look) -> Iterator[Found]:
    for place, room in _rooms(look):
        have = room.free_kib >> 10
        if have < place.enough_mib:
            say = refuse if have < place.least_mib else warn
            yield say(
                f"{have} MiB free for {place.path}", f"{place.enough_mib} MiB for {place.why}",
                f"make room for {place.path}",
            )  # fmt: skip
        elif room.free_percent < place.evicts_below:
            yield refuse(
                f"{room.free_percent} % free for {place.path}",
                f"{place.evicts_below} %: below that kubelet evicts pods, however many GiB it is",
                f"make room for {place.path}, or give it a file system of its own",
            )


def _file_systems(look: Look) -> Iterator[Found]:
    for place, room in _rooms(look):
        if "ro" in room.options:
            yield refuse(
                f"{place.path} mounted read-only", f"room for {place.why}",
                f"a writable file system for {place.path}",
            )  # fmt: skip
        if place.executes and "noexec" in room.options:
            yield refuse(
                f"{place.path} mounted noexec", f"programs started from there: {place.why}",
                f"mount -o remount,exec {room.mounted}, and in /etc/fstab too",
            )  # fmt: skip
        if place.enough_mib and room.type in storage.FLEETING | storage.DISTANT:
            yield warn(
                f"{place.path} on {room.type}", f"a local disk that keeps {place.why}",
                f"a file system of a local disk for {place.path}",
            )  # fmt: skip
    for error in filter(None, look.seen["overlay"]):
        yield refuse(
            f"no overlay can be mounted in {probe.IMAGES}: {error}",
            "a file system that carries overlays, for containerd's images: ext4, xfs or btrfs",
            f"mount one of these at {probe.IMAGES}",
        )


def _rooms(look: Look) -> Iterator[tuple[storage.Place, storage.Room]]:
    places = {place.path: place for place in storage.PLACES}
    for row in look.seen["place"]:
        path, _, rest = row.partition(" ")
        yield places[path], storage.Room.parse(rest)


def _fsync(look: Look) -> Iterator[Found]:
    samples = sorted(float(row) * 1000 for row in look.seen["fsync"])
    if not samples:
        return
    middle, worst = samples[len(samples) // 2], samples[max(0, len(samples) * 99 // 100 - 1)]
    if worst >= FSYNC_WARN_MS:
        yield (refuse if middle >= FSYNC_REFUSE_MS else warn)(
            f"{middle:.1f} ms until a write is on the disk, {worst:.0f} ms for 1 of 100",
            f"under {FSYNC_WARN_MS:.0f} ms, or etcd's writes are slow and its leader changes",
            "a local SSD for /var/lib/etcd, nothing else busy on it",
        )


def _clock(look: Look) -> Iterator[Found]:
    skew = look.seen.skew_s
    if abs(skew) >= SKEW_WARN_S:
        yield (refuse if abs(skew) >= SKEW_REFUSE_S else warn)(
            f"its clock {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this host's",
            f"under {SKEW_WARN_S:.0f} s",
            "let both keep time: apt-get install systemd-timesyncd; timedatectl set-ntp true",
        )


def _swap(look: Look) -> Iterator[Found]:
    for row in look.seen["swap"]:
        if look.seen["container"]:
            yield refuse(f"swap on {row}", "none", "swapoff --all on the host of this container")
        else:
            yield warn(
                f"swap on {row} KiB",
                "none: kubelet's accounting has no place for it",
                "`up` turns it off while the cluster is there; `down` turns it on again",
            )


def _ports(look: Look) -> Iterator[Found]:
    for row in sorted(set(look.seen["port"])):
        port, _, name = row.partition(" ")
        yield refuse(
            f"port {port} taken by {name}", "it free", f"stop {name}, or let it listen elsewhere"
        )


def _leftovers(look: Look) -> Iterator[Found]:
    ledger = look.seen.first("ledger")
    if ledger and ledger != look.cluster.name:
        yield refuse(
            f"a machine of the hardway cluster {ledger}", "a machine of none",
            f"hardway down, with the hardway.yaml of {ledger}",
        )  # fmt: skip
    for row in look.seen["unit"]:
        unit, _, state = row.partition(" ")
        control_plane = look.machine.role is Role.CONTROL_PLANE
        say = warn if control_plane and unit in {"docker", "containerd"} else refuse
        yield say(
            f"a service {unit} that is not ours ({state})", "none",
            f"remove what brought it: apt-get purge …, kubeadm reset; or systemctl cat {unit}",
        )  # fmt: skip
    for folder in look.seen["folder"]:
        yield refuse(
            f"something in {folder}", "nothing: it would be taken for this cluster's",
            f"if nobody needs it: rm -r {folder}",
        )  # fmt: skip


def _resolvers(look: Look) -> Iterator[Found]:
    if not look.facts.nameservers:
        listed = ", ".join(dict.fromkeys(look.seen["resolver"]))
        yield warn(
            f"no resolver that pods could ask, but {listed}" if listed else "no resolver",
            "one with an IPv4 address beyond this machine's loopback",
            "names outside the cluster stay unknown to pods; name one in /etc/resolv.conf, or by "
            "DNS= in /etc/systemd/resolved.conf",
        )


def _cloud_init(look: Look) -> Iterator[Found]:
    if look.seen.first("cloud-hosts"):
        yield refuse(
            "manage_etc_hosts in cloud-init's configuration",
            "/etc/hosts left alone: at each boot the machines' names would be gone",
            "echo 'manage_etc_hosts: false' >/etc/cloud/cloud.cfg.d/99-hosts.cfg",
        )


def _packages(look: Look) -> Iterator[Found]:
    if look.seen["apt"]:
        yield refuse(
            "; ".join(look.seen["apt"]), "packages that apt can install",
            "see: apt-get update; apt-get --simulate install …",
        )  # fmt: skip
    for row in filter(None, look.seen["dpkg"]):
        yield refuse(
            f"packages half installed: {row}", "dpkg's work done",
            "dpkg --configure -a; see: dpkg --audit",
        )  # fmt: skip
    for row in look.seen["not-brought"]:
        place, _, missing = row.partition(": ")
        suite, _, architecture = place.rpartition("-")
        yield refuse(
            f"nothing for {place} in the bundle", f"packages: {missing}",
            f"hardway bundle create --suite {suite} --architecture {architecture}; or install them",
        )  # fmt: skip


def _firewall(look: Look) -> Iterator[Found]:
    ranges = [str(look.cluster.node_cidr), str(look.cluster.pod_cidr)]
    for chain in firewalls.dropping(look.seen["ruleset"], "input", "forward"):
        if not chain.mentions(*ranges):
            yield warn(
                f"a firewall: chain {chain} (hook {chain.hook}) drops what no rule lets through",
                "all machines of the cluster let through, pods' addresses too",
                chain.accept(f"ip saddr {{ {', '.join(ranges)} }}"),
            )


@dataclass(frozen=True, slots=True)
class Check:
    """A row: what is looked at. What it yields says how bad it is, and what to do."""

    name: str
    judge: Callable[[Look], Iterator[Found]]


CHECKS = (
    Check("distribution", _distribution),
    Check("architecture", _architecture),
    Check("tools", _tools),
    Check("systemd", _systemd),
    Check("kernel", _kernel),
    Check("cgroup", _cgroup),
    Check("memory", _memory),
    Check("cpus", _cpus),
    Check("disk", _disk),
    Check("file-systems", _file_systems),
    Check("fsync", _fsync),
    Check("clock", _clock),
    Check("swap", _swap),
    Check("ports", _ports),
    Check("leftovers", _leftovers),
    Check("resolvers", _resolvers),
    Check("cloud-init", _cloud_init),
    Check("packages", _packages),
    Check("firewall", _firewall),
    Check("machine-id", clashes.machine_id),
    Check("hostname", clashes.hostname),
    Check("address", clashes.address),
    Check("ranges", clashes.ranges),
    Check("peers", clashes.peers),
    Check("endpoint", clashes.endpoint),
)


def judge(
    cluster: Cluster, seen: Mapping[str, Seen], facts: Mapping[str, HostFacts]
) -> list[Problem]:
    """Return what all checks find on all machines, in the spec's order."""
    problems = []
    for machine in cluster.machines:
        if machine.name not in seen:
            continue
        look = Look(cluster, machine, seen[machine.name], facts[machine.name], seen)
        for check in CHECKS:
            problems += [
                Problem(machine=machine.name, check=check.name, severity=found.severity,
                        found=found.found, needed=found.needed, cure=found.cure)
                for found in _judged(check, look)
            ]  # fmt: skip
    return problems


def _judged(check: Check, look: Look) -> list[Found]:
    """Return what a check finds; an answer that it cannot read is found too."""
    try:
        return list(check.judge(look))
    except (ValueError, LookupError) as error:
        return [
            refuse(f"an answer that cannot be read: {error!r}", "GNU tools with plain answers",
                   "report it, with what `hardway preflight` says")
        ]  # fmt: skip
