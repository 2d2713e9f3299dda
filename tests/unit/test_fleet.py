"""A hundred machines of which three do not do as the others: nobody waits, each has its error."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests import support
from tests.fakes.answers import answered

from hardway.checks.live import Live
from hardway.engine import compare, order
from hardway.errors import CommandError, ConnectError, FleetError
from hardway.model.checks import CONTROL_PLANES as MEMBERS
from hardway.model.checks import Check, Occasion, Sh, says
from hardway.model.cluster import Cluster
from hardway.model.resources import Change, Desired, File, Kind
from hardway.report import Event
from hardway.steps.base import Step
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed, on_each

MACHINES = [f"m{index:02}" for index in range(100)]
NO_API = cast(Kubectl, None)
WANTED = {"s": Desired(files=(File(path="/etc/x", content=b"x", why=""),))}


class Machine:
    """Answers all commands after a moment; a dead one breaks off, a failing one says no."""

    def __init__(self, machine: str, kind: str) -> None:
        self.machine = machine
        self.kind = kind
        self.written = False
        self.asked: list[str] = []

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        if argv[0] == "bash" and isinstance(stdin, bytes):
            return answered(stdin, lambda question: self.asked.append(question) or "yes")
        writes = any("tar --extract" in word for word in argv)
        if writes and self.kind == "slow":
            await asyncio.sleep(0.2)
            raise ConnectError(f"{self.machine}: no answer within {timeout_s:.0f} s")
        if writes and self.kind == "dead":
            raise ConnectError(f"{self.machine}: the connection broke")
        if writes and self.kind == "full":
            return Completed(1, b"", b"tar: no space left")
        await asyncio.sleep(0.05)
        self.written |= writes
        return Completed(0, b"", b"")


def fleet(odd: dict[str, str]) -> dict[str, Machine]:
    return {name: Machine(name, odd.get(name, "")) for name in MACHINES}


async def up(machines: dict[str, Machine]) -> None:
    cluster = cast(Cluster, SimpleNamespace(name="c", machines=(), control_planes=(), workers=()))
    live = Live(cluster, machines, NO_API, NO_API)
    changes = await compare.compare(live, dict.fromkeys(MACHINES, WANTED), {})
    assert len(changes) == len(MACHINES)
    events: list[Event] = []
    step = Step(name="s", title="", why="")
    await order.bring_about((step,), changes, live, events.append)


def test_three_that_fail_hold_nobody_up_and_break_nobody_off() -> None:
    machines = fleet({"m03": "dead", "m50": "slow", "m99": "full"})
    with pytest.raises(FleetError) as raised:
        asyncio.run(up(machines))
    assert {name for name, m in machines.items() if not m.written} == {"m03", "m50", "m99"}
    broke, slow, full = raised.value.errors
    assert (str(broke), str(slow)) == (
        "m03: the connection broke",
        "m50: no answer within 120 s",
    )
    assert isinstance(full, CommandError)
    assert all(f"{name}: " in str(raised.value) for name in ("m03", "m50", "m99"))


def test_one_that_fails_has_its_own_error() -> None:
    machines = fleet({"m42": "dead"})
    with pytest.raises(ConnectError, match="m42: the connection broke"):
        asyncio.run(up(machines))
    assert sum(m.written for m in machines.values()) == 99


def test_all_well() -> None:
    machines = fleet({})
    asyncio.run(up(machines))
    assert all(m.written for m in machines.values())


@pytest.mark.parametrize(("prose", "tried"), [(True, []), (False, ["trial"])])
def test_a_change_of_comments_alone_runs_no_trial(prose: bool, tried: list[str]) -> None:
    check = Check(name="c", step="s", scope=MEMBERS, ask=Sh("trial"), judge=says("yes"), why="",
                  see="", when=Occasion.CHANGED)  # fmt: skip
    steps = (Step(name="s", title="", why="", checks=(check,)),)
    cluster = support.topology("1+0")
    machine = Machine(cluster.machines[0].name, "")
    live = Live(cluster, {machine.machine: machine}, NO_API, NO_API)
    change = Change(machine=machine.machine, step="s", kind=Kind.UPDATE, path_or_unit="/etc/x",
                    item=WANTED["s"].files[0], prose=prose)  # fmt: skip
    asyncio.run(order.bring_about(steps, [change], live, [].append))
    assert machine.written
    assert machine.asked == tried


def test_a_mistake_of_ours_is_no_machines_fault() -> None:
    async def wrong() -> None:
        raise KeyError("x")

    async def dead() -> None:
        raise ConnectError("m: dead")

    async def both() -> None:
        await on_each([dead(), wrong()])

    with pytest.raises(KeyError):
        asyncio.run(both())
