"""What no step wants any longer goes, by what the machine itself noted; never data."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests import support
from tests.fakes.machine import FakeMachine, needs_root
from tests.unit.test_converge import FAKE_STEPS, given_with_blobs, left_to_do, machine_of, up

from hardway.engine import diff, ledger
from hardway.engine.kinds import obsolete
from hardway.engine.render import render
from hardway.model.resources import STORE, Before, Change, File, Kind, Observed, Unit
from hardway.providers.hosts import removal
from hardway.steps.base import Given
from hardway.steps.index import STEPS

NAME = "controller-0"


def with_more(
    given: Given, machine: FakeMachine, *files: File, units: tuple[Unit, ...] = ()
) -> None:
    """Bring a machine about as a version of hardway did that wanted more."""
    first = FAKE_STEPS[0]

    def rendered(*words: object) -> object:
        desired = first.render(*words)  # type: ignore[arg-type]
        return replace(desired, files=(*desired.files, *files), units=(*desired.units, *units))

    asyncio.run(up(given, machine, [], (replace(first, render=rendered), *FAKE_STEPS[1:])))


@needs_root
def test_what_another_version_put_goes_and_what_was_there_before_comes_back(
    tmp_path: Path,
) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    theirs = machine.root / "etc/theirs.conf"
    theirs.write_text("theirs\n")
    unit_file = File(path="/etc/systemd/system/old.service", content=b"[Unit]\n", why="")
    files = (
        unit_file,
        File(path="/etc/hardway/old.conf", content=b"old", why=""),
        File(path="/etc/theirs.conf", content=b"ours", why=""),
    )
    old = Unit(name="old.service", path=unit_file.path, digest="", reads=(), why="")
    with_more(given, machine, *files, units=(old,))
    data = machine.root / "var/lib/etcd/member"
    data.write_text("data of a component")
    assert theirs.read_text() == "ours"
    planned = asyncio.run(left_to_do(given, machine))
    assert sorted(planned) == sorted((Kind.REMOVE, file.path) for file in files)
    before = machine.log
    asyncio.run(up(given, machine, []))
    assert asyncio.run(left_to_do(given, machine)) == []
    assert theirs.read_text() == "theirs\n"
    assert not (machine.root / "etc/hardway/old.conf").exists()
    assert not (machine.root / "etc/systemd/system/old.service").exists()
    assert not (machine.root / "run/fake/old.service.active").exists()
    assert data.exists()
    assert machine.log == before, "nothing is restarted for it"


@needs_root
def test_components_of_former_versions_leave_the_store(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    former = machine.root / STORE.lstrip("/") / ("0" * 64) / "etcd"
    former.parent.mkdir()
    former.write_text("former")
    assert asyncio.run(left_to_do(given, machine)) == [(Kind.REMOVE, f"{STORE}/{'0' * 64}")]
    asyncio.run(up(given, machine, []))
    assert not former.parent.exists()
    assert asyncio.run(left_to_do(given, machine)) == []


def gone(seen: dict[str, Before], steps: int | None = None) -> list[Change]:
    given = support.given(support.topology("3+3"))
    return diff.changes(NAME, render(STEPS[:steps], given)[NAME], Observed(put=seen))[-1:]


def test_nothing_is_obsolete_where_not_all_steps_are_rendered() -> None:
    seen = {"/etc/kubernetes/old.conf": Before.ABSENT}
    assert [c.path_or_unit for c in gone(seen)] == list(seen)
    assert all(c.kind is not Kind.REMOVE for c in gone(seen, steps=-1))


@pytest.mark.parametrize("path", ["/etc/systemd/system/etcd.service", "/etc/hosts", *ledger.TRACES])
def test_what_is_wanted_and_what_services_make_stays(path: str) -> None:
    assert all(c.kind is not Kind.REMOVE for c in gone({path: Before.ABSENT}))


def test_a_unit_is_stopped_when_its_file_is_gone_and_not_by_what_its_file_says() -> None:
    item = obsolete.Obsolete(path="/etc/systemd/system/a.timer", before=Before.ABSENT)
    lines = obsolete.remove_script([item]).splitlines()
    order = ["disable", "rm -f /etc", "daemon-reload", "stop a.timer", "rm -f /run"]
    found = [next(i for i, line in enumerate(lines) if word in line) for word in order]
    assert found == sorted(found)


@needs_root
@pytest.mark.parametrize("gone", [(), ("etcd.service",)], ids=["whole", "killed before"])
def test_the_removal_stops_all_units_timers_too(tmp_path: Path, gone: Sequence[str]) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    timer = File(path="/etc/systemd/system/own.timer", content=b"[Timer]\n", why="")
    unit = Unit(name="own.timer", path=timer.path, digest="", reads=(), why="")
    with_more(given, machine, timer, units=(unit,))
    fakes = machine.root / "run/fake"
    assert (fakes / "etcd.service.active").exists()
    assert (fakes / "own.timer.active").exists()
    for name in gone:
        (machine.root / "etc/systemd/system" / name).unlink()
        (fakes / f"{name}.enabled").unlink()
    # In a network of its own: the script takes links and rules away wherever it runs.
    argv = ["unshare", "--net", "sh", "-c", removal.script()]
    done = asyncio.run(machine.run(argv))
    assert (done.status, done.stdout.decode()) == (0, "")
    assert not list(fakes.glob("*.active")) + list(fakes.glob("*.enabled"))
    assert not (machine.root / "etc/kubernetes").exists()
