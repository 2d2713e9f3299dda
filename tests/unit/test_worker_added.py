"""What it costs the other machines that a worker is added, however many they are."""

import asyncio
from pathlib import Path

import pytest
from tests.fakes import living
from tests.fakes.living import project
from tests.fakes.world import World

from hardway import pipeline

BEGINS = ("systemctl restart", "daemon-reload")


def spec(workers: int) -> str:
    return f"name: c\nmachines: {{controlPlanes: 3, workers: {workers}}}\n"


def up(folder: Path, world: World, workers: int) -> None:
    asyncio.run(pipeline.up(project(folder, world, spec(workers)), lambda _event: None))


def added(folder: Path, machines: int) -> World:
    """Add a worker to a cluster of so many machines; return what that took."""
    world = World()
    up(folder, world, machines - 3)
    after = world.copy()
    up(folder, after, machines - 2)
    return after


@pytest.fixture
def few_and_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[World, World]:
    """Worlds in which a worker was added to 4 machines and to 30."""
    living.install(monkeypatch)
    return added(tmp_path / "few", 4), added(tmp_path / "many", 30)


def test_a_worker_added_costs_each_other_machine_the_same_at_4_and_at_30(
    few_and_many: tuple[World, World],
) -> None:
    few, many = few_and_many
    for kind in ("controller-0", "controller-1", "worker-0"):
        assert few.round_trips[kind] == many.round_trips[kind]
    assert len({many.round_trips[f"worker-{n}"] for n in range(27)}) == 1
    assert few.round_trips["api"] == many.round_trips["api"]
    assert few.round_trips["worker-1"] == many.round_trips["worker-27"]


def test_a_worker_added_restarts_nothing_elsewhere(few_and_many: tuple[World, World]) -> None:
    for world, new in zip(few_and_many, ("worker-1", "worker-27"), strict=True):
        began = {(machine, text) for machine, text in world.log if text in BEGINS}
        assert began == {(new, "daemon-reload")}
