"""Flips of `make mutants`: what changes in a source, and which expressions are noted."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.mutants import seen
from tests.mutants.flips import PACKAGES, flips, recording

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
    "text('{a}', a=b or c)": [],
}  # fmt: skip


@pytest.mark.parametrize("source", CASES)
def test_each_comparison_and_condition_has_its_opposite(source: str) -> None:
    before = source.encode()
    assert [flip.apply(before).decode() for flip in flips("x.py", before)] == CASES[source]


def test_messages_are_left_alone() -> None:
    assert flips("x.py", b"raise ValueError('x' if y else 'z')") == []


def test_a_place_is_the_operators_line() -> None:
    assert [f.place for f in flips("x.py", b"y = (a\n     == b)")] == ["x.py:2"]


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was noted so far."""
    file = tmp_path / "seen"
    file.touch()
    monkeypatch.setenv("MUTANTS_SEEN", str(file))
    monkeypatch.setattr(seen, "NOTED", set())
    return lambda: sorted(file.read_text().splitlines())


def during(test: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", f"test_x.py::{test} (call)")


def test_what_is_evaluated_is_noted_once_by_test(
    noted: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    during("one", monkeypatch)
    source = b'"""Doc."""\n\nfound = [x for x in range(3) if x > 0 and (y := x) < 9 or x > 7]\n'
    number = dict(enumerate(flips("x.py", source)))
    names: dict[str, object] = {}
    exec(compile(recording(source, number), "x.py", "exec"), names)
    assert names["found"] == [1, 2]
    assert noted() == [f"{n}\ttest_x.py::one" for n in sorted(number)]


def test_what_a_kept_value_needed_is_noted_for_whoever_uses_it(
    noted: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    @seen.noting(functools.cache)
    def inner() -> int:
        seen.seen(1)
        return 1

    class Outer:
        @seen.NotingProperty
        def value(self) -> int:
            seen.seen(2)
            return inner()

    outer = Outer()
    during("one", monkeypatch)
    assert outer.value == 1
    during("two", monkeypatch)
    assert noted() == ["1\ttest_x.py::one", "2\ttest_x.py::one"]
    assert outer.value == 1
    assert noted() == [f"{n}\ttest_x.py::{by}" for n in (1, 2) for by in ("one", "two")]
    during("three", monkeypatch)
    assert inner() == 1
    assert "1\ttest_x.py::three" in noted()
    assert "2\ttest_x.py::three" not in noted()


def test_all_expressions_that_are_flipped_can_be_noted() -> None:
    for path in (file for name in PACKAGES for file in (PACKAGE / name).rglob("*.py")):
        found = flips(str(path), path.read_bytes())
        if found:
            ast.parse(recording(path.read_bytes(), dict(enumerate(found))))
