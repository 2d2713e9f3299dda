"""The kernel of user-mode machines: Debian's source, built for ARCH=um once and cached.

Debian's own build (package user-mode-linux) cannot do nftables for IPv4.
"""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.vm.report import FailedError

from hardway.components import cache_folder

SOURCES = Path("/usr/src")
PACKAGES = {"gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc",
            "xz": "xz-utils", "depmod": "kmod"}  # fmt: skip
"""Programs that a build needs, and the packages that have them."""
CONFIG = Path(__file__).with_name("kernel.config")
WANTED = re.findall(r"(?m)^CONFIG_.*|^# CONFIG_\w+ is not set", CONFIG.read_text())


@dataclass(frozen=True)
class Kernel:
    """A kernel that is a program of this host, and its modules."""

    program: Path
    modules: Path
    """What a machine has as /usr/lib/modules."""


def source() -> Path | None:
    """Return the newest archive of package linux-source; None where there is none."""
    found = SOURCES.glob("linux-source-*.tar.xz")
    return max(found, key=lambda path: [*map(int, path.name.split("-")[2].split(".")[:2])],
               default=None)  # fmt: skip


def folder() -> Path:
    """Return where the kernel lies once it is built."""
    archive = source()
    assert archive, SOURCES
    stat = archive.stat()
    made_of = repr([archive.name, stat.st_size, stat.st_mtime_ns, WANTED])
    return cache_folder() / "vm" / f"kernel-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"


def ensure() -> Kernel:
    """Return the kernel, having built it unless it is cached: ten minutes on two cores.

    Raises:
        FailedError: the source's configuration does not have all that is wanted.
    """
    done = folder()
    if not done.exists():
        done.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=done.parent, prefix=".new-") as place:
            made = Path(place, "kernel")
            _build(Path(place, "source"), made)
            made.rename(done)
    return Kernel(done / "linux", done / "modules")


def _build(tree: Path, to: Path) -> None:
    tree.mkdir()
    _run("tar", "-xf", str(source()), "--strip-components=1", "-C", str(tree))
    make = ("make", "--silent", "-C", str(tree), "ARCH=um", f"-j{os.cpu_count()}")
    _run(*make, "defconfig")
    merge = str(tree / "scripts/kconfig/merge_config.sh")
    _run(merge, "-m", "-O", str(tree), str(tree / ".config"), str(CONFIG), cwd=tree)
    _run(*make, "olddefconfig")
    configured = (tree / ".config").read_text().splitlines()
    if lacking := [line for line in WANTED if line not in configured]:
        raise FailedError(f"this kernel cannot be built with {' '.join(lacking)}")
    _run(*make, "linux", "modules")
    _run(*make, f"INSTALL_MOD_PATH={to}/usr", "INSTALL_MOD_STRIP=1", "modules_install")
    (to / "usr/lib/modules").rename(to / "modules")
    for name in ("build", "source"):
        for link in to.glob(f"modules/*/{name}"):
            link.unlink()
    shutil.rmtree(to / "usr")
    _run("strip", "-o", str(to / "linux"), str(tree / "linux"))


def _run(*argv: str, cwd: Path | None = None) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=cwd)
