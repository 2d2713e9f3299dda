"""Installing packages while another apt is at work; what apt says is the real one's."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardway.engine import packages
from hardway.errors import CommandError
from hardway.transport.base import Completed

HOLD = """import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
"""As apt holds its locks: fcntl(2), which flock(1) does not see."""
HELD = "/var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)"
DPKG = f"E: Could not get lock {HELD}\nE: Unable to acquire the dpkg frontend lock\n"
BEFORE = "E: Could not get lock /var/lib/apt/lists/lock - open (11: unavailable)\n"


class Machine:
    """Answers with one output after another; the last one's status is 0."""

    machine = "a"

    def __init__(self, *outputs: str) -> None:
        self.left = [*outputs]

    async def run(
        self, argv: Sequence[str], *, stdin: object = b"", timeout_s: float = 60
    ) -> Completed:
        output = self.left.pop(0)
        return Completed(100 if output else 0, b"", output.encode())


def installed(*outputs: str) -> list[str]:
    """Install while the machine answers so; return whom we waited for."""
    told: list[str] = []
    machine = Machine(*outputs)
    asyncio.run(packages.install(machine, ["runc"], None, told.append))  # type: ignore[arg-type]
    assert machine.left == []
    return told


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "AGAIN_S", 0.0)


def test_another_apt_is_waited_for_and_named() -> None:
    assert installed(DPKG, BEFORE, "") == [
        "waiting for another apt: /var/lib/dpkg/lock-frontend, process 812 (unattended-upgr)",
        "waiting for another apt: /var/lib/apt/lists/lock, unknown",
    ]


def test_the_wait_has_an_end_and_says_who_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "WAITS_S", 0.0)
    with pytest.raises(CommandError, match="process 812") as caught:
        installed(DPKG)
    assert "hardway ssh a -- ps" in caught.value.hint


def test_what_no_wait_helps_is_not_tried_again() -> None:
    with pytest.raises(CommandError, match="Unable to locate"):
        installed("E: Unable to locate package runc\n")
    with pytest.raises(CommandError) as caught:
        installed("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'\n")
    assert "hardway ssh a -- dpkg --configure -a" in caught.value.hint


@contextmanager
def held(lock: Path) -> Iterator[int]:
    argv = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
        holder.communicate(b"")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")
def test_this_hosts_apt_says_who_holds_its_lists(tmp_path: Path) -> None:
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "sources.list").touch()
    options = {"Dir::State::Lists": tmp_path / "lists", "Dir::Cache": tmp_path,
               "Dir::Etc::SourceList": tmp_path / "sources.list",
               "Dir::Etc::SourceParts": "-"}  # fmt: skip
    argv = ["apt-get", "--quiet=2", *(f"-o{name}={value}" for name, value in options.items())]
    with held(tmp_path / "lists/lock") as pid:
        done = subprocess.run(
            [*argv, "update"], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
        )
    assert done.returncode == 100
    holder = packages.lock_holder(done.stderr)
    assert holder.startswith(f"{tmp_path}/lists/lock, process {pid} (")
