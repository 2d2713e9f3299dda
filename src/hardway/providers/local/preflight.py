"""What a host must have before the first change is made to it. Reads only."""

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from hardway.errors import PreflightError
from hardway.host import run_now
from hardway.model.cluster import Cluster
from hardway.providers import firewalls, storage
from hardway.providers.firewalls import dropping
from hardway.providers.local import names, registry, rootfs
from hardway.providers.local.facts import memory_bytes
from hardway.providers.routes import LIST, routes
from hardway.text import text

TOOLS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh": "openssh-client",
    "mount": "mount",
}
"""Commands that are used, and the Debian package each is in."""

DISK_FREE_BYTES = 8 << 30
"""A cluster of six takes 3 GiB at first; builds and images take the rest."""
MEMORY_PER_MACHINE_BYTES = 512 << 20
ENDS = ("iifname", "oifname")


def check(cluster: Cluster, folder: Path, cache: Path) -> None:
    """Check this host.

    Raises:
        PreflightError: with everything that was found missing or taken.
    """
    if os.geteuid():
        raise PreflightError(
            [
                text(
                    "hardway needs root to make mounts and namespaces; this is uid {uid}",
                    uid=os.geteuid(),
                )
            ],
            hint="run it again as root: sudo make up",
        )
    tools = _tools(cache)
    problems = [
        *_system(cluster, tools),
        *_disk(cache),
        *_taken(cluster, folder),
        *_addresses(cluster),
        *storage.unusable(cache),
    ]
    if cluster.name not in registry.folders():
        # Of a cluster that lives already, `verify` says what it suffers from.
        problems += [*_evictions(), *_overlays(), *_firewalls(cluster)]
    if problems:
        missing = sorted({p for t, p in tools.items() if not shutil.which(t)})
        raise PreflightError(
            problems,
            hint=text("apt-get install {packages}", packages=" ".join(missing))
            if missing
            else "fix these, then run it again",
        )


def _tools(cache: Path) -> dict[str, str]:
    """Return the commands that are used here: with a base root, as of a bundle, fewer."""
    return {
        tool: package
        for tool, package in TOOLS.items()
        if tool != "mmdebstrap" or not rootfs.base_root(cache).exists()
    }


def _system(cluster: Cluster, tools: Mapping[str, str]) -> list[str]:
    problems: list[str] = [
        text("{tool} is not installed (Debian package {package})", tool=tool, package=package)
        for tool, package in tools.items()
        if not shutil.which(tool)
    ]
    if platform.system() != "Linux" or platform.machine() not in {"x86_64", "aarch64"}:
        problems.append(
            text(
                "found {system} on {architecture}; hardway needs Linux on x86_64 or aarch64",
                system=platform.system(),
                architecture=platform.machine(),
            )
        )
    needed = MEMORY_PER_MACHINE_BYTES * len(cluster.machines)
    if memory_bytes() < needed:
        problems.append(
            text(
                "found {found} MiB of memory; {count} machines need {needed}",
                found=memory_bytes() >> 20,
                count=len(cluster.machines),
                needed=needed >> 20,
            )
        )
    return problems


def _disk(cache: Path) -> list[str]:
    problems: list[str] = []
    for path in {cache, names.STATE}:
        there = _nearest(path)
        free = shutil.disk_usage(there).free
        if free < DISK_FREE_BYTES and not rootfs.base_root(cache).exists():
            problems.append(
                text(
                    "{folder}: {free} MiB free; {path} needs {needed}",
                    folder=there,
                    free=free >> 20,
                    path=path,
                    needed=DISK_FREE_BYTES >> 20,
                )
            )
    return problems


def _evictions() -> list[str]:
    usage = shutil.disk_usage(_nearest(names.STATE))
    free, least = usage.free * 100 // usage.total, max(p.evicts_below for p in storage.PLACES)
    if free >= least:
        return []
    return [
        text(
            "{free} % free for {path}: below {least} % kubelet evicts pods, however many GiB "
            "are free; make room, or give it a file system of its own",
            free=free,
            path=names.STATE,
            least=least,
        )
    ]


def _overlays() -> list[str]:
    script = f'{storage.OVERLAY}overlay "$1"'
    error = run_now(["sh", "-c", script, "sh", str(_nearest(names.STATE))]).strip()
    if not error:
        return []
    return [
        text(
            "no overlay can be mounted in {path}, and machines' disks are overlays: {error}; "
            "mount a file system there that carries them: ext4, xfs or btrfs",
            path=names.STATE,
            error=error,
        )
    ]


def _firewalls(cluster: Cluster) -> list[str]:
    """Return what drops packets between machines: br_netfilter shows them to these chains too.

    Of iptables' own chain `ensure_bridge` takes care.
    """
    if not shutil.which("nft"):
        return []
    bridge = names.bridge(cluster.name)
    return [
        text(
            "firewall: chain {chain} drops what no rule lets through, machines' packets too: "
            "{commands}",
            chain=chain,
            commands="; ".join(chain.accept(f'{end} "{bridge}"') for end in ENDS),
        )
        for chain in dropping(run_now(firewalls.LIST.split()).splitlines(), "forward")
        if not chain.mentions(bridge, str(cluster.node_cidr)) and chain.name != "FORWARD"
    ]


def _nearest(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _taken(cluster: Cluster, folder: Path) -> list[str]:
    problems: list[str] = []
    for other in registry.registered():
        if other.name == cluster.name:
            if other.folder != folder:
                problems.append(
                    text(
                        "this host already has a cluster named {name}: its folder is {folder}",
                        name=cluster.name,
                        folder=other.folder,
                    )
                )
            continue
        if other.nodes.overlaps(cluster.node_cidr):
            problems.append(
                text(
                    "network.nodes {range} overlaps {other} of cluster {name}",
                    range=cluster.node_cidr,
                    other=other.nodes,
                    name=other.name,
                )
            )
        bridge = names.bridge(cluster.name)
        if bridge == names.bridge(other.name):
            problems.append(
                text(
                    "name {name}: the bridge {bridge} is cluster {other}'s (Linux allows 15 "
                    "characters for a link's name, so that both are cut to this); choose another",
                    name=cluster.name,
                    bridge=bridge,
                    other=other.name,
                )
            )
    return problems


def _addresses(cluster: Cluster) -> list[str]:
    if not shutil.which("ip"):
        return []
    bridge = names.bridge(cluster.name)
    table = run_now(LIST.split()).splitlines()
    wanted = {
        "nodes": cluster.node_cidr,
        "pods": cluster.pod_cidr,
        "services": cluster.service_cidr,
    }
    return [
        text(
            "network.{name} {range} is taken: this host has the route {route}",
            name=name,
            range=cidr,
            route=route.text,
        )
        for route in routes(line for line in table if bridge not in line.split())
        for name, cidr in wanted.items()
        if route.takes(cidr)
    ]
