"""Recorded answers: each check has some that turn it red and some that leave it green."""

import re
from pathlib import Path

import pytest
from tests import support

from hardway.checks.ask import Case
from hardway.checks.run import findings
from hardway.model.checks import Answer, Check, Occasion, Subject
from hardway.model.cluster import Cluster
from hardway.model.resources import Severity, Verdict
from hardway.providers.hosts import checks as preflight

FOLDER = Path(__file__).parent.parent / "answers"
FILES = sorted(FOLDER.glob("*/*.txt"))
CHECKS = {check.name: check for check in (*support.CHECKS, *preflight.CHECKS)}
FLAGS = "<FLAGS>"
VERDICTS = {"green": None, "red": Verdict.WRONG, "warn": Verdict.WRONG, "unknown": Verdict.UNKNOWN}
"""Of those of a file's findings that do not hold, by how the file's name begins."""


def cluster(check: Check, name: str) -> Cluster:
    """Return a topology by its name; of preflight the kind of endpoint is enough."""
    if check.when is Occasion.BEFORE:
        return support.hosts(name or "proxy")
    return support.topology(name or "3+3")


def read(file: Path, check: Check) -> tuple[Subject, Answer]:
    """Return what a file says (tests/answers/README.md)."""
    head = {}
    text = file.read_text()
    while text.startswith("# "):
        line, _, text = text.partition("\n")
        key, _, value = line.removeprefix("# ").partition(": ")
        head[key] = value
    if FLAGS in text:
        unit = re.findall("^Id=(.*)$", text, re.MULTILINE)[0]
        text = text.replace(FLAGS, _flags(check, unit, head.get("instead", "")))
    own, *others = text.split("== ")
    subjects = check.scope.subjects(cluster(check, head.get("cluster", "")))
    subject = next(s for s in subjects if head.get("about", s.name) == s.name)
    elsewhere = {name: said for name, _, said in (other.partition("\n") for other in others)}
    if others and subject.name not in elsewhere and subject.kind != "cluster":
        elsewhere = {subject.name: own, **elsewhere}
    words = dict(word.split("=", 1) for word in head.get("words", "").split())
    fakes = {name: name.lower() for name in ("NAMESPACE", "POD", "POD_IP", "PEER_IP",
             "SERVICE_IP", "NODE_PORT")}  # fmt: skip
    topology = head.get("cluster", "3+3")
    about = subject.name
    subject = Subject(subject.kind, about, subject.cluster, {**fakes, **words},
                      given=lambda: support.given_files(topology)[about])  # fmt: skip
    return subject, Answer(own, int(head.get("status", 0)), elsewhere=elsewhere)


def _flags(check: Check, unit: str, instead: str) -> str:
    """Return the flags that a process is wanted to have, with some in the place of others."""
    role = next(iter(check.scope.roles))
    wanted = support.flags(unit, role)
    old, *new = instead.split() or [wanted[0], wanted[0]]
    assert old in wanted
    return "\t".join(flag for own in wanted for flag in (new if own == old else [own]))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_what_a_check_makes_of_an_answer(file: Path) -> None:
    check = CHECKS[file.parent.name]
    subject, answer = read(file, check)
    amiss = [f for f in findings(Case(check, subject), answer) if not f.ok]
    kind = file.stem.split("-")[0]
    assert {f.verdict for f in amiss} == {VERDICTS[kind]} - {None}, amiss
    if VERDICTS[kind] is Verdict.WRONG:
        worst = Severity.WARN if kind == "warn" else check.severity
        assert worst in {f.severity for f in amiss} <= {worst, Severity.WARN}
        assert all(f.found != f.expected for f in amiss)


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_has_an_answer_of_each_kind(name: str) -> None:
    kinds = {file.stem.split("-")[0] for file in (FOLDER / name).glob("*.txt")}
    assert "green" in kinds
    assert kinds & {"red", "warn"}


def test_no_answer_is_of_a_check_that_is_gone() -> None:
    assert {file.parent.name for file in FILES} <= CHECKS.keys()
