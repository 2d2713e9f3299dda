"""What folders a cluster lives in, and what their file systems must be able to do."""

import os
from dataclasses import dataclass
from pathlib import Path

from hardway.model.cluster import Role
from hardway.steps.apiserver import AUDIT_FOLDER, AUDIT_MIB
from hardway.text import text

ALL = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder: who needs it, and how much room there has to be."""

    path: str
    why: str
    roles: frozenset[Role] = ALL
    least_mib: int = 0
    """With less nothing runs."""
    enough_mib: int = 0
    executes: bool = False
    """Programs are started from there."""
    evicts_below: int = 0
    """Per cent free below which kubelet evicts pods; its defaults."""


PLACES = (
    Place(path="/etc", why="units and configuration"),
    Place(path="/usr/local/bin", why="names of the components"),
    Place(path="/opt", why="the components", least_mib=1024, enough_mib=2048, executes=True),
    Place(path="/var/lib/etcd", why="etcd's data", roles=frozenset({Role.CONTROL_PLANE}),
          least_mib=2048, enough_mib=8192),
    Place(path=AUDIT_FOLDER, why="audit logs", roles=frozenset({Role.CONTROL_PLANE}),
          least_mib=AUDIT_MIB, enough_mib=AUDIT_MIB),
    Place(path="/var/lib/containerd", why="images and containers",
          roles=frozenset({Role.WORKER}), least_mib=2048, enough_mib=8192, evicts_below=15),
    Place(path="/var/lib/kubelet", why="volumes of pods", roles=frozenset({Role.WORKER}),
          evicts_below=10),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Room:
    """The file system that a place is on."""

    size_kib: int
    free_kib: int
    mounted: str
    type: str
    options: frozenset[str]

    @property
    def free_percent(self) -> int:
        """What is free for everybody, as kubelet counts it."""
        return self.free_kib * 100 // self.size_kib

    @classmethod
    def parse(cls, row: str) -> "Room":
        """Return what a row says: size and room in KiB, mount point, type, options."""
        size, free, mounted, kind, options = row.split()
        return cls(int(size), int(free), mounted, kind, frozenset(options.split(",")))


def unusable(cache: Path) -> list[str]:
    """Return what is wrong with the folder of this host that kubectl is started from."""
    there = next(path for path in (cache, *cache.parents) if path.exists())
    if not os.statvfs(there).f_flag & os.ST_NOEXEC:
        return []
    return [
        text("{folder} is mounted noexec: kubectl and local machines' programs run from {cache}",
             folder=there, cache=cache)
    ]  # fmt: skip


FLEETING = frozenset({"tmpfs", "ramfs"})
DISTANT = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.glusterfs", "fuse.sshfs"})

OVERLAY = r"""overlay() {
    trial=$(mktemp -d "$1/.hardway-overlay.XXXXXX") || return 0
    mkdir "$trial/lower" "$trial/upper" "$trial/work" "$trial/whole"
    # In a mount namespace of its own: nothing is left mounted, even of a trial that is killed.
    unshare --mount sh -c 'cd "$1" && : >lower/file &&
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work whole &&
        rm whole/file && : >whole/new' sh "$trial" 2>&1 | tr '\n' ' '
    rm -rf "$trial"
}
nearest() {
    there=$1
    while [ ! -e "$there" ]; do there=${there%/*}; there=${there:-/}; done
    echo "$there"
}
"""
"""Shell functions: what stands against overlays in a folder, and the nearest folder that exists.

Layers of images and the disks of local machines are such overlays; ZFS before 2.2, NFS, eCryptfs
and another overlay cannot carry them.
"""
