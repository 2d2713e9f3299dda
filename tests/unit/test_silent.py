"""Machines that do not answer: who goes on without them, and what is said of them."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from tests import support
from tests.fakes.answers import Answering

from hardway import pipeline
from hardway.checks.live import Live
from hardway.cli.build import up
from hardway.engine.render import render
from hardway.engine.verify import settle, wrong
from hardway.errors import ConnectError, StepError, UnknownError
from hardway.model.checks import CLUSTER as WHOLE
from hardway.model.checks import MACHINES, Check, Scope, Sh, Where, judged, says
from hardway.model.cluster import quorum
from hardway.model.resources import Verdict
from hardway.providers.admission import fit, silent
from hardway.report import Event, Happened
from hardway.steps.base import Step
from hardway.steps.index import STEPS
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Reached

CLUSTER = support.topology("3+3")
NAMES = [m.name for m in CLUSTER.machines]
NO_API = cast(Kubectl, None)
ANSWERS = Check(
    name="answers", step="s", scope=MACHINES, ask=Sh("say yes"), judge=says("yes"), why="", see=""
)


def without(*silent: str) -> Reached:
    """Return a fleet in which some machines do not answer."""
    there = {n: Answering(n, lambda _: "yes") for n in NAMES if n not in silent}
    return Reached(
        there, {n: ConnectError("no route", where=n, hint=f"look at {n}") for n in silent}
    )


@pytest.mark.parametrize(
    "gone",
    [["worker-0"], ["worker-0", "worker-1", "worker-2"], ["controller-1"], NAMES[2:]],
)
def test_later_up_goes_on_and_names_who_was_left_out(gone: list[str]) -> None:
    told: list[Event] = []
    fit(CLUSTER, without(*gone), [], told.append, first=False)
    assert [(e.happened, e.machine) for e in told] == [(Happened.WARNED, name) for name in gone]
    assert told[0].text == f"left out: {gone[0]}: no route"


def test_the_first_up_needs_every_machine() -> None:
    with pytest.raises(ConnectError, match="worker-2: no route") as raised:
        fit(CLUSTER, without("worker-2"), [], list[Event]().append, first=True)
    assert raised.value.hint == "look at worker-2"


@pytest.mark.parametrize("gone", [NAMES[:2], NAMES[:3], NAMES])
def test_no_up_without_a_majority_of_control_planes(gone: list[str]) -> None:
    with pytest.raises(ConnectError, match="controller-0: no route\ncontroller-1: no route"):
        fit(CLUSTER, without(*gone), [], list[Event]().append, first=False)


def test_a_majority() -> None:
    assert [quorum(n) for n in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]


def test_a_machine_that_is_absent_without_a_reason_is_silent_too() -> None:
    fleet = Reached({n: t for n, t in without().transports.items() if n != "worker-1"})
    assert [str(e) for e in silent(CLUSTER, fleet).values()] == ["worker-1: no answer"]


def test_nothing_is_rendered_for_a_machine_whose_facts_are_unknown() -> None:
    given = support.given(CLUSTER)
    hosts = {name: facts for name, facts in given.hosts.items() if name != "worker-1"}
    rendered = render(STEPS, replace(given, hosts=hosts))
    assert list(rendered) == [name for name in NAMES if name != "worker-1"]
    assert rendered["worker-0"] == render(STEPS, given)["worker-0"]


def test_what_is_found_on_a_silent_machine_turns_no_step_red() -> None:
    live = Live(CLUSTER, without("worker-1"), NO_API, NO_API)

    step = Step(name="s", title="", why="", checks=(ANSWERS,), settles_s=0)
    findings = asyncio.run(settle(step, live))
    assert [(f.machine, f.verdict, f.found) for f in findings if not f.ok] == [
        ("worker-1", Verdict.UNKNOWN, "no route")
    ]


@pytest.mark.parametrize("scope", [MACHINES, WHOLE])
def test_what_is_wrong_elsewhere_does(scope: Scope) -> None:
    fleet = without("worker-1")
    live = Live(CLUSTER, fleet, NO_API, NO_API)
    check = replace(ANSWERS, scope=scope, ask=Sh("say yes", Where.CONTROL_PLANE), judge=says("no"))
    step = Step(name="s", title="", why="", checks=(check,), settles_s=0)
    name = scope.subjects(CLUSTER)[0].name
    with pytest.raises(StepError, match=name):
        asyncio.run(settle(step, live))


def test_the_endpoint_counts_only_where_it_is_asked_for() -> None:
    """While its new holders start, a former one still has its address."""
    live = Live(CLUSTER, without(), NO_API, NO_API)
    (judgement,) = judged("1 holder", "2 holders")
    found = replace(ANSWERS, scope=WHOLE).finding(WHOLE.subjects(CLUSTER)[0], judgement)
    assert wrong([found], live) == [found]
    assert wrong([found], live, ["controller-1"]) == []
    assert wrong([found], live, ["controller-1", "endpoint"]) == [found]


def test_up_in_json_says_what_it_found_where_some_machines_are_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hardway.yaml").write_text("name: half-silent\n")
    finding = {"check": "etcd-member-healthy", "ok": True}

    async def silent_up(*_args: object, **_words: object) -> None:
        raise UnknownError("nothing is known of worker-0", findings=[finding])

    monkeypatch.setattr(pipeline, "up", silent_up)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(up, ["--output", "json"])
    assert isinstance(done.exception, UnknownError)
    assert json.loads(done.stdout) == {"cluster": "half-silent", "findings": [finding]}
