"""What kind of host this is. Reads only."""

import os
import re
from ipaddress import IPv4Address
from pathlib import Path

from hardway.components import architecture
from hardway.model.cluster import HostFacts

CGROUPS = Path("/sys/fs/cgroup")
CAP_SYS_RESOURCE = 24
RESOLVER_FILES = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""systemd-resolved's own list first: its stub listens on a loopback that machines cannot reach."""


def host_facts() -> HostFacts:
    """Return this host's facts for the machines on it."""
    return HostFacts(
        architecture=architecture(),
        interface="eth0",
        # A veth's into the cluster's own bridge.
        mtu=1500,
        cpus=os.cpu_count() or 1,
        memory_bytes=memory_bytes(),
        cgroup="v2" if unified_cgroups() else "v1",
        nameservers=nameservers(),
        resolv_conf="/etc/resolv.conf",
        shared=True,
        swap=len(Path("/proc/swaps").read_text().splitlines()) > 1,
        capped_oom=not has_capability(CAP_SYS_RESOURCE),
    )


def memory_bytes() -> int:
    """Return how much memory this host has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def unified_cgroups() -> bool:
    """Return whether all controllers are in one hierarchy (cgroup v2)."""
    return (CGROUPS / "cgroup.controllers").exists()


def systemd_is_pid_1() -> bool:
    """Return whether the host is run by systemd, as `sd_booted(3)` decides it."""
    return Path("/run/systemd/system").is_dir()


def has_capability(number: int) -> bool:
    """Return whether this process could pass a capability on."""
    found = re.search(
        r"^CapBnd:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    return bool(found and int(found[1], 16) >> number & 1)


def nameservers(files: tuple[Path, ...] = RESOLVER_FILES) -> tuple[str, ...]:
    """Return the IPv4 resolvers of the first of these files that has some beyond loopback."""
    for file in files:
        try:
            text = file.read_text()
        except OSError:
            continue
        found = re.findall(r"^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$", text, re.MULTILINE)
        usable = tuple(n for n in found if not IPv4Address(n).is_loopback)
        if usable:
            return usable[:3]
    return ()
