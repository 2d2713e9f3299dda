"""A machine's disk: the shared base root below, what is its own above."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

from hardway.errors import ProviderError
from hardway.files import write
from hardway.host import run
from hardway.model.cluster import Cluster, Machine
from hardway.providers.identity import host_key, operator_key
from hardway.providers.local import names
from hardway.providers.local.facts import nameservers
from hardway.text import text

BASE = "base"
"""Link in a machine's folder to the base root its disk lies on."""


def mounted(folder: Path) -> list[Path]:
    """Return what is mounted at or below a folder of this host, innermost first."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point = Path(line.split()[1].encode().decode("unicode_escape"))
        if point.is_relative_to(folder):
            found.append(point)
    return sorted(found, reverse=True)


def prepare(cluster: Cluster, machine: Machine, keys: Path, base: Path) -> None:
    """Make a machine's folders and the few files it needs before anyone can reach it.

    `keys` is the folder of the SSH keys.
    """
    resolvers = "".join(f"nameserver {n}\n" for n in nameservers())
    machine_id = uuid5(NAMESPACE_DNS, f"{machine.name}.{cluster.name}.hardway.invalid").hex
    files = {
        "etc/hostname": (f"{machine.name}\n".encode(), 0o644),
        "etc/machine-id": (f"{machine_id}\n".encode(), 0o444),
        "etc/resolv.conf": (resolvers.encode(), 0o644),
        "etc/ssh/ssh_host_ed25519_key": (host_key(keys, machine.name), 0o600),
        "root/.ssh/authorized_keys": (operator_key(keys), 0o600),
    }
    make(cluster.name, machine.name, base, files)


def make(cluster: str, machine: str, base: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    """Make a machine's folders on a base root, with some files and their modes.

    What is there stays: a disk survives its machine's stop, and stays on the base root it was
    made on when a later hardway has another.
    """
    disk = names.folder(cluster, machine)
    for name in ("upper", "work", "root", *names.DATA):
        (disk / name).mkdir(parents=True, exist_ok=True)
    if not (disk / BASE).is_symlink():
        (disk / BASE).symlink_to(base)
    upper = disk / "upper"
    (upper / "root/.ssh").mkdir(mode=0o700, parents=True, exist_ok=True)
    (upper / "root").chmod(0o700)
    for path, (content, mode) in files.items():
        file = upper / path
        if not file.exists():
            write(file, content, mode=mode)


async def mount(cluster: str, machine: str) -> Path:
    """Lay a machine's own folder over its base root; return where the machine's root is.

    Raises:
        ProviderError: the base root it was made on is gone.
    """
    disk = names.folder(cluster, machine)
    base = (disk / BASE).readlink()
    if not base.exists():
        raise ProviderError(
            text(
                "{machine}: the root {path}, on which its disk lies, is missing",
                machine=machine,
                path=base,
            ),
            hint="start again from nothing: hardway down, then hardway up",
        )
    await unmount(cluster, machine)
    options = f"lowerdir={base},upperdir={disk}/upper,workdir={disk}/work"
    source = names.container(cluster, machine)
    await run(["mount", "-t", "overlay", source, "-o", options, str(disk / "root")])
    return disk / "root"


async def unmount(cluster: str, machine: str) -> None:
    """Take away all that is mounted below a machine's folder."""
    for point in mounted(names.folder(cluster, machine)):
        await run(["umount", str(point)])


def remove(cluster: str, machine: str) -> None:
    """Delete a machine's disk; nothing may be mounted below it.

    It is renamed first: killed on the way, it leaves no half of a disk that would be booted.
    """
    folder, removed = names.folder(cluster, machine), names.removed(cluster, machine)
    if removed.exists():
        shutil.rmtree(removed)
    if folder.exists():
        shutil.rmtree(folder.rename(removed))
