"""Is a machine fit for the cluster? A table of checks; each judges what `probe` saw. Pure."""

from collections.abc import Iterator, Mapping

from hardway.checks.ask import Case
from hardway.checks.run import judgements
from hardway.model.checks import Answer, Judgement, Subject
from hardway.model.cluster import Cluster, Role
from hardway.providers import firewalls, storage
from hardway.providers.base import Problem
from hardway.providers.hosts import clashes, distributions, probe
from hardway.providers.hosts.look import Look, need, refuse, warn
from hardway.providers.hosts.probe import TOOLS
from hardway.text import text

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


def _distribution(look: Look) -> Iterator[Judgement]:
    id_, version, *name = look.seen.first("distribution").split(" ")
    if not distributions.known(id_, version):
        yield refuse(
            " ".join(name),
            distributions.NAMES,
            "take another machine, or add a row to providers/hosts/distributions.py and try it",
        )


def _architecture(look: Look) -> Iterator[Judgement]:
    if look.seen.first("architecture") not in {"amd64", "arm64"}:
        yield refuse(look.seen.first("architecture"), "amd64 or arm64", "take another machine")


def _tools(look: Look) -> Iterator[Judgement]:
    missing = look.seen["no-tool"]
    if missing:
        packages = " ".join(sorted({TOOLS[tool] for tool in missing}))
        yield refuse(
            text("no {commands}", commands=" ".join(missing)),
            "these commands",
            text("install these packages: {packages}" if "apt-get" in missing
                 else "apt-get install {packages}", packages=packages),
        )  # fmt: skip


def _systemd(look: Look) -> Iterator[Judgement]:
    version = look.seen.first("systemd")
    for init in look.seen["no-systemd"]:
        yield refuse(text("{init} as process 1", init=init), "systemd",
                     "take another machine, or boot it by systemd")  # fmt: skip
    if not version.isdigit() or int(version) < OLDEST_SYSTEMD:
        yield refuse(
            text("systemd {version}", version=version) if version else "no systemd",
            text("at least {version}", version=OLDEST_SYSTEMD),
            "take a newer release of the distribution",
        )


def _kernel(look: Look) -> Iterator[Judgement]:
    release = look.seen.first("kernel")
    numbers = tuple(int(n) for n in release.split("-")[0].split(".")[:2] if n.isdigit())
    if numbers < OLDEST_KERNEL:
        wanted = ".".join(map(str, OLDEST_KERNEL))
        yield refuse(
            release,
            text("at least {version}, for kube-proxy's nftables mode", version=wanted),
            "boot a newer kernel",
        )


def _cgroup(look: Look) -> Iterator[Judgement]:
    if look.seen.first("cgroup") != "v2":
        yield warn(
            "cgroup v1",
            "v2: kubelet will soon refuse v1",
            "boot with systemd.unified_cgroup_hierarchy=1",
        )


def _memory(look: Look) -> Iterator[Judgement]:
    least, enough = MEMORY_MIB[look.machine.role]
    have = int(look.seen.first("memory")) // MIB
    if have < enough:
        yield (refuse if have < least else warn)(
            text("{mib} MiB of memory", mib=have),
            text(
                "{mib} MiB for a control plane"
                if look.machine.role is Role.CONTROL_PLANE
                else "{mib} MiB for a worker",
                mib=enough,
            ),
            "give it more memory",
        )


def _cpus(look: Look) -> Iterator[Judgement]:
    have = int(look.seen.first("cpus"))
    if look.machine.role is Role.CONTROL_PLANE and have < CPUS:
        yield warn(
            text("{count} CPU", count=have),
            text("{count} for a control plane", count=CPUS),
            "give it another CPU",
        )


def _disk(look: Look) -> Iterator[Judgement]:
    for place, room in _rooms(look):
        have = room.free_kib >> 10
        if have < place.enough_mib:
            yield (refuse if have < place.least_mib else warn)(
                text("{mib} MiB free for {path}", mib=have, path=place.path),
                text("{mib} MiB for {what}", mib=place.enough_mib, what=place.why),
                text("make room for {path}", path=place.path),
            )
        elif room.free_percent < place.evicts_below:
            yield refuse(
                text("{percent} % free for {path}", percent=room.free_percent, path=place.path),
                text("{percent} %: below that kubelet evicts pods, however many GiB are free",
                     percent=place.evicts_below),
                text("make room for {path}, or give it a file system of its own", path=place.path),
            )  # fmt: skip


def _file_systems(look: Look) -> Iterator[Judgement]:
    for place, room in _rooms(look):
        if "ro" in room.options:
            yield refuse(
                text("{path} mounted read-only", path=place.path),
                text("room for {what}", what=place.why),
                text("mount a writable file system at {path}", path=place.path),
            )
        if place.executes and "noexec" in room.options:
            yield refuse(
                text("{path} mounted noexec", path=place.path),
                text("programs start from there: {what}", what=place.why),
                text("mount -o remount,exec {path}, and change /etc/fstab too", path=room.mounted),
            )
        if place.enough_mib and room.type in storage.FLEETING | storage.DISTANT:
            yield warn(
                text("{path} on {type}", path=place.path, type=room.type),
                text("a local disk that keeps {what}", what=place.why),
                text("mount a file system of a local disk at {path}", path=place.path),
            )
    for error in filter(None, look.seen["overlay"]):
        yield refuse(
            text("no overlay can be mounted in {path}: {error}", path=probe.IMAGES, error=error),
            "a file system that carries overlays, for containerd's images: ext4, xfs or btrfs",
            text("mount one of these at {path}", path=probe.IMAGES),
        )


def _rooms(look: Look) -> Iterator[tuple[storage.Place, storage.Room]]:
    places = {place.path: place for place in storage.PLACES}
    for row in look.seen["place"]:
        path, _, rest = row.partition(" ")
        yield places[path], storage.Room.parse(rest)


def _fsync(look: Look) -> Iterator[Judgement]:
    samples = sorted(float(row) * 1000 for row in look.seen["fsync"])
    if not samples:
        return
    middle, worst = samples[len(samples) // 2], samples[max(0, len(samples) * 99 // 100 - 1)]
    if worst >= FSYNC_WARN_MS:
        yield (refuse if middle >= FSYNC_REFUSE_MS else warn)(
            text("{middle:.1f} ms until a write is on the disk, {worst:.0f} ms for 1 of 100",
                 middle=middle, worst=worst),
            text("under {most:.0f} ms, or etcd's writes are slow and its leader changes",
                 most=FSYNC_WARN_MS),
            "give /var/lib/etcd a local SSD that nothing else keeps busy",
        )  # fmt: skip


def _clock(look: Look) -> Iterator[Judgement]:
    skew = float(look.seen.first("skew") or 0)
    if abs(skew) >= SKEW_WARN_S:
        yield (refuse if abs(skew) >= SKEW_REFUSE_S else warn)(
            text("its clock is {seconds:.1f} s ahead of this host's" if skew > 0 else
                 "its clock is {seconds:.1f} s behind this host's", seconds=abs(skew)),
            text("under {seconds:.0f} s", seconds=SKEW_WARN_S),
            "synchronize both clocks: apt-get install systemd-timesyncd; timedatectl set-ntp true",
        )  # fmt: skip


def _swap(look: Look) -> Iterator[Judgement]:
    for row in look.seen["swap"]:
        if look.seen["container"]:
            yield refuse(text("swap on {place}", place=row), "none",
                         "swapoff --all on the host of this container")  # fmt: skip
        else:
            yield warn(
                text("swap on {place} KiB", place=row),
                "none: kubelet's accounting has no place for it",
                "`up` turns it off while the cluster exists; `down` turns it on again",
            )


def _ports(look: Look) -> Iterator[Judgement]:
    for row in sorted(set(look.seen["port"])):
        port, _, name = row.partition(" ")
        yield refuse(
            text("port {port} taken by {program}", port=port, program=name),
            "the port free",
            text("stop {program}, or let it listen on another port", program=name),
        )


def _leftovers(look: Look) -> Iterator[Judgement]:
    ledger = look.seen.first("ledger")
    if ledger and ledger != look.cluster.name:
        yield refuse(
            text("a machine of the hardway cluster {name}", name=ledger),
            "a machine of no cluster",
            text("hardway down, with the hardway.yaml of {name}", name=ledger),
        )
    for row in look.seen["unit"]:
        unit, _, state = row.partition(" ")
        control_plane = look.machine.role is Role.CONTROL_PLANE
        yield (warn if control_plane and unit in {"docker", "containerd"} else refuse)(
            text("a service {unit} that is not hardway's ({state})", unit=unit, state=state),
            "none",
            text("remove what brought it: apt-get purge …, kubeadm reset; or systemctl cat {unit}",
                 unit=unit),
        )  # fmt: skip
    for folder in look.seen["folder"]:
        yield refuse(
            text("something in {folder}", folder=folder),
            "nothing: hardway would take it for this cluster's",
            text("if nobody needs it: rm -r {folder}", folder=folder),
        )


def _resolvers(look: Look) -> Iterator[Judgement]:
    if not look.seen.first("nameserver"):
        listed = ", ".join(dict.fromkeys(look.seen["resolver"]))
        yield warn(
            text("no resolver that pods could ask, but {list}", list=listed) if listed
            else "no resolver",
            "one with an IPv4 address beyond this machine's loopback",
            "names outside the cluster stay unknown to pods; name one in /etc/resolv.conf, or by "
            "DNS= in /etc/systemd/resolved.conf",
        )  # fmt: skip


def _service_route(look: Look) -> Iterator[Judgement]:
    for address in look.seen["no-route"]:
        yield refuse(
            text("no route to {address}, the address of a Service", address=address),
            "a default route: the node's own packets need one before kube-proxy's rules see them",
            "ip route add default via ROUTER; on a network without a router: ip route add default "
            "dev DEVICE. For the next boots too: in the network's configuration",
        )


def _cloud_init(look: Look) -> Iterator[Judgement]:
    if look.seen.first("cloud-hosts"):
        yield refuse(
            "manage_etc_hosts in cloud-init's configuration",
            "/etc/hosts left alone: at each boot the machines' names would disappear from it",
            "echo 'manage_etc_hosts: false' >/etc/cloud/cloud.cfg.d/99-hosts.cfg",
        )


def _packages(look: Look) -> Iterator[Judgement]:
    if look.seen["apt"]:
        yield refuse(
            "; ".join(look.seen["apt"]), "packages that apt can install",
            "see: apt-get update; apt-get --simulate install …",
        )  # fmt: skip
    for row in filter(None, look.seen["dpkg"]):
        yield refuse(
            text("packages half installed: {packages}", packages=row),
            "all packages configured",
            "dpkg --configure -a; see: dpkg --audit",
        )
    for row in look.seen["not-brought"]:
        place, _, missing = row.partition(": ")
        suite, _, architecture = place.rpartition("-")
        yield refuse(
            text("nothing for {place} in the bundle", place=place),
            text("packages: {packages}", packages=missing),
            text("hardway bundle create --suite {suite} --architecture {architecture}; or install "
                 "them", suite=suite, architecture=architecture),
        )  # fmt: skip


def _firewall(look: Look) -> Iterator[Judgement]:
    ranges = [str(look.cluster.node_cidr), str(look.cluster.pod_cidr)]
    for chain in firewalls.dropping(look.seen["ruleset"], "input", "forward"):
        if not chain.mentions(*ranges):
            yield warn(
                text("a firewall: chain {chain} (hook {hook}) drops what no rule lets through",
                     chain=chain, hook=chain.hook),
                "all machines of the cluster let through, pods' addresses too",
                chain.accept(f"ip saddr {{ {', '.join(ranges)} }}"),
            )  # fmt: skip


CHECKS = (
    need("distribution", _distribution, "hardway knows the packages and paths of these alone",
         "hardway ssh <MACHINE> -- cat /etc/os-release"),
    need("architecture", _architecture, "components are built for these alone",
         "hardway ssh <MACHINE> -- uname -m"),
    need("tools", _tools, "hardway uses them before it can install any package",
         "hardway ssh <MACHINE> -- ls /usr/bin /usr/sbin"),
    need("systemd", _systemd, "units use settings that older releases do not know",
         "hardway ssh <MACHINE> -- systemctl --version"),
    need("kernel", _kernel, "kube-proxy's nftables mode needs its rules",
         "hardway ssh <MACHINE> -- uname -r"),
    need("cgroup", _cgroup, "kubelet accounts for pods by cgroups",
         "hardway ssh <MACHINE> -- stat --file-system --format=%T /sys/fs/cgroup"),
    need("memory", _memory, "without it the kernel kills processes of the cluster",
         "hardway ssh <MACHINE> -- cat /proc/meminfo"),
    need("cpus", _cpus, "etcd's heartbeats are late where the API server is busy",
         "hardway ssh <MACHINE> -- nproc"),
    need("disk", _disk, "etcd stops and kubelet evicts pods where there is no room",
         "hardway ssh <MACHINE> -- df"),
    need("file-systems", _file_systems, "programs, images and data need what not all of them have",
         "hardway ssh <MACHINE> -- cat /proc/mounts"),
    need("fsync", _fsync, "etcd acknowledges nothing before it is on the disk",
         "hardway preflight"),
    need("clock", _clock, "certificates and leases are good by the clock",
         "hardway ssh <MACHINE> -- date"),
    need("swap", _swap, "kubelet's accounting has no place for it",
         "hardway ssh <MACHINE> -- cat /proc/swaps"),
    need("ports", _ports, "two services cannot listen on one port",
         "hardway ssh <MACHINE> -- ss -ltnp"),
    need("leftovers", _leftovers,
         "hardway would take another cluster's services and data for this one's",
         "hardway ssh <MACHINE> -- systemctl list-units --type=service"),
    need("resolvers", _resolvers, "pods ask the resolvers of their node for names outside",
         "hardway ssh <MACHINE> -- cat /etc/resolv.conf"),
    need("cloud-init", _cloud_init, "it would write /etc/hosts again at each boot",
         "hardway ssh <MACHINE> -- cat /etc/cloud/cloud.cfg"),
    need("packages", _packages, "what the steps install must be available",
         "hardway ssh <MACHINE> -- apt-get --simulate install haproxy conntrack"),
    need("firewall", _firewall, "it would drop packets between machines and pods",
         "hardway ssh <MACHINE> -- nft list ruleset"),
    need("machine-id", clashes.machine_id, "systemd, DHCP and kubelet tell machines apart by it",
         "hardway ssh <MACHINE> -- cat /etc/machine-id"),
    need("hostname", clashes.hostname, "logs of two machines would be mixed up",
         "hardway ssh <MACHINE> -- uname -n"),
    need("address", clashes.address, "the other machines are told this address",
         "hardway ssh <MACHINE> -- ip -brief address"),
    need("ranges", clashes.ranges, "pods and Services would hide what is there now",
         "hardway ssh <MACHINE> -- ip route"),
    need("service-route", _service_route,
         "programs on a node reach Services, or hear that the network is unreachable",
         "hardway ssh <MACHINE> -- ip route"),
    need("peers", clashes.peers, "packets of pods go from machine to machine, without a router",
         "hardway ssh <MACHINE> -- ip neigh"),
    need("endpoint", clashes.endpoint, "every client of the API goes to this address",
         "hardway ssh <MACHINE> -- ip neigh show to <ENDPOINT>"),
)  # fmt: skip
"""What is looked at before the first change; what it finds says how bad it is, and what to do."""

UNREADABLE = text("report it, with what `hardway preflight` prints")


def judge(cluster: Cluster, said: Mapping[str, str]) -> list[Problem]:
    """Return what all checks find on the machines that answered, in the spec's order."""
    subjects = [Subject("machine", m.name, cluster) for m in cluster.machines if m.name in said]
    return [
        Problem(machine=subject.name, check=check.name, severity=judged.severity or check.severity,
                found=judged.found, needed=judged.expected, cure=judged.cure or UNREADABLE)
        for subject in subjects
        for check in CHECKS
        for judged in judgements(Case(check, subject), Answer(said[subject.name], elsewhere=said))
    ]  # fmt: skip
