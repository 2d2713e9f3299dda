"""Removing a local cluster from any state, and looking again whether anything is left."""

import asyncio
import shutil
from pathlib import Path

from hardway.errors import ProviderError
from hardway.providers.base import Progress
from hardway.providers.local import cgroups, disk, kernel, names, network, nspawn
from hardway.text import joined, text

GRACE_S = 3.0
"""Machines whose disks are deleted next need no long goodbye."""


def machine_names(cluster: str) -> list[str]:
    """Return the machines of which anything is left, whatever hardway.yaml says by now."""
    prefix = names.netns(cluster, "")
    spaces = {p.name.removeprefix(prefix) for p in names.NETNS.glob(f"{prefix}*")}
    home = names.folder(cluster)
    folders = [p for p in home.iterdir() if p.is_dir()] if home.exists() else []
    disks = {p.name.removesuffix(names.REMOVED) for p in folders}
    groups = {p.name for g in cgroups.groups(cluster) for p in g.iterdir() if p.is_dir()}
    return sorted(spaces | disks | groups)


async def remove(cluster: str, machine: str, progress: Progress) -> None:
    """Stop one machine and delete all of it."""
    progress(machine, text("stopping"))
    await nspawn.stop(cluster, machine, force=False, grace_s=GRACE_S)
    await nspawn.clear(cluster, machine)
    progress(machine, text("deleting the disk"))
    await asyncio.to_thread(disk.remove, cluster, machine)


async def destroy(cluster: str, progress: Progress) -> None:
    """Stop and delete all machines of a cluster, then the bridge and its rules; prove it.

    Raises:
        ProviderError: naming what is left.
    """
    await asyncio.gather(*(remove(cluster, name, progress) for name in machine_names(cluster)))
    await network.remove_bridge(cluster)
    cgroups.remove(cluster)
    home = names.folder(cluster)
    if home.exists():
        shutil.rmtree(home)
    if not (names.STATE.exists() and any(names.STATE.iterdir())):
        kernel.put_back()
        await nspawn.remove_slice()
        for folder in (names.STATE, names.STATE.parent):
            if folder.exists():
                folder.rmdir()
    left = leftovers(cluster)
    if left:
        raise ProviderError(
            text("left after the removal:\n  {things}", things=joined("\n  ", left)),
            hint="run `hardway down` again; report it if the same lines come back",
        )


def leftovers(cluster: str) -> list[str]:
    """Return a line for each thing of a cluster that this host still has."""
    bridge, folder = names.bridge(cluster), names.folder(cluster)
    spaces = names.NETNS.glob(f"{names.netns(cluster, '')}*")
    tables = [names.table(cluster)] if network.has_table(cluster) else []
    links = [row["ifname"] for row in network.links() if _ours(row["ifname"], bridge)]
    return [
        *(text("process {id}", id=pid) for pid in sorted(_processes(cluster))),
        *(text("mount {path}", path=point) for point in disk.mounted(folder)),
        *(text("network namespace {name}", name=space.name) for space in spaces),
        *(text("link {name}", name=link) for link in links),
        *(text("nftables table {name}", name=table) for table in tables),
        *(text("iptables rule {rule}", rule=rule) for rule in network.rules_for(bridge)),
        *(text("cgroup {path}", path=group) for group in cgroups.groups(cluster)),
        *(text("folder {path}", path=path) for path in [folder] if path.exists()),
    ]


def _ours(link: str, bridge: str) -> bool:
    return link == bridge or link.startswith(f"{bridge}.")


def _processes(cluster: str) -> set[int]:
    found = cgroups.processes(cluster)
    marks = (f"/{names.netns(cluster, '')}".encode(), f"{names.folder(cluster)}/".encode())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if words.startswith(b"systemd-nspawn") and any(mark in words for mark in marks):
                found.add(int(entry.name))
    return found
