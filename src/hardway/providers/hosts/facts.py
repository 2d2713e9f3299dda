"""What a machine's system is like, as far as rendered files depend on it: one round trip."""

import asyncio
import re
from collections.abc import Mapping
from ipaddress import IPv4Address

from hardway.errors import ProviderError
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.text import text
from hardway.transport.base import Fleet, run_checked

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's names, and Go's; what is in neither keeps the kernel's, for preflight to refuse."""
CAP_SYS_RESOURCE = 24

SCRIPT = r"""say() { printf '%s\t%s\n' "$1" "$2"; }
say architecture "$(uname -m)"
say cpus "$(nproc)"
say memory_kib "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
say cgroup "$(stat --file-system --format %T /sys/fs/cgroup)"
say swaps "$(sed 1d /proc/swaps | wc -l)"
say capabilities "$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)"
link=$(ip -oneline -4 address show to "$1/32" | awk 'NR == 1 {print $2}')
say interface "$link"
say mtu "$(cat "/sys/class/net/$link/mtu" 2>/dev/null || echo 1500)"
# systemd-resolved's own list first: its stub listens on a loopback that pods cannot reach.
for file in /run/systemd/resolve/resolv.conf /etc/resolv.conf; do
    sed -n 's/^nameserver[[:space:]]*//p' $file 2>/dev/null | while read -r server; do
        say "resolver" "$file $server"
    done
done
exit 0
"""
"""POSIX sh; the machine's address is its argument."""


def parse(printed: str) -> HostFacts:
    """Return what the script printed."""
    rows = [line.partition("\t")[::2] for line in printed.splitlines()]
    said: Mapping[str, str] = dict(rows)
    resolv_conf, nameservers = _resolvers([value for name, value in rows if name == "resolver"])
    return HostFacts(
        architecture=ARCHITECTURES.get(said["architecture"], said["architecture"]),
        interface=said["interface"],
        mtu=int(said["mtu"]),
        cpus=int(said["cpus"]),
        memory_bytes=int(said["memory_kib"]) << 10,
        cgroup="v2" if said["cgroup"] == "cgroup2fs" else "v1",
        nameservers=nameservers,
        resolv_conf=resolv_conf,
        shared=False,
        swap=said["swaps"] != "0",
        capped_oom=not int(said["capabilities"], 16) >> CAP_SYS_RESOURCE & 1,
    )


def _resolvers(rows: list[str]) -> tuple[str, tuple[str, ...]]:
    """Return the first file that names resolvers pods can reach, and those."""
    usable: dict[str, list[str]] = {}
    for row in rows:
        file, _, server = row.partition(" ")
        if re.fullmatch(r"[\d.]+", server) and not IPv4Address(server).is_loopback:
            usable.setdefault(file, []).append(server)
    for file, servers in usable.items():
        return file, tuple(servers[:3])
    return "/etc/resolv.conf", ()


async def facts(cluster: Cluster, fleet: Fleet) -> dict[str, HostFacts]:
    """Return the facts of each machine that answers.

    Raises:
        RemoteError: a machine went away meanwhile.
        ProviderError: one says what cannot be read.
    """

    async def one(machine: Machine) -> HostFacts:
        argv = ["sh", "-s", str(machine.address)]
        printed = await run_checked(fleet[machine.name], argv, stdin=SCRIPT.encode())
        try:
            return parse(printed)
        except (KeyError, ValueError) as error:
            raise ProviderError(
                text("{machine}: what it reports about itself cannot be read: {error!r} in "
                     "{printed!r}", machine=machine.name, error=error, printed=printed),
                hint=text("see whether it is a Linux with GNU tools: hardway ssh {machine}",
                          machine=machine.name),
            ) from error  # fmt: skip

    machines = [m for m in cluster.machines if m.name in fleet]
    found = await asyncio.gather(*(one(m) for m in machines))
    return {m.name: seen for m, seen in zip(machines, found, strict=True)}
