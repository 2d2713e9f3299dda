"""Observing by a real sh, grep and find: what runs is told from what its process carries."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.engine import observe
from hardway.engine.kinds.file import means
from hardway.engine.kinds.unit import BEFORE_PROGRAM, UNIT
from hardway.model.resources import Desired, File, Kind, Observed, Unit

SYSTEMCTL = """#!/bin/sh
cat <<'TEXT'
MainPID={pid}
ExecMainStartTimestamp=Tue 2026-11-24 22:20:00.500000 UTC
Id=a.service
ActiveState=active
SubState=running
UnitFileState=enabled
ActiveEnterTimestamp=Tue 2026-11-24 22:20:01.000000 UTC
NeedDaemonReload=no

MainPID=0
ExecMainStartTimestamp=n/a
Id=b.service
ActiveState=activating
SubState=auto-restart
UnitFileState=
ActiveEnterTimestamp=
NeedDaemonReload=no

MainPID=0
Id=c.service
ActiveState=active
SubState=running
UnitFileState=enabled
ActiveEnterTimestamp=Tue 2026-11-24 22:20:01.000000 UTC
ActiveEnterTimestampMonotonic={now_us}
ActiveExitTimestampMonotonic={left_us}
NRestarts=68
NeedDaemonReload=no
TEXT
"""


UNITS = ("a.service", "b.service", "c.service")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a digest among its variables."""
    environment = {"A": "1\nHARDWAY_DIGEST=no", "HARDWAY_DIGEST": "d1", "Z": "2"}
    with subprocess.Popen(["/bin/sleep", "60"], env=environment) as running:
        yield running
        running.kill()


def seen(folder: Path, pid: int, *paths: Path) -> Observed:
    """Return what is seen of these files and of three units, the first with this process."""
    now_us = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)
    (folder / "systemctl").write_text(
        SYSTEMCTL.format(pid=pid, now_us=now_us, left_us=now_us - 20_000_000)
    )
    (folder / "systemctl").chmod(0o755)
    units = tuple(Unit(name=name, path="", digest="", reads=(), why="") for name in UNITS)
    files = tuple(File(path=str(path), content=b"", why="") for path in paths)
    return observe.parse(ran(observe.script(Desired(files=files, units=units)), folder))


def ran(script: str, folder: Path = Path("/bin")) -> str:
    """Return what a script prints, with the programs of a folder before others."""
    done = subprocess.run(
        ["sh", "-s"],
        input=script,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return done.stdout


def test_a_running_process_carries_its_digest(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    units = seen(tmp_path, process.pid).units
    assert units["a.service"].digest == "d1"
    assert units["a.service"].enabled
    assert units["a.service"].started_at == pytest.approx(1795558800.5)
    assert (units["b.service"].active, units["b.service"].digest) == ("activating", "")
    assert units["a.service"].executable == str(Path("/bin/sleep").resolve())
    assert [units[name].fails for name in UNITS] == [False, True, True]
    assert [units[name].away_s for name in UNITS] == [0, 0, pytest.approx(20)]


def test_a_process_that_just_ended_says_nothing_of_its_files(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        ended.wait()
    wanted = Unit(name="a.service", path="", digest="d1", reads=(), why="")
    looked = seen(tmp_path, ended.pid)
    assert looked.units["a.service"].digest == ""
    assert list(UNIT.differs(wanted, looked, {})) == []


@pytest.mark.parametrize("program", sorted(BEFORE_PROGRAM))
def test_a_process_before_its_program_says_nothing_of_its_files(
    tmp_path: Path, process: subprocess.Popen[bytes], program: str
) -> None:
    """systemd calls a `simple` unit active from the fork on."""
    wanted = Unit(name="a.service", path="", digest="d2", reads=(), why="", executable="/opt/a")
    (found,) = UNIT.differs(wanted, seen(tmp_path, process.pid), {})
    assert found[0] is Kind.RESTART
    (tmp_path / "find").write_text(f"#!/bin/sh\necho /proc/{process.pid}/exe {program}\n")
    (tmp_path / "find").chmod(0o755)
    (tmp_path / "grep").symlink_to("/bin/true")
    assert list(UNIT.differs(wanted, seen(tmp_path, process.pid), {})) == []


def test_a_process_that_changes_while_one_looks_says_nothing_of_its_files(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    wanted = Unit(name="a.service", path="", digest="d2", reads=(), why="")
    (tmp_path / "find").write_text(
        f"#!/bin/sh\necho >> {tmp_path}/looks\n"
        f"echo /proc/{process.pid}/exe program-$(wc -l < {tmp_path}/looks)\n"
    )
    (tmp_path / "find").chmod(0o755)
    (tmp_path / "grep").symlink_to("/bin/true")
    assert list(UNIT.differs(wanted, seen(tmp_path, process.pid), {})) == []


def test_files_and_what_is_not_there(tmp_path: Path) -> None:
    there, absent = tmp_path / "a b'c", tmp_path / "absent"
    there.write_bytes(b"x")
    there.chmod(0o640)
    paths = seen(tmp_path, 0, there, absent).paths
    assert set(paths) == {str(there)}
    path = paths[str(there)]
    assert (path.kind, path.mode, path.size_bytes) == ("f", 0o640, 1)
    assert path.digest == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert path.changed_at == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize(
    ("there", "same"),
    [
        (b"a: 1\n", True),
        (b"# why\n  # more\na: 1\n", True),
        (b"Description=other words\nDocumentation=elsewhere\na: 1\n", True),
        (b"a: 2\n", False),
        (b"a: 1 # said behind a value\n", False),
        (b"a: 1", False),
    ],
)
def test_what_a_file_means_is_seen_where_it_differs(
    tmp_path: Path, there: bytes, same: bool
) -> None:
    path = tmp_path / "a b'c"
    path.write_bytes(there)
    wanted = File(path=str(path), content=b"# the reason\na: 1\n", why="")
    files = Desired(files=(wanted, replace(wanted, path=f"{path}.absent")))
    found = observe.parse(ran(observe.script(files)))
    assert found.paths[str(path)].digest != wanted.digest
    assert found.content == {str(path): there}
    assert means(wanted, found) is same


def test_what_a_right_file_means_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"# the reason\na: 1\n")
    wanted = File(path=str(path), content=path.read_bytes(), why="")
    found = observe.parse(ran(observe.script(Desired(files=(wanted,)))))
    assert found.paths[str(path)].digest == wanted.digest
    assert found.content == {}


def test_a_private_key_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(b"another key")
    wanted = File(path=str(path), content=b"the key", secret=True, why="")
    found = observe.parse(ran(observe.script(Desired(files=(wanted,)))))
    assert found.content == {}
    assert not means(wanted, found)


def test_nothing_wanted_is_nothing_asked() -> None:
    assert "find" not in observe.script(Desired())
    assert observe.parse("") == Observed()
