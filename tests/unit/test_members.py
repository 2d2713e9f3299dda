"""A control plane whose etcd data is gone: when it may come back, and that it does."""

import asyncio
import json
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import support
from tests.fakes.etcd import Etcd

from hardway.checks.live import Live
from hardway.engine.members import Membership, joining
from hardway.errors import ConnectError, RefusedError, StepError
from hardway.model.members import (
    Member,
    Next,
    initial_cluster,
    member_of,
    next_step,
    parse,
    peer_url,
)
from hardway.model.resources import Kind, Observed, SeenUnit
from hardway.report import Event
from hardway.steps import etcd
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed, Transport

CLUSTER = support.topology("3+3")
ONE = CLUSTER.machine("controller-1")
NO_API = cast(Kubectl, None)


def member(name: str, *, served: bool = True, learner: bool = False, id_: int = 7) -> Member:
    url = peer_url(CLUSTER.machine(name))
    clients = (url.replace("2380", "2379"),) if served else ()
    return Member(id_, name if served else "", (url,), clients, learner)


@pytest.mark.parametrize(
    ("there", "has_data", "expected"),
    [
        (member("controller-1"), True, Next.NOTHING),
        (member("controller-1"), False, Next.REMOVE),
        # Its first start, with all the others.
        (member("controller-1", served=False), False, Next.NOTHING),
        (member("controller-1", served=False), True, Next.NOTHING),
        (None, False, Next.ADD),
        (member("controller-1", served=False, learner=True), False, Next.START),
        (member("controller-1", served=False, learner=True), True, Next.START),
        (member("controller-1", learner=True), True, Next.PROMOTE),
        (member("controller-1", learner=True), False, Next.REMOVE),
    ],
)
def test_what_is_next(there: Member | None, has_data: bool, expected: Next) -> None:
    assert next_step(ONE, there, has_data=has_data) is expected


def test_a_member_that_people_removed_is_theirs() -> None:
    with pytest.raises(RefusedError, match="it was removed"):
        next_step(ONE, None, has_data=True)


@given(served=st.booleans(), learner=st.booleans(), has_data=st.booleans())
def test_nobody_is_removed_who_has_data_or_never_served(
    served: bool, learner: bool, has_data: bool
) -> None:
    step = next_step(ONE, member("controller-1", served=served, learner=learner), has_data=has_data)
    assert step is not Next.REMOVE or (served and not has_data)


def test_the_list_is_read_and_a_member_found_by_its_address() -> None:
    text = json.dumps({"members": [
        {"ID": 1, "name": "controller-0", "peerURLs": ["https://10.240.0.10:2380"],
         "clientURLs": ["https://10.240.0.10:2379"]},
        {"ID": 2, "peerURLs": ["https://10.240.0.11:2380"], "isLearner": True},
    ]})  # fmt: skip
    first, second = parse(text)
    assert (first.id, first.served, first.learner) == (1, True, False)
    assert member_of(ONE, (first, second)) == second
    assert member_of(CLUSTER.machine("controller-2"), (first, second)) is None
    assert initial_cluster(ONE, (first, second)) == (
        "controller-0=https://10.240.0.10:2380,controller-1=https://10.240.0.11:2380"
    )


@dataclass
class World(Etcd):
    """Three control planes, of which the k-th command breaks off."""

    commands: int = 0
    breaks_at: int = 0
    after: bool = False


@dataclass
class Machine:
    machine: str
    world: World

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        world = self.world
        world.commands += 1
        assert isinstance(stdin, bytes)
        if world.commands == world.breaks_at and not world.after:
            raise ConnectError("the connection broke", where=self.machine)
        done = world.answer(self.machine, list(argv), stdin)
        if world.commands == world.breaks_at:
            raise ConnectError("the connection broke", where=self.machine)
        return done


def emptied(name: str = "controller-1") -> World:
    """Return a cluster in which one member's disk is empty."""
    rows = {
        m.name: {"ID": i, "name": m.name, "peerURLs": [peer_url(m)], "clientURLs": ["https://x"]}
        for i, m in enumerate(CLUSTER.control_planes, 1)
    }
    others = rows.keys() - {name}
    return World(CLUSTER, rows, data=set(others), runs=set(others))


def live_of(world: World, folder: Path) -> Live:
    fleet = {m.name: cast(Transport, Machine(m.name, world)) for m in CLUSTER.control_planes}
    return Live(CLUSTER, fleet, NO_API, NO_API, snapshots=folder / "snapshots")


def come_back(world: World, folder: Path) -> None:
    asyncio.run(Membership(live_of(world, folder), ONE).join(list[Event]().append))


def assert_back(world: World) -> None:
    assert world.rows.keys() == {"controller-0", "controller-1", "controller-2"}
    assert not any(row.get("isLearner") for row in world.rows.values())
    assert "controller-1" in world.runs
    assert world.joined == {}


def test_it_comes_back_as_a_learner_after_a_snapshot(tmp_path: Path) -> None:
    world = emptied()
    come_back(world, tmp_path)
    assert world.log == [
        "stop controller-1",
        "snapshot",
        "remove controller-1",
        "add controller-1",
        "start controller-1",
        "promote controller-1",
    ]
    assert_back(world)
    (copy,) = (tmp_path / "snapshots").iterdir()
    assert copy.read_bytes().startswith(b"all data")
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_learner_is_promoted_once_it_is_in_sync(tmp_path: Path) -> None:
    world = emptied()
    world.in_sync_after = 3
    come_back(world, tmp_path)
    assert_back(world)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_broken_off_at_every_command_the_next_run_goes_on(tmp_path: Path, after: bool) -> None:
    whole = emptied()
    come_back(whole, tmp_path)
    for k in range(1, whole.commands + 1):
        world = emptied()
        world.breaks_at, world.after = k, after
        folder = tmp_path / str(k)
        folder.mkdir()
        with pytest.raises(ConnectError):
            come_back(world, folder)
        come_back(world, folder)
        assert_back(world)


def test_without_a_quorum_of_the_others_nobody_is_touched(tmp_path: Path) -> None:
    world = emptied()
    world.runs.discard("controller-2")
    with pytest.raises(StepError, match="no quorum"):
        come_back(world, tmp_path)
    assert world.log == []


def test_without_a_whole_snapshot_nobody_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = emptied()
    real = world.answer

    def cut(machine: str, argv: Sequence[str], stdin: bytes) -> Completed:
        done = real(machine, argv, stdin)
        return Completed(0, done.stdout[:-1], b"") if argv[0] == "cat" else done

    monkeypatch.setattr(world, "answer", cut)
    with pytest.raises(StepError, match="nothing was removed"):
        come_back(world, tmp_path)
    assert "remove controller-1" not in world.log


def seen(world: World) -> dict[str, Observed]:
    def observed(name: str) -> Observed:
        active = "active" if name in world.runs else "failed"
        unit = SeenUnit(active=active, enabled=True, digest="", started_at=0.0, reload_needed=False)
        return Observed(units={etcd.UNIT: unit})

    return {m.name: observed(m.name) for m in CLUSTER.control_planes}


def plan(world: World, folder: Path) -> list[tuple[Kind, str]]:
    changes = asyncio.run(joining(live_of(world, folder), seen(world)))
    return [(c.kind, c.path_or_unit) for c in changes]


def test_a_member_without_data_is_in_the_plan(tmp_path: Path) -> None:
    assert plan(emptied(), tmp_path) == [(Kind.JOIN, "Member/controller-1")]


def test_members_that_only_stopped_are_not(tmp_path: Path) -> None:
    world = emptied()
    world.data.add("controller-1")
    assert plan(world, tmp_path) == []


def test_a_cluster_whose_data_is_gone_everywhere_never_begins_anew_by_itself(
    tmp_path: Path,
) -> None:
    world = emptied()
    world.runs.clear()
    world.data.clear()
    assert plan(world, tmp_path) == []
    world.gone = {"controller-0", "controller-1"}
    assert plan(world, tmp_path) == []
    world.gone |= {"controller-2"}
    with pytest.raises(RefusedError, match="would begin anew") as caught:
        plan(world, tmp_path)
    assert "rm /etc/etcd/started; then: hardway up" in caught.value.hint
    fresh = {name: Observed() for name in seen(world)}
    # Before the very first start nobody is asked: the answer would be that all is gone.
    assert asyncio.run(joining(live_of(world, tmp_path), fresh)) == []


@pytest.mark.parametrize(
    ("there", "starts"),
    [((), True), (("started",), False), (("started", "data"), True), (("started", "join"), True)],
)
def test_etcd_starts_without_data_at_first_or_to_join(
    tmp_path: Path, there: tuple[str, ...], starts: bool
) -> None:
    (guard,) = [row.value for row in etcd.spec(CLUSTER, ONE).service if row.name == "ExecStartPre"]
    paths = {"started": etcd.STARTED, "join": etcd.JOIN, "data": f"{etcd.DATA}/member/wal/0.wal"}
    for path in (tmp_path / paths[name].lstrip("/") for name in there):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _, _, script = shlex.split(guard)
    script = script.replace("/etc/etcd", f"{tmp_path}/etc/etcd")
    script = script.replace("/var/lib/etcd", f"{tmp_path}/var/lib/etcd")
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is starts
    assert ("mount its disk" in done.stdout) is not starts


def test_while_all_run_nobody_is_asked(tmp_path: Path) -> None:
    world = emptied()
    world.runs.add("controller-1")
    assert plan(world, tmp_path) == []
    assert world.commands == 0


@pytest.mark.parametrize("runs", [set(), {"controller-0"}], ids=["first up", "no quorum"])
def test_without_a_quorum_nobody_is_on_the_way_back(tmp_path: Path, runs: set[str]) -> None:
    world = emptied()
    world.runs = runs
    assert plan(world, tmp_path) == []


def test_a_file_system_that_is_not_mounted_is_no_empty_disk(tmp_path: Path) -> None:
    world = emptied()
    world.said = "unmounted /var/lib/etcd"
    with pytest.raises(RefusedError, match="/var/lib/etcd stands in /etc/fstab") as refused:
        plan(world, tmp_path)
    assert "mount --all" in refused.value.hint


def test_a_new_control_plane_joins_those_that_are_there(tmp_path: Path) -> None:
    world = emptied()
    del world.rows["controller-1"]
    assert plan(world, tmp_path) == [(Kind.JOIN, "Member/controller-1")]
    come_back(world, tmp_path)
    assert world.log == ["add controller-1", "start controller-1", "promote controller-1"]
    assert_back(world)


def test_the_next_one_waits_until_etcd_lets_it_in(tmp_path: Path) -> None:
    world = emptied()
    del world.rows["controller-1"]
    world.unhealthy = 2
    come_back(world, tmp_path)
    assert_back(world)


def whole() -> World:
    """Return a cluster in which all members are well."""
    world = emptied()
    world.data.add("controller-1")
    world.runs.add("controller-1")
    return world


def leave(world: World, folder: Path, *, silent: bool = False) -> None:
    live = live_of(world, folder)
    if silent:
        live = replace(live, fleet={n: t for n, t in live.fleet.items() if n != "controller-1"})
    asyncio.run(Membership(live, ONE).leave(list[Event]().append))


def test_a_member_leaves_after_a_snapshot_and_its_api_server(tmp_path: Path) -> None:
    world = whole()
    leave(world, tmp_path)
    assert world.log == ["snapshot", "remove controller-1"]
    assert world.stopped == "controller-1"
    leave(world, tmp_path)
    assert world.log == ["snapshot", "remove controller-1"], "once it has left, nothing is left"


def test_a_lost_member_is_taken_out(tmp_path: Path) -> None:
    world = emptied()
    leave(world, tmp_path, silent=True)
    assert world.log == ["snapshot", "remove controller-1"]


def test_a_member_that_lives_is_not_lost(tmp_path: Path) -> None:
    world = whole()
    with pytest.raises(RefusedError, match="is not lost"):
        leave(world, tmp_path, silent=True)
    assert "remove controller-1" not in world.log


def test_no_member_leaves_without_whom_there_is_no_majority(tmp_path: Path) -> None:
    world = whole()
    world.runs.discard("controller-2")
    with pytest.raises(RefusedError, match="2 members, of which 1 are healthy"):
        leave(world, tmp_path)
    assert world.log == []
