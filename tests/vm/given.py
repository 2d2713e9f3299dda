"""What the virtual machine is given: this checkout, Python's packages, a bundle of components."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.cluster.conftest import ROOT

PYTHONS = {"bookworm": "3.11", "noble": "3.12"}
"""Those of the releases that are tried as the host."""


def prepare(given: Path, suite: str, spec: str) -> None:
    """Put all that the machine needs for a cluster into a folder: it reaches nothing else."""
    given.mkdir(parents=True)
    _checkout(given / "checkout.tar", spec)
    _run(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes",
         "--only-binary=:all:", f"--python-version={PYTHONS[suite]}",
         "--dest", str(given / "wheels"),
         "--requirement", str(ROOT / "requirements/run.txt"))  # fmt: skip
    beside = given.parent / "hardway.yaml"
    beside.write_text(spec)
    _run(str(ROOT / "hardway"), "bundle", "create", "--spec", str(beside), str(given / "a.bundle"))


def _checkout(archive: Path, spec: str) -> None:
    """Pack what git knows of this checkout, as it lies here, and a spec."""
    argv = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout.split("\0")
    with tarfile.open(archive, "w") as tar:
        for name in sorted({n for n in names if n and (ROOT / n).is_file()}):
            tar.add(ROOT / name, name)
        member = tarfile.TarInfo("hardway.yaml")
        member.size = len(spec.encode())
        tar.addfile(member, io.BytesIO(spec.encode()))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
