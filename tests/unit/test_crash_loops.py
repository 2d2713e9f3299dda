"""Units that end again and again are not waited for."""

import asyncio
import re
from itertools import count

import pytest
from tests import support
from tests.fakes.answers import Answering
from tests.unit.test_checks import live, row

from hardway.checks import crash_loops
from hardway.checks.crash_loops import Key, Loop, followed
from hardway.engine.verify import settle
from hardway.errors import StepError
from hardway.steps.base import Step
from hardway.steps.processes import Seen

KEY: Key = ("worker-0", "kubelet.service")


def looked_at(*looks: tuple[int, str]) -> bool:
    """Return whether a unit is given up, seen with these restarts and last words in turn."""
    loops: dict[Key, Loop] = {}
    for restarts, said in looks:
        seen = Seen({"NRestarts": str(restarts)}, (), "", (), said, 1)
        loops = followed(loops, {KEY: seen})
    return loops[KEY].hopeless


@pytest.mark.parametrize(
    ("looks", "hopeless"),
    [
        ([(3, "no such flag"), (6, "no such flag"), (9, "no such flag")], True),
        ([(3, "no such flag"), (6, ""), (9, "")], True),
        ([(3, ""), (6, "no such flag"), (9, "no such flag")], True),
        ([(3, "no such flag"), (6, "no such flag")], False),
        ([(3, "refused"), (6, "refused"), (7, "refused")], False),
        ([(3, "one"), (6, "another"), (9, "a third")], False),
        ([(3, ""), (6, ""), (9, "")], False),
        ([(9, "then"), (9, "then"), (9, "then")], False),
        ([(9, "by hand"), (0, "by hand"), (3, "by hand")], False),
    ],
    ids=["said each time", "caught running", "said later", "twice only", "lives longer", "varies",
         "says nothing", "rests", "started anew"],
)  # fmt: skip
def test_given_up_is_what_ends_often_with_the_same_words(
    looks: list[tuple[int, str]], hopeless: bool
) -> None:
    assert looked_at(*looks) is hopeless


def crashing(unit: str) -> Answering:
    """Return a machine where nothing holds, and a unit ends three times between two looks."""
    crashes, restarts = support.recorded("etcd-runs", "red-crashes"), count(20, 3)

    def answer(question: str) -> str:
        if "journalctl" not in question:
            return "no"
        named = crashes.replace("etcd.service", unit)
        return re.sub(r"NRestarts=\d+", f"NRestarts={next(restarts)}", named)

    return Answering("controller-0", answer)


@pytest.mark.parametrize(("unit", "given_up"), [("etcd.service", True), (
    "hardway-probe.service", False)])  # fmt: skip
def test_a_step_that_waits_for_it_ends_early(
    monkeypatch: pytest.MonkeyPatch, unit: str, given_up: bool
) -> None:
    monkeypatch.setattr(crash_loops, "LOOK_S", 0.01)
    waits_s = 600 if given_up else 1
    step = Step(name="s", title="", why="", checks=(row("c", "q"),), settles_s=waits_s)
    at = live(**{"controller-0": crashing(unit)})
    waiting = asyncio.wait_for(settle(step, at), 60)
    with pytest.raises(StepError, match=r"started again \d+ times; it said last") as raised:
        asyncio.run(waiting)
    assert f"{unit} is activating" in str(raised.value)
