"""Units and their processes: what is judged of each, whatever hardway.yaml asks for."""

from collections import Counter

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from tests import support

from hardway.model.checks import Answer
from hardway.model.resources import Verdict
from hardway.steps import processes

FLAGS = [row for row in support.CHECKS if row.name.endswith("-flags")]


def started(unit_file: str) -> str:
    """Return what a machine says of a unit that runs as its file says."""
    return "up 9\nargv 5\t" + "".join(f"{word}\t" for word in support.command(unit_file))


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_a_unit_that_runs_as_it_is_rendered_has_the_flags_that_are_wanted(name: str) -> None:
    judged = 0
    for check in FLAGS:
        unit = f"{check.name.removesuffix('-flags')}.service"
        for subject in check.scope.subjects(support.topology(name)):
            files = {f.path: f for f in support.wanted(name)[subject.name].files}
            said = started(files[f"/etc/systemd/system/{unit}"].content.decode())
            head = f"Id={unit}\nMainPID=5\nActiveState=active\nActiveEnterTimestampMonotonic=0\n\n"
            (judgement,) = check.judge(subject, Answer(head + said))
            assert str(judgement.verdict) == "holds", judgement
            judged += 1
    assert judged >= 4


def test_a_unit_that_does_not_run_is_told_with_who_changed_it_and_its_last_words() -> None:
    check = next(row for row in support.CHECKS if row.name == "kube-scheduler-runs")
    subject = check.scope.subjects(support.topology("3+3"))[0]
    answer = Answer(support.recorded(check.name, "red-drop-in-of-others"))
    (judgement,) = check.judge(subject, answer)
    assert judgement.found == (
        "kube-scheduler.service is activating (exit-code), started again 71 times; changed by "
        "/etc/systemd/system/kube-scheduler.service.d/tune.conf; it said last: Error: unknown "
        "flag: --leader-elect-lease"
    )
    assert judgement.said == "Error: unknown flag: --leader-elect-lease"


@pytest.mark.parametrize(
    ("restarts", "for_s", "lasts"), [(0, 1, True), (2, 1, True), (3, 29, False), (3, 30, True)]
)
def test_a_process_that_was_started_again_often_and_lately_does_not_last(
    restarts: int, for_s: int, lasts: bool
) -> None:
    assert processes.lasts(restarts, for_s) is lasts


WORD = st.text("abc-./:,", min_size=1).map(lambda text: "v" + text)
ROWS = st.lists(st.tuples(st.text("abcdef-", min_size=1).map(lambda n: "n" + n), WORD))


@for_any(ROWS, st.randoms())
def test_a_flag_means_the_same_however_it_is_written(rows: list[tuple[str, str]], by) -> None:  # type: ignore[no-untyped-def]
    wanted = sorted(f"--{name}={value}" for name, value in rows)
    by.shuffle(rows)
    words = []
    for name, value in rows:
        dashes = by.choice(["-", "--"])
        words += by.choice([[f"{dashes}{name}={value}"], [f"{dashes}{name}", value]])
    assert sorted(processes.given(["program", *words])) == wanted


def test_a_bare_flag_is_true() -> None:
    assert processes.given(["program", "--one", "--two", "x", "--three"]) == [
        "--one=true", "--two=x", "--three=true",
    ]  # fmt: skip


def test_last_words_are_what_a_program_says_without_what_is_for_programs_only() -> None:
    answer = support.recorded("kube-apiserver-runs", "red-crashes")
    (said,) = processes.stopped(processes.units(answer))
    state, _, words = said.partition("; it said last: ")
    assert state == "kube-apiserver.service is activating (exit-code), started again 17 times"
    assert words == '"command failed" err="unknown flag: --client-ca"'
    assert processes.stopped(processes.units(support.recorded("etcd-runs", "green"))) == []


def test_a_process_that_ended_meanwhile_does_not_hide_the_others() -> None:
    text = support.recorded("etcd-flags", "green")
    ended = text.replace("\nargv ", "\nargv 99\t\n\nargv ", 1)
    assert processes.units(ended)["etcd.service"].argv == (
        processes.units(text)["etcd.service"].argv
    )


def test_an_answer_that_says_nothing_of_units_has_none() -> None:
    for text in ("", "no", "sh: systemctl: not found\n"):
        assert processes.units(text) == {}


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        (["--a=1"], ["--a=2"], ("--a=1", "--a=2")),
        (["--a=1"], ["--a=1", "--b=2"], ("no other flags", "--b=2")),
        (["--a=1", "--b=2"], ["--a=1"], ("--b=2", "no --b")),
    ],
)
def test_of_flags_what_differs_is_said(
    wanted: list[str], found: list[str], said: tuple[str, str]
) -> None:
    (judgement,) = processes._compared(Counter(wanted), Counter(found))
    assert (str(judgement.expected), str(judgement.found)) == said
    assert judgement.verdict is Verdict.WRONG
