"""Restarts: one machine after another while anybody is served, never below a majority."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import support
from tests.fakes.answers import answered

from hardway.checks.live import Live
from hardway.engine import order, restarts
from hardway.engine.restarts import Service
from hardway.errors import RefusedError, StepError
from hardway.model.checks import CONTROL_PLANES as MEMBERS
from hardway.model.checks import Check, Judgement, Sh, Subject, says
from hardway.model.cluster import quorum
from hardway.model.resources import Blob, Change, File, Finding, Kind, Unit, Verdict
from hardway.report import Event
from hardway.steps.base import Step
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed, Transport

NO_API = cast(Kubectl, None)
NAMES = tuple("abcde")


@dataclass(frozen=True)
class Situation:
    """A service, and what is about to be done to it."""

    of: Service
    restarted: list[str]
    started: list[str]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    names = NAMES[: draw(st.integers(1, 5))]
    states = {n: draw(st.sampled_from(["healthy", "broken", "stopped", "silent"])) for n in names}
    changed = [n for n in names if states[n] in {"healthy", "broken"} and draw(st.booleans())]
    majority = draw(st.booleans())
    of = Service(
        machines=names,
        healthy=frozenset(n for n in names if states[n] == "healthy"),
        needed=quorum(len(names)) if majority else 0,
    )
    return Situation(of, changed, [n for n in names if states[n] == "stopped"])


@given(situations())
def test_each_machine_has_its_turn_once(at: Situation) -> None:
    made = restarts.waves(at.of, at.restarted, at.started)
    assert sorted(name for wave in made for name in wave) == sorted({*at.restarted, *at.started})
    assert all(made)


@given(situations())
def test_a_healthy_machine_is_restarted_alone_and_after_the_others(at: Situation) -> None:
    made = restarts.waves(at.of, at.restarted, at.started)
    for index, wave in enumerate(made):
        if at.of.healthy & set(at.restarted) & set(wave):
            assert len(wave) == 1
            assert all(set(later) <= at.of.healthy for later in made[index:])


@given(situations())
def test_what_is_not_refused_leaves_a_majority_at_any_time(at: Situation) -> None:
    if restarts.lost(at.of, at.restarted, at.started) or not at.of.healthy:
        return
    up = set(at.of.healthy)
    for wave in restarts.waves(at.of, at.restarted, at.started):
        turn = bool(up & set(wave))
        # With one or two members there is no other way: nothing may be lost of these.
        assert not turn or len(up - set(wave)) >= min(at.of.needed, len(at.of.machines) - 1)
        up |= set(wave)


@given(situations())
def test_refused_are_only_restarts_that_cost_the_majority(at: Situation) -> None:
    missing = restarts.lost(at.of, at.restarted, at.started)
    if missing:
        assert set(missing).isdisjoint({*at.of.healthy, *at.restarted, *at.started})
        assert at.of.healthy & set(at.restarted)
        assert len(at.of.machines) - len(missing) - 1 < quorum(len(at.of.machines))


def test_while_nobody_is_served_all_are_restarted_together() -> None:
    of = Service(machines=("a", "b", "c"), healthy=frozenset(), needed=2)
    assert restarts.waves(of, ["a", "b"], ["c"]) == (("a", "b", "c"),)
    assert restarts.lost(of, ["a", "b"], []) == ()


CLUSTER = support.topology("3+3")
CONTROL_PLANES = [m.name for m in CLUSTER.control_planes]
MINE = Check(
    name="process-healthy", step="s", scope=MEMBERS, ask=Sh("broken"), judge=says("ok"),
    why="", see="",
)  # fmt: skip
EFFECT = replace(MINE, name="effect", ask=Sh("effects"))
UNIT = Unit(name="x.service", path="/x.service", digest="d", reads=(), why="")


@dataclass
class World:
    """Machines that note what is done to them, and whose process heals by a restart."""

    broken: set[str] = field(default_factory=set)
    effects: set[str] = field(default_factory=set)
    stays_broken: bool = False
    done: list[str] = field(default_factory=list)

    def machine(self, name: str) -> Transport:
        return cast(Transport, _Machine(name, self))

    def answer(self, machine: str, question: str) -> str:
        wrong = {"broken": self.broken, "effects": self.effects}
        return "no" if machine in wrong.get(question, ()) else "ok"


@dataclass
class _Machine:
    machine: str
    world: World

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        if argv[:2] == ["systemctl", "restart"]:
            self.world.done.append(f"restart {self.machine}")
            if not self.world.stays_broken:
                self.world.broken.discard(self.machine)
        if argv[0] == "bash" and isinstance(stdin, bytes):
            return answered(stdin, lambda question: self.world.answer(self.machine, question))
        if any("tar --extract" in word for word in argv):
            self.world.done.append(f"put {self.machine}")
        return Completed(0, b"", b"")


def restart(machine: str) -> Change:
    return Change(machine=machine, step="s", kind=Kind.RESTART, path_or_unit=UNIT.name, item=UNIT)


def put(machine: str) -> Change:
    file = File(path="/etc/x", content=b"x", why="")
    return Change(machine=machine, step="s", kind=Kind.UPDATE, path_or_unit="/etc/x", item=file)


def moved(machine: str) -> Change:
    blob = Blob(path="/usr/local/bin/x", sha256="0", size_bytes=1, source="/dev/null", why="")
    return Change(machine=machine, step="s", kind=Kind.UPDATE, path_or_unit=blob.path, item=blob)


def bring_about(world: World, changes: list[Change], *, without: Sequence[str] = ()) -> None:
    there = {m.name: world.machine(m.name) for m in CLUSTER.machines if m.name not in without}
    step = Step(name="s", title="The service", why="", checks=(MINE, EFFECT), settles_s=0,
                serves=(MINE.name,), majority=True)  # fmt: skip
    live = Live(CLUSTER, there, NO_API, NO_API)
    asyncio.run(order.bring_about((step,), changes, live, list[Event]().append))


def restarted(world: World) -> list[str]:
    return [line.removeprefix("restart ") for line in world.done if line.startswith("restart")]


def test_what_is_wrong_counts_and_what_is_unknown_does_not() -> None:
    def found(machine: str, verdict: Verdict) -> Finding:
        judgement = Judgement(verdict, "ok", "no")
        return MINE.finding(Subject("machine", machine, CLUSTER), judgement)

    findings = [found(name, v) for name, v in zip(CONTROL_PLANES, Verdict, strict=True)]
    step = Step(name="s", title="", why="", checks=(MINE,), serves=(MINE.name,))
    of = restarts.service(step, CLUSTER, findings, silent=(), restarted=CONTROL_PLANES)
    assert of.healthy == {"controller-0", "controller-2"}


def test_another_machines_trouble_restarts_nobody_at_once() -> None:
    world = World(effects={"controller-0", "controller-1", "controller-2"})
    with pytest.raises(StepError):
        bring_about(world, [restart(name) for name in CONTROL_PLANES])
    assert restarted(world) == ["controller-0"], "it stops where a machine does not settle"


def test_the_unhealthy_come_first_and_the_healthy_one_by_one() -> None:
    world = World(broken={"controller-2"})
    bring_about(world, [restart(name) for name in CONTROL_PLANES])
    assert restarted(world) == ["controller-2", "controller-0", "controller-1"]


def test_a_repair_that_fails_restarts_no_healthy_machine() -> None:
    world = World(broken={"controller-2"}, stays_broken=True)
    with pytest.raises(StepError, match="controller-2"):
        bring_about(world, [restart(name) for name in CONTROL_PLANES])
    assert restarted(world) == ["controller-2"]


def test_with_a_silent_member_nothing_healthy_is_restarted_nor_anything_put() -> None:
    world = World()
    changes = [put("controller-0"), restart("controller-0"), put("worker-0")]
    with pytest.raises(RefusedError, match="lost on controller-1") as refused:
        bring_about(world, changes, without=["controller-1"])
    assert "bring controller-1 back" in refused.value.hint
    assert world.done == []


def test_with_a_silent_member_workers_are_still_brought_about() -> None:
    world = World()
    bring_about(world, [put("worker-0")], without=["controller-1"])
    assert world.done == ["put worker-0"]


def test_other_versions_go_machine_by_machine_control_planes_first() -> None:
    world = World()
    names = ["worker-1", *CONTROL_PLANES]
    changes = [c for name in names for c in (moved(name), restart(name))]
    bring_about(world, [put("worker-0"), *changes])
    order_of_work = [f"{verb} {n}" for n in [*CONTROL_PLANES, "worker-1"]
                     for verb in ("put", "restart")]  # fmt: skip
    assert world.done == [*order_of_work, "put worker-0"]


def test_a_new_binary_that_nothing_runs_waits_for_nobody() -> None:
    changes = [moved("worker-0"), moved("worker-1")]
    assert list(restarts.stages(CLUSTER, changes)) == [changes]


def test_what_clients_see_counts_once_those_are_restarted_that_serve_them() -> None:
    """New control planes that only started know of the former one; it does not know of them yet."""
    of = restarts.Service(machines=("a", "b", "c"), healthy=frozenset("abc"))
    waves = restarts.waves(of, ["a"], {"b", "c"})
    assert [set(wave) for wave in waves] == [{"b", "c"}, {"a"}]
    assert [restarts.served(of, ["a"], wave) for wave in waves] == [False, True]
