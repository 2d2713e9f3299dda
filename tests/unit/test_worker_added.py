"""What it costs the other machines that a worker is added, however many they are."""

import asyncio
from pathlib import Path

import pytest
from tests.fakes import living
from tests.fakes.living import project
from tests.fakes.world import World

from hardway import pipeline


def spec(workers: int) -> str:
    return f"name: c\nmachines: {{controlPlanes: 3, workers: {workers}}}\n"


def up(folder: Path, world: World, workers: int) -> None:
    asyncio.run(pipeline.up(project(folder, world, spec(workers)), lambda _event: None))


def added(folder: Path, machines: int) -> World:
    """Add a worker to a cluster of so many machines; return what that took.

    The machines are one's own: local ones share what this host has, of which each then gets less.
    """
    world = World(makes=False)
    up(folder, world, machines - 3)
    after = world.copy()
    up(folder, after, machines - 2)
    return after


@pytest.fixture
def few_and_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[World, World]:
    """Worlds in which a worker was added to 5 machines and to 30."""
    living.install(monkeypatch)
    return added(tmp_path / "few", 5), added(tmp_path / "many", 30)


def test_a_worker_added_costs_each_other_machine_the_same_at_5_and_at_30(
    few_and_many: tuple[World, World],
) -> None:
    few, many = few_and_many
    for kind in ("controller-0", "controller-1", "worker-0"):
        assert few.round_trips[kind] == many.round_trips[kind]
    assert len({many.round_trips[f"worker-{n}"] for n in range(27)}) == 1
    assert few.round_trips["api"] == many.round_trips["api"]
    assert few.round_trips["worker-2"] == many.round_trips["worker-27"]


def test_a_worker_added_restarts_nothing_elsewhere(few_and_many: tuple[World, World]) -> None:
    for world in few_and_many:
        assert "systemctl restart" not in {text for _, text in world.log}
