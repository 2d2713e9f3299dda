"""Machines come and go while the program is killed at any of its commands; then it is run again."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import living
from tests.fakes.living import project
from tests.fakes.world import Host, Killed, World

from hardway import pipeline
from hardway.operations import nodes
from hardway.operations.nodes import Departure
from hardway.project import Project

Run = Callable[[Project], Coroutine[Any, Any, Any]]


def up(at: Project) -> Coroutine[Any, Any, Any]:
    return pipeline.up(at, silence)


def silence(_event: object) -> None:
    """Nobody listens."""


def remove(name: str) -> Run:
    return lambda at: nodes.remove(at, Departure(name), silence)


def replace(name: str, *, lost: bool = False) -> Run:
    return lambda at: nodes.replace(at, Departure(name, lost=lost), silence)


def nothing(_world: World) -> None:
    """Nobody harms the cluster."""


@dataclass(frozen=True)
class Change:
    """One way in which machines come and go."""

    before: tuple[int, int]
    """Control planes and workers."""
    after: tuple[int, int]
    """What hardway.yaml asks for then."""
    run: Run
    gone: str = ""
    harm: Callable[[World], None] = nothing
    """What happens to the cluster first."""
    of_ones_own: bool = True
    """Whether it is possible without making machines."""


CHANGES = {
    "a worker is added": Change((1, 2), (1, 3), up),
    "a worker is removed": Change((1, 3), (1, 2), remove("worker-1"), "worker-1"),
    "a worker is replaced": Change((1, 2), (1, 2), replace("worker-1")),
    "control planes are added": Change((1, 1), (3, 1), up),
    "a control plane is removed": Change((3, 1), (1, 1), remove("controller-1"), "controller-1"),
    "a control plane is replaced": Change((3, 1), (3, 1), replace("controller-1")),
    "a lost worker is replaced": Change(
        (1, 2), (1, 2), replace("worker-1", lost=True),
        harm=lambda world: world.silence("worker-1"), of_ones_own=False,
    ),
    "a lost control plane is replaced": Change(
        (3, 1), (3, 1), replace("controller-1", lost=True),
        harm=lambda world: world.silence("controller-1"), of_ones_own=False,
    ),
    "a control plane has lost its disk": Change(
        (3, 1), (3, 1), up, harm=lambda world: world.lose_disk("controller-1"), of_ones_own=False,
    ),
}  # fmt: skip
CASES = [
    pytest.param(change, makes, id=f"{name}, {'made by hardway' if makes else 'of your own'}")
    for name, change in CHANGES.items()
    for makes in (True, *([False] if change.of_ones_own else []))
]


def spec(counts: tuple[int, int]) -> str:
    return f"name: c\nmachines: {{controlPlanes: {counts[0]}, workers: {counts[1]}}}\n"


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    living.install(monkeypatch)


def living_cluster(folder: Path, counts: tuple[int, int], *, makes: bool) -> World:
    """Make a cluster and its folder, as `up` leaves them."""
    world = World(makes)
    asyncio.run(up(project(folder, world, spec(counts))))
    return world


def assert_whole(folder: Path, world: World, change: Change) -> None:
    """Check that the cluster is as hardway.yaml asks for, and knows nothing of a run that ended."""
    at = project(folder, world, spec(change.after))
    names = {m.name for m in at.cluster.machines}
    assert change.gone not in names
    assert set(world.hosts) == names | ({change.gone} - {""} if not world.makes else set())
    if change.gone in world.hosts:
        assert world.hosts[change.gone] == Host()
    there = {name: row for name, row in world.objects.items() if name.startswith("Node/")}
    assert there.keys() == {f"Node/{m.name}" for m in at.cluster.workers}
    for machine in at.cluster.workers:
        found = there[f"Node/{machine.name}"]["spec"]
        assert found["podCIDR"] == str(machine.pod_cidr)
        assert "unschedulable" not in found
    planes = {m.name for m in at.cluster.control_planes}
    assert planes == world.etcd.rows.keys() == world.etcd.runs == world.etcd.data
    assert not any(row.get("isLearner") for row in world.etcd.rows.values())
    assert world.etcd.joined == {}
    done = len(world.log)
    asyncio.run(up(at))
    assert world.log[done:] == []
    assert not [path for path in folder.rglob("*") if change.gone and path.name == change.gone]


@pytest.mark.parametrize(("change", "makes"), CASES)
@pytest.mark.parametrize(
    ("first", "every"),
    [
        pytest.param(0, 116, id="few"),
        pytest.param(29, 29, id="more", marks=pytest.mark.thorough),
        pytest.param(0, 1, id="all", marks=pytest.mark.nightly),
    ],
)
def test_whatever_it_was_killed_at_the_same_command_goes_on(
    tmp_path: Path, change: Change, makes: bool, first: int, every: int
) -> None:
    start = living_cluster(tmp_path / "c", change.before, makes=makes)
    change.harm(start)

    def run(world: World, folder: Path) -> None:
        asyncio.run(change.run(project(folder, world, spec(change.after))))

    whole, folder = start.copy(), tmp_path / "whole"
    shutil.copytree(tmp_path / "c", folder, symlinks=True)
    run(whole, folder)
    moments = [(k, after) for k in range(1, whole.commands + 1) for after in (False, True)]
    assert_whole(folder, whole, change)
    for k, after in moments[first::every]:
        folder = tmp_path / f"{k}-{after}"
        shutil.copytree(tmp_path / "c", folder, symlinks=True)
        world = start.copy(fatal=k, after=after)
        with pytest.raises(Killed):
            run(world, folder)
        world.dead = False
        run(world, folder)
        assert_whole(folder, world, change)
        shutil.rmtree(folder)
