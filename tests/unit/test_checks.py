"""Checks are rows: each can be asked, judged and looked at by hand in every topology."""

import asyncio
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

import pytest
from tests import support
from tests.fakes.answers import Answering

from hardway.checks import ask, run, script
from hardway.checks.live import Live
from hardway.engine.verify import check_all, settle, settle_all
from hardway.errors import CommandError, StepError
from hardway.model.checks import (
    CLUSTER,
    CONTROL_PLANES,
    HOLE,
    MACHINES,
    NODES,
    Check,
    Kubectl,
    Occasion,
    Sh,
    Where,
    every,
    judged,
    says,
)
from hardway.model.resources import Finding, Severity, Verdict
from hardway.providers.hosts import checks as preflight
from hardway.steps import machine_checks
from hardway.steps.base import Step, status_of
from hardway.tools import kubectl as tool

OF = support.topology("3+3")
NAMES = [m.name for m in OF.machines]
NO_API = cast(tool.Kubectl, None)
ROWS = (*support.CHECKS, *preflight.CHECKS)
WORDS = {name: name.lower() for name in
         ("NAMESPACE", "POD", "POD_IP", "PEER_IP", "SERVICE_IP", "NODE_PORT")}  # fmt: skip
"""What a trial adds for its own questions; no command for people may need it."""
PROGRAMS = {"hardway", "curl"}


def test_names_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names)) > 30


def test_the_table_in_the_docs_has_each_check_of_a_living_cluster() -> None:
    text = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    named = re.findall(r"`([a-z0-9-]+)`", text.partition("## What is checked")[2])
    assert {row.name for row in support.CHECKS} == set(named)


def test_no_text_that_is_rendered_looks_as_if_it_were_not_filled_in() -> None:
    folder = Path(__file__).parents[1] / "golden" / "3+3"
    texts = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".sh"]
    assert len(texts) > 30
    for file in texts:
        assert not re.findall(machine_checks.UNFILLED, file.read_text()), file


@pytest.mark.parametrize(
    "text",
    ["server: https://:6443", "--bind-address=${INTERNAL_IP}", "podCIDR: $POD_CIDR", "  server: ",
     "--etcd-servers= \\\\", 'client-key: ""', "address: <NODE_IP>", "{{ range }}"],
)  # fmt: skip
def test_a_text_that_was_not_filled_in_is_seen_by_grep_too(text: str) -> None:
    words = ["grep", "-noE", machine_checks.UNFILLED]
    seen = subprocess.run(words, input=text, text=True, capture_output=True, check=False)
    assert seen.stdout, text
    assert re.search(machine_checks.UNFILLED, text)


def test_causes_are_checks_and_none_is_its_own() -> None:
    causes = {row.name: (*row.causes, *row.anywhere) for row in ROWS}
    assert {name for own in causes.values() for name in own} <= causes.keys()
    graph = TopologicalSorter(causes)
    assert set(graph.static_order()) == causes.keys()


def test_a_failed_unit_follows_from_the_check_of_that_unit() -> None:
    runs = {row.name for row in ROWS if row.name.endswith("-runs")}
    assert runs == set(next(row for row in ROWS if row.name == "no-unit-failed").causes)


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_hole_is_filled_and_what_people_see_can_be_run(name: str) -> None:
    of = support.topology(name)
    for check in ROWS:
        for subject in check.scope.subjects(of):
            see = subject.fill(check.see, check.words(subject))
            assert not HOLE.search(see), see
            assert see.split()[0] in PROGRAMS, see
            assert "\n" not in see
            test = replace(subject, words=WORDS).fill(check.test, check.words(subject))
            assert not HOLE.search(test), test
            case = ask.Case(check, replace(subject, words=WORDS))
            assert not HOLE.search(repr(case.ask)), case.ask


@pytest.mark.parametrize("check", ROWS, ids=lambda row: row.name)
def test_each_row_says_why_and_its_shell_is_one(check: Check) -> None:
    assert len(check.why) > 10
    if isinstance(check.ask, Sh):
        text = HOLE.sub("word", check.ask.text)
        done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.stderr == ""
    words = re.sub(HOLE, "word", check.see)
    done = subprocess.run(["sh", "-n"], input=words, text=True, capture_output=True, check=False)
    assert done.stderr == ""
    words = re.sub(HOLE, "word", check.test)
    done = subprocess.run(["sh", "-n"], input=words, text=True, capture_output=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("check", ROWS, ids=lambda row: row.name)
def test_no_question_goes_by_a_proxy_that_the_login_is_told_of(check: Check) -> None:
    """A pam_env of the host may have one; what checks ask is the cluster's own."""
    if isinstance(check.ask, Sh):
        asked = re.findall(r"\bcurl -.*", check.ask.text)
        assert all("--noproxy" in line for line in asked), asked


def said(questions: Sequence[Sh]) -> list[object]:
    """Ask this host's bash, as a machine is asked."""
    text = script.script(questions, "mark")
    done = subprocess.run(["bash", "-s"], input=text, text=True, capture_output=True, check=False)
    assert done.stderr == ""
    return [(a.text, a.status, a.silence) for a in script.parse(done.stdout, questions, "mark")]


def test_a_few_questions_are_asked_at_once_and_no_more(tmp_path: Path) -> None:
    count = f"touch {tmp_path}/$$; ls {tmp_path} | wc -l; sleep 0.2; rm {tmp_path}/$$"
    answers = said([Sh(count)] * 4 * script.AT_ONCE)
    asked = [int(str(text)) for text, _, _ in answers]  # type: ignore[misc]
    assert 1 < max(asked) <= script.AT_ONCE


def test_there_is_time_for_questions_that_all_hang() -> None:
    hang = Sh("sleep 60", timeout_s=1)
    questions = [hang] * 2 * script.AT_ONCE
    assert said(questions) == [("", 0, "no answer in 1 s")] * len(questions)
    assert script.limit_s(questions) - script.MARGIN_S >= 2


def test_the_script_keeps_answers_apart() -> None:
    slow = Sh("sleep 1; echo late")
    questions = [slow, slow, Sh("echo 'a b'; echo \"$0 it's\" >&2; exit 3"), Sh("true"),
                 Sh("seq 30000"), Sh("cat")]  # fmt: skip
    assert said(questions) == [
        ("late\n", 0, ""), ("late\n", 0, ""), ("a b\nsh it's\n", 3, ""), ("", 0, ""),
        ("".join(f"{n}\n" for n in range(1, 30001)), 0, ""), ("", 0, ""),
    ]  # fmt: skip


def test_a_question_that_hangs_is_silence_and_holds_up_no_other() -> None:
    assert said([Sh("sleep 60", timeout_s=1), Sh("echo here")]) == [
        ("", 0, "no answer in 1 s"), ("here\n", 0, ""),
    ]  # fmt: skip


def test_a_question_that_hangs_is_ended_with_all_that_it_started() -> None:
    asked = f"sleep 60.{os.getpid()} | cat; echo never"
    assert said([Sh(asked, timeout_s=1)]) == [("", 0, "no answer in 1 s")]
    running = subprocess.run(["pgrep", "-f", f"^sleep 60.{os.getpid()}$"], check=False)
    assert running.returncode == 1


class Statuses(BaseHTTPRequestHandler):
    """Answers GET /404 with 404, and with a body of some lines."""

    def do_GET(self) -> None:
        body = b"1 999\nnot found\n"
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Statuses) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_servers_are_asked_for_their_statuses_at_once_beside_other_questions(port: int) -> None:
    at = f"http://127.0.0.1:{port}"
    nobody = status_of("http://127.0.0.1:1/")
    ok, lost = status_of(f"{at}/200"), status_of(f"{at}/404")
    (refused, _, _), *answers = said([nobody, Sh("echo a"), ok, lost, Sh("echo b")])  # type: ignore[misc]
    assert str(refused).startswith("000 Failed to connect to 127.0.0.1 port 1 ")
    assert answers == [("a\n", 0, ""), ("200 ", 0, ""), ("404 ", 0, ""), ("b\n", 0, "")]


def test_an_output_that_was_cut_leaves_the_rest_silent() -> None:
    questions = [Sh("one"), Sh("two")]
    (one, two) = script.parse("1\n\nmark 0\n2", questions, "mark")
    assert (one.text, two.silence) == ("1\n", "the machine broke off before this answer")


def test_a_port_that_refuses_was_reached_as_well_as_one_that_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        open_, closed = (f"127.0.0.1:{s.getsockname()[1]}" for s in (listening, bound))
        question = machine_checks.REACHED.text.replace("<TARGETS>", f"{closed} {open_}")
        ((text, status, silence),) = said([Sh(question)])  # type: ignore[misc]
    assert sorted(str(text).splitlines()) == sorted([f"{closed} refused", f"{open_} open"])
    assert (status, silence) == (0, "")


def row(name: str, text: str, **other: object) -> Check:
    return replace(
        Check(
            name=name,
            step="s",
            scope=MACHINES,
            ask=Sh(text),
            judge=says("yes"),
            why="w",
            see="see <MACHINE>",
            again_s=0,
        ),
        **other,  # type: ignore[arg-type]
    )


def live(**machines: Answering) -> Live:
    there = {n: Answering(n, lambda _: "yes") for n in NAMES}
    return Live(OF, {**there, **machines}, NO_API, NO_API)


def test_one_round_trip_a_machine_and_each_question_once() -> None:
    at = live()
    steps = [Step(name=n, title="", why="", checks=(row(n, "q", step=n), row(n + "2", "q", step=n)))
             for n in "ab"]  # fmt: skip
    found = asyncio.run(check_all(steps, at))
    assert [len(own) for own in found] == [12, 12]
    assert {m.round_trips for m in at.fleet.values()} == {1}  # type: ignore[attr-defined]


def test_what_a_machine_answers_wrongly_is_asked_once_more() -> None:
    busy, broken = iter(["no", "yes"]), iter(["no", "no"])
    at = live(
        **{
            "worker-0": Answering("worker-0", lambda q: next(busy) if q == "q" else "yes"),
            "worker-1": Answering("worker-1", lambda q: next(broken) if q == "q" else "yes"),
        }
    )
    step = Step(name="s", title="", why="", checks=(row("c", "q"), row("d", "r")))
    (found,) = asyncio.run(check_all([step], at, again=True))
    assert [(f.check, f.machine) for f in found if not f.ok] == [("c", "worker-1")]
    assert len(found) == 12


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        # One that answered something may have been late with the rest.
        ({"busy": ["no", "yes"], "behind": ["", "yes"], "late": ["", "yes"]}, []),
        ({"busy": ["yes"], "behind": ["yes"], "late": ["", ""]}, ["late"]),
        # One that says nothing at all has been waited for.
        ({"busy": [""], "behind": [""], "late": [""]}, ["busy", "behind", "late"]),
    ],
)
def test_the_api_is_asked_once_more_unless_it_says_nothing_at_all(
    said: dict[str, list[str]], wrong: list[str]
) -> None:
    answers = {name: iter(each) for name, each in said.items()}

    class Api:
        async def run(self, *words: str, timeout_s: float) -> str:
            if text := next(answers[words[0]]):
                return text
            raise CommandError("here", ["kubectl"], script.TOOK_TOO_LONG, "took too long")

    api = cast(tool.Kubectl, Api())
    at = replace(live(), kubectl=api, admin=api)
    rows = [replace(row(name, ""), ask=Kubectl((name,)), scope=CLUSTER, causes=causes, see="see")
            for name, causes in (("busy", ()), ("behind", ("busy",)), ("late", ()))]  # fmt: skip
    (found,) = asyncio.run(
        check_all([Step(name="s", title="", why="", checks=tuple(rows))], at, again=True)
    )
    assert [f.check for f in found if not f.ok] == wrong
    assert not [name for name, left in answers.items() if next(left, "")]


@pytest.mark.parametrize(
    ("said", "asked"), [("unexpected EOF", 2), ("dial tcp: connection refused", 1)]
)
def test_a_connection_to_the_api_that_was_cut_is_made_once_more(
    said: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardway.checks.api.AGAIN_S", 0)
    answers = [CommandError("this host", ["kubectl"], 1, said), "yes"]

    class Api:
        async def run(self, *_words: str, timeout_s: float) -> str:
            assert timeout_s
            answer = answers.pop(0)
            if isinstance(answer, CommandError):
                raise answer
            return str(answer)

    at = replace(live(), kubectl=cast(tool.Kubectl, Api()))
    check = row("api", "", scope=CLUSTER, ask=Kubectl(("get",)), see="see")
    (found,) = asyncio.run(run.look(run.cases([check], at), at))
    assert (found.ok, 2 - len(answers)) == (asked == 2, asked)


LISTS = ("nodes", "services,networkpolicies")
ALL = "nodes,services,networkpolicies"
REFUSED = "Error from server (Forbidden): networkpolicies"
OBJECTS = json.dumps({"kind": "List", "items": [{"kind": kind} for kind in (
    "Service", "Node", "NetworkPolicy", "Node")]})  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "kinds"),
    [
        ({ALL: OBJECTS}, [["Node", "Node"], ["Service", "NetworkPolicy"]]),
        ({ALL: REFUSED, "nodes": OBJECTS, LISTS[1]: REFUSED},
         [["Service", "Node", "NetworkPolicy", "Node"], REFUSED]),
        ({ALL: "dial tcp: connection refused"}, ["dial tcp: connection refused"] * 2),
    ],
    ids=["together", "one-that-is-refused", "nobody"],
)  # fmt: skip
def test_one_kubectl_lists_all_objects_that_checks_ask_for(
    answers: dict[str, str], kinds: list[list[str] | str]
) -> None:
    left = dict(answers)

    class Api:
        async def run(self, verb: str, types: str, *_words: str, timeout_s: float) -> str:
            assert timeout_s
            said = left.pop(types)
            if said.startswith("{"):
                return said
            raise CommandError("this host", ["kubectl", verb], 1, said)

    at = replace(live(), kubectl=cast(tool.Kubectl, Api()))
    rows = [
        row(str(n), "", scope=CLUSTER, ask=every(types), see="see") for n, types in enumerate(LISTS)
    ]
    said = asyncio.run(ask.ask(run.cases(rows, at), at))
    assert [a.silence or (a.text if a.status else [o["kind"] for o in json.loads(a.text)["items"]])
            for a in said] == kinds  # fmt: skip
    assert not left


def test_a_command_that_failed_in_a_pod_is_judged_by_its_own_last_words() -> None:
    words = "dial tcp: lookup probe on 10.32.0.10:53: no such host"

    class Api:
        async def run(self, *_words: str, timeout_s: float) -> str:
            assert timeout_s
            said = f"{words}\ncommand terminated with exit code 1"
            raise CommandError("this host", ["kubectl"], 1, said)

    at = replace(live(), kubectl=cast(tool.Kubectl, Api()))
    check = row("name", "", scope=CLUSTER, ask=Kubectl(("exec",)), judge=says("yes"), see="see")
    (found,) = asyncio.run(run.look(run.cases([check], at), at))
    assert (found.verdict, found.found) == (Verdict.WRONG, words)


def test_one_machines_broken_connection_is_its_finding_alone() -> None:
    at = live(**{"worker-1": Answering("worker-1", str, breaks=True)})
    found = asyncio.run(run.look(run.cases([row("c", "q")], at), at))
    assert [(f.machine, f.verdict, f.found) for f in found if not f.ok] == [
        ("worker-1", Verdict.UNKNOWN, "the connection broke")
    ]
    assert [f.see for f in found] == [f"see {name}" for name in NAMES]


def test_evidence_is_kept_and_cut() -> None:
    at = live(**{"worker-0": Answering("worker-0", lambda _: "x" * 5000)})
    found = asyncio.run(run.look(run.cases([row("c", "q <MACHINE>")], at), at))
    wrong = next(f for f in found if not f.ok)
    assert (wrong.asked, wrong.subject) == ("q worker-0", "machine/worker-0")
    assert len(wrong.answer) < 1000


def test_an_answer_that_cannot_be_read_tells_nothing() -> None:
    def judge(_s: object, _a: object) -> tuple[object, ...]:
        raise ValueError

    at = live()
    (found, *_) = asyncio.run(run.look(run.cases([row("c", "q", judge=judge)], at), at))
    assert (found.verdict, found.found) == (
        Verdict.UNKNOWN,
        "an answer that cannot be read (ValueError()): yes",
    )


def test_what_holds_is_not_asked_again() -> None:
    answers = iter(["no", "no", "yes"])
    slow = Answering("worker-0", lambda q: next(answers) if q == "slow" else "yes")
    at = live(**{"worker-0": slow})
    step = Step(name="s", title="", why="", checks=(row("fast", "fast"), row("slow", "slow")),
                settles_s=5)  # fmt: skip
    asked: list[str] = []
    there = at.fleet["controller-0"]
    there.answer = lambda q: asked.append(q) or "yes"  # type: ignore[attr-defined,func-returns-value]
    assert all(f.ok for f in asyncio.run(settle(step, at)))
    assert asked == ["fast", "slow", "slow", "slow"]


def test_what_follows_from_another_check_is_not_asked_before_that_holds() -> None:
    answers = iter(["no", "no", "yes"])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        caused = question == "effect" and asked.count("cause") < 3
        return next(answers) if question == "cause" else "no" if caused else "yes"

    at = live(**{"worker-0": Answering("worker-0", answer)})
    rows = (row("effect", "effect", causes=("cause",)), row("cause", "cause"))
    step = Step(name="s", title="", why="", checks=rows, settles_s=5)
    assert all(f.ok for f in asyncio.run(settle(step, at)))
    assert asked == ["effect", "cause", "cause", "cause", "effect"]


def test_what_held_at_first_is_named_where_it_is_why_the_rest_does_not() -> None:
    answers = iter(["yes", "no"])
    at = live(**{"worker-0": Answering("worker-0", lambda q: next(answers) if q == "c" else "no")})
    step = Step(name="s", title="", why="", checks=(row("cause", "c"), row("effect", "e")),
                settles_s=0)  # fmt: skip
    with pytest.raises(StepError, match=r"worker-0: cause, effect: expected yes, found no "):
        asyncio.run(settle(step, at))


def test_each_check_is_made_on_its_occasion() -> None:
    rows = {
        o: row(o.name, o.name, when=o) for o in (Occasion.ASKED, Occasion.CHANGED, Occasion.ALWAYS)
    }
    step = Step(name="s", title="", why="", checks=tuple(rows.values()))
    assert step.checked is Occasion.ALWAYS
    assert (
        Step(name="s", title="", why="", checks=(rows[Occasion.ASKED],)).checked is Occasion.ASKED
    )

    def made(findings: Sequence[Finding]) -> set[str]:
        return {f.check for f in findings}

    assert made(asyncio.run(settle_all([step], live()))) == {"ALWAYS"}
    assert made(asyncio.run(settle(step, live()))) == {"ALWAYS", "CHANGED"}
    assert made(asyncio.run(check_all([step], live()))[0]) == {"ALWAYS", "CHANGED", "ASKED"}


def test_what_holds_at_a_second_look_is_what_is_found() -> None:
    busy = iter(["no", "yes"])
    at = live(**{"worker-0": Answering("worker-0", lambda q: next(busy) if q == "b" else "yes")})
    steps = [Step(name=n, title="", why="", checks=(row(n, n, step=n, when=Occasion.ALWAYS),))
             for n in "ab"]  # fmt: skip
    found = asyncio.run(settle_all(steps, at))
    assert [f.check for f in found] == ["a"] * 6 + ["b"] * 6
    assert all(f.ok for f in found)
    assert next(busy, "") == ""


def test_a_warning_is_waited_for_by_nobody() -> None:
    at = live(**{"worker-0": Answering("worker-0", lambda _: "no")})
    step = Step(name="s", title="", why="", checks=(row("c", "q", severity=Severity.WARN),))
    found = asyncio.run(settle(step, at))
    assert [f.machine for f in found if not f.ok] == ["worker-0"]
    assert not any(f.fails or f.open for f in found)


def test_all_broken_steps_are_named_with_the_last_words_of_units_that_do_not_run() -> None:
    crashes = support.recorded("etcd-runs", "red-crashes")

    def answer(question: str) -> str:
        return crashes if "journalctl" in question else "no"

    at = live(**{"controller-0": Answering("controller-0", answer)})
    steps = [Step(name=n, title="", why="", checks=(row(n, "q", step=n),), settles_s=0)
             for n in "ab"]  # fmt: skip
    with pytest.raises(StepError, match="discovery failed: open /etc/etcd/pki") as raised:
        asyncio.run(settle_all(steps, at))
    assert raised.value.step == "a b"
    assert "a: expected yes, found no" in str(raised.value)
    assert "b: expected yes, found no" in str(raised.value)


def test_what_the_api_says_of_a_silent_machines_node_is_unknown() -> None:
    at = live()
    gone = Live(OF, {n: m for n, m in at.fleet.items() if n != "worker-1"}, NO_API, NO_API)
    check = row("node", "q", scope=NODES, ask=Sh("q", Where.CONTROL_PLANE), judge=says("no"))
    found = asyncio.run(check_all([Step(name="s", title="", why="", checks=(check,))], gone))[0]
    assert {f.machine: str(f.verdict) for f in found} == {
        "worker-0": "wrong", "worker-1": "unknown", "worker-2": "wrong",
    }  # fmt: skip


def test_without_any_machine_the_api_is_not_asked() -> None:
    gone = Live(OF, {}, NO_API, NO_API)
    check = row("api", "", scope=CLUSTER, ask=Kubectl(("get",)), see="see")
    (found,) = asyncio.run(run.look(run.cases([check], gone), gone))
    assert (found.verdict, found.found) == (Verdict.UNKNOWN, "no machine answers")


def test_questions_to_every_control_plane_are_judged_together() -> None:
    at = live()
    check = row("all", "q", scope=CLUSTER, ask=Sh("q", Where.CONTROL_PLANES), see="see",
                judge=lambda _, a: judged("3", str(len(a.elsewhere))))  # fmt: skip
    (found,) = asyncio.run(run.look(run.cases([check], at), at))
    assert found.ok
    alone = Live(support.topology("1+1"), at.fleet, NO_API, NO_API)
    named = replace(check, judge=lambda _, a: judged("controller-0", ", ".join(a.elsewhere)))
    (found,) = asyncio.run(run.look(run.cases([named], alone), alone))
    assert found.ok
    each = replace(check, scope=CONTROL_PLANES, ask=Sh("q"))
    assert all(f.ok for f in asyncio.run(run.look(run.cases([each], at), at)))
