"""Recorded answers: each check has some that turn it red and some that leave it green."""

from pathlib import Path

import pytest
from tests.recordings import CHECKS, FILES, FOLDER, read

from hardway.checks.ask import Case
from hardway.checks.run import findings
from hardway.model.resources import Severity, Verdict

VERDICTS = {"green": None, "red": Verdict.WRONG, "warn": Verdict.WRONG, "unknown": Verdict.UNKNOWN}
"""Of those of a file's findings that do not hold, by how the file's name begins."""


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_what_a_check_makes_of_an_answer(file: Path) -> None:
    check, subject, answer = read(file)
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
