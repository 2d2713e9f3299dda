"""Packages from a bundle: real apt on this host, which sees our folder and nothing else."""

import asyncio
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.bundle import Place, Wanted, debs, extras
from hardway.engine import ledger, offline
from hardway.errors import PreflightError, RefusedError
from hardway.providers import apt
from hardway.providers.hosts.distributions import BY_SUITE
from hardway.transport.base import Completed

LACKING = [tool for tool in ("apt-get", "dpkg-deb") if not shutil.which(tool)]
NEEDS_APT = pytest.mark.skipif(bool(LACKING), reason=f"lacking: {', '.join(LACKING)}")
CONTROL = """Package: hardway-test
Version: 1:2.0
Architecture: all
Maintainer: nobody <nobody@hardway.invalid>
Description: a package that holds nothing
"""


class Here:
    """Runs commands on this host, as if it were a machine."""

    machine = "worker-0"

    def __init__(self) -> None:
        self.ran: list[Completed] = []

    async def run(
        self, argv: list[str], *, stdin: object = b"", timeout_s: float = 60
    ) -> Completed:
        content = stdin.read_bytes() if isinstance(stdin, Path) else b""
        done = subprocess.run(argv, input=content, capture_output=True, check=False)
        self.ran.append(Completed(done.returncode, done.stdout, done.stderr))
        return self.ran[-1]


@NEEDS_APT
def test_apt_installs_from_the_folder_and_from_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree" / "DEBIAN"
    tree.mkdir(parents=True)
    (tree / "control").write_text(CONTROL)
    here = Here()
    place = asyncio.run(here.run(["sh", "-c", offline.WHICH])).stdout.decode().strip()
    folder = tmp_path / "packages" / place
    folder.mkdir(parents=True)
    deb = folder / "hardway-test_2.0_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree.parent, deb], check=True, capture_output=True)
    (folder / "Packages").write_text(debs._entry(deb))
    script = """apt-get --quiet=2 update >/dev/null
        apt-cache dumpavail | grep ^Package: ; apt-get --simulate install "$@" | grep ^Inst
        apt-config dump | sed -n 's/^Dir::Etc::sourcelist "\\(.*\\)".*/\\1/p'"""
    monkeypatch.setattr(ledger, "INSTALL", script)
    asyncio.run(offline.install(here, ["hardway-test"], tmp_path / "packages"))  # type: ignore[arg-type]
    packages, would, source = here.ran[-1].stdout.decode().splitlines()
    assert packages == "Package: hardway-test"
    assert would.startswith("Inst hardway-test (1:2.0")
    assert not Path(source).exists(), "nothing of it stays"


def test_a_machine_of_another_suite_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="worker-0: the bundle has no packages for ") as caught:
        asyncio.run(offline.install(Here(), ["runc", "haproxy"], tmp_path))  # type: ignore[arg-type]
    assert "runc haproxy" in caught.value.hint


def wanted(*suites: str) -> Wanted:
    return Wanted(("amd64",), suites)


def place(folder: Path) -> Place:
    return Place(folder, folder, lambda _: None)


def test_a_suite_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not know the suite sarge") as caught:
        asyncio.run(debs.apt_packages(wanted("noble", "sarge"), place(tmp_path)))
    assert "bookworm, trixie, jammy, noble" in caught.value.hint
    with pytest.raises(RefusedError, match="--suite is for hosts of your own"):
        asyncio.run(extras.base_roots(wanted("noble"), place(tmp_path)))


def test_without_a_keyring_nothing_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debs, "own_suite", lambda: "bookworm")
    row = BY_SUITE["noble"]
    archive = replace(row.archive, keyring=f"{tmp_path}/gone.gpg")
    monkeypatch.setitem(BY_SUITE, "noble", replace(row, archive=archive))
    made = asyncio.run(debs.apt_packages(wanted("noble"), place(tmp_path)))
    assert (made.members, made.packages) == ((), {})
    lacks, others = made.lacking
    assert lacks.startswith("packages for noble-amd64 (ca-certificates ")
    assert lacks.endswith("gone.gpg is missing; apt-get install ubuntu-keyring")
    assert others == "packages for hosts of bookworm, trixie, jammy: ask for them by --suite"


@pytest.mark.parametrize(
    ("suite", "architecture", "first"),
    [
        ("trixie", "arm64", "debian-archive-keyring.gpg] http://ftp.debian.org/debian trixie main"),
        ("noble", "amd64", "http://archive.ubuntu.com/ubuntu noble main universe"),
        ("noble", "arm64", "http://ports.ubuntu.com/ubuntu-ports noble main universe"),
    ],
)
def test_where_a_suite_has_its_packages(suite: str, architecture: str, first: str) -> None:
    lines = BY_SUITE[suite].archive.sources(suite, architecture).splitlines()
    assert lines[0].endswith(first)
    assert all(line.startswith("deb [signed-by=/usr/share/keyrings/") for line in lines)
    assert f" {suite}-security " in lines[2]


INDEX_TARGETS = """http://mirror/d\tbookworm\tmain
http://mirror/d\tbookworm-updates\tmain
http://mirror/d\tbookworm-backports\tmain
http://other/\tnodistro\tmain
"""


def test_another_suite_comes_from_the_mirrors_of_this_hosts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "suite", lambda: "bookworm")
    monkeypatch.setattr(apt, "run_now", lambda _argv: INDEX_TARGETS)
    monkeypatch.setattr(debs, "own_suite", lambda: "bookworm")
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    row = BY_SUITE["trixie"]
    archive = replace(row.archive, keyring=str(keyring))
    monkeypatch.setitem(BY_SUITE, "trixie", replace(row, archive=archive))
    assert debs.sources("trixie", "arm64") == (
        f"deb [signed-by={keyring}] http://mirror/d trixie main\n"
        f"deb [signed-by={keyring}] http://mirror/d trixie-updates main\n"
    )


def test_epochs_are_not_in_file_names() -> None:
    assert debs.EPOCH.sub("_", "conntrack_1%3a1.4.7-1+b2_amd64.deb") == (
        "conntrack_1.4.7-1+b2_amd64.deb"
    )
