"""Flips of `make mutants`: what changes in a source, and which expressions are noted."""

import ast
from pathlib import Path

import pytest
from tests.mutants.flips import flips, recording

PACKAGE = Path(__file__).parents[2] / "src" / "hardway"

CASES = {
    "a == b": ["a != b"],
    "a < b <= c": ["a <= b <= c", "a < b < c"],
    "(a) not in (b)": ["(a) in (b)"],
    "a is not None": ["a is None"],
    "a and b or c": ["a and b and c", "a or b or c"],
    "x if y else z": ["x if not (y) else z"],
    "[x for x in y if not x]": ["[x for x in y if x]"],
    "[x for x in y if not (x or z)]": ["[x for x in y if (x or z)]",
                                       "[x for x in y if not (x and z)]"],
    "f'{a == b}'": [],
}  # fmt: skip


@pytest.mark.parametrize("source", CASES)
def test_each_comparison_and_condition_has_its_opposite(source: str) -> None:
    before = source.encode()
    assert [flip.apply(before).decode() for flip in flips("x.py", before)] == CASES[source]


def test_messages_are_left_alone() -> None:
    assert flips("x.py", b"raise ValueError('x' if y else 'z')") == []


def test_a_place_is_the_operators_line() -> None:
    assert [f.place for f in flips("x.py", b"y = (a\n     == b)")] == ["x.py:2"]


def test_what_is_evaluated_is_noted_once_by_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = b'"""Doc."""\n\nseen = [x for x in range(3) if x > 0 and (y := x) < 9 or x > 7]\n'
    number = dict(enumerate(flips("x.py", source)))
    monkeypatch.setenv("MUTANTS_SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_x.py::test_it (call)")
    names: dict[str, object] = {}
    exec(compile(recording(source, number), "x.py", "exec"), names)
    assert names["seen"] == [1, 2]
    rows = (tmp_path / "seen").read_text().splitlines()
    assert sorted(rows) == [f"{n}\ttest_x.py::test_it (call)" for n in sorted(number)]


def test_all_expressions_of_this_program_can_be_noted() -> None:
    for path in PACKAGE.rglob("*.py"):
        found = flips(str(path), path.read_bytes())
        if found:
            ast.parse(recording(path.read_bytes(), dict(enumerate(found))))
