"""The machines' base root as one tar, for hosts that cannot build it."""

import fcntl
import shutil
from pathlib import Path

from hardway.components import architecture
from hardway.host import run_now

EXACT = ("--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls")
"""Of tar(1): owners as numbers, file capabilities and access lists, both ways."""


def name(base: Path) -> str:
    """Return the name of a base root's tar; roots are of this host's architecture."""
    return f"{base.name}-{architecture()}.tar"


def place(tar: str, cache: Path) -> Path:
    """Return where the base root of a tar lies once it is unpacked."""
    return cache / "base" / tar.removesuffix(".tar").rpartition("-")[0]


def foreign(tar: str) -> bool:
    """Return whether a base root's tar is of another architecture than this host's."""
    return not tar.endswith(f"-{architecture()}.tar")


def pack(base: Path, to: Path) -> None:
    """Write a base root as a tar; the same root gives the same bytes."""
    # Times of reading and of inodes would differ each time; mtimes are part of the root, for
    # systemd compares those of /usr and /etc/.updated.
    plain = ("--format=posix", "--pax-option=delete=atime,delete=ctime", "--sort=name")
    run_now(["tar", "--create", *plain, *EXACT, f"--file={to}", f"--directory={base}", "--", "."])


def unpack(tar: Path, tar_name: str, cache: Path) -> None:
    """Unpack a base root whose digest was checked; safe against another process."""
    done = place(tar_name, cache)
    done.parent.mkdir(parents=True, exist_ok=True)
    with (done.parent / f"{done.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return
        building = done.parent / f"{done.name}.building"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        run_now(["tar", "--extract", "--preserve-permissions", *EXACT, f"--file={tar}",
                 f"--directory={building}"])  # fmt: skip
        building.rename(done)


def packages(base: Path) -> tuple[str, ...]:
    """Return the packages in a base root, each with its version."""
    shown = ["--showformat=${Package} ${Version}\\n", "--show"]
    listed = run_now(["dpkg-query", f"--admindir={base}/var/lib/dpkg", *shown])
    return tuple(sorted(listed.splitlines()))
