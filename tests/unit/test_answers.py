"""Recorded answers: each check has some that turn it red and some that leave it green."""

from pathlib import Path

import pytest
from tests import support

from hardway.checks.ask import Case
from hardway.checks.run import findings
from hardway.model.checks import Answer, Check, Subject
from hardway.steps import STEPS

FOLDER = Path(__file__).parent.parent / "answers"
FILES = sorted(FOLDER.glob("*/*.txt"))
CHECKS = {
    check.name: check
    for step in STEPS
    for check in (*step.checks, *(step.trial.checks if step.trial else ()))
}
VERDICTS = {"green": "holds", "red": "wrong", "unknown": "unknown"}


def read(file: Path, check: Check) -> tuple[Subject, Answer]:
    """Return what a file says (tests/answers/README.md)."""
    head = {}
    text = file.read_text()
    while text.startswith("# "):
        line, _, text = text.partition("\n")
        key, _, value = line.removeprefix("# ").partition(": ")
        head[key] = value
    own, *others = text.split("== ")
    subjects = check.scope.subjects(support.topology(head.get("cluster", "3+3")))
    subject = next(s for s in subjects if head.get("about", s.name) == s.name)
    elsewhere = {name: said for name, _, said in (other.partition("\n") for other in others)}
    if others and subject.name not in elsewhere and subject.kind != "cluster":
        elsewhere = {subject.name: own, **elsewhere}
    words = dict(word.split("=", 1) for word in head.get("words", "").split())
    fakes = {name: name.lower() for name in ("NAMESPACE", "POD", "POD_IP", "PEER_IP",
             "SERVICE_IP", "NODE_PORT")}  # fmt: skip
    subject = Subject(subject.kind, subject.name, subject.cluster, {**fakes, **words})
    return subject, Answer(own, int(head.get("status", 0)), elsewhere=elsewhere)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_what_a_check_makes_of_an_answer(file: Path) -> None:
    check = CHECKS[file.parent.name]
    subject, answer = read(file, check)
    (found,) = findings(Case(check, subject), answer)
    assert found.verdict == VERDICTS[file.stem.split("-")[0]], (found.expected, found.found)
    assert found.ok == (found.verdict == "holds")


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("kind", ["green", "red"])
def test_each_check_has_an_answer_of_each_kind(name: str, kind: str) -> None:
    assert list((FOLDER / name).glob(f"{kind}*.txt"))


def test_no_answer_is_of_a_check_that_is_gone() -> None:
    assert {file.parent.name for file in FILES} <= CHECKS.keys()
