"""A pytest plugin that notes which tests depend on which expressions, and how long each test took.

A value that is kept (by a cache, by a fixture) is made once, during the test that happens to need
it first. What was evaluated to make it is noted for each test that uses it.
"""

import functools
import importlib
import json
import os
import pkgutil
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TOOK: Counter[str] = Counter()
NOTED: set[tuple[int, str]] = set()
MAKING: list[set[int]] = []
"""What was evaluated so far for each value that is being made; the innermost is last."""
OURS = ("hardway", "test")
"""How modules of hardway and of its tests begin."""
FOR_FIXTURE: defaultdict[object, set[int]] = defaultdict(set)


def seen(number: int) -> None:
    """Note that an expression was evaluated, for the present test; for all while there is none."""
    for numbers in MAKING:
        numbers.add(number)
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    if "MUTANTS_SEEN" in os.environ and (number, test) not in NOTED:
        NOTED.add((number, test))
        with Path(os.environ["MUTANTS_SEEN"]).open("a") as file:
            file.write(f"{number}\t{test}\n")


def seen_again(numbers: Collection[int]) -> None:
    for number in tuple(numbers):
        seen(number)


@contextmanager
def making(numbers: set[int]) -> Iterator[None]:
    MAKING.append(numbers)
    try:
        yield
    finally:
        MAKING.pop()


def noting(cache: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cache of functools that notes, for whoever uses a value, what it depends on."""

    def noting_cache(function: Callable[..., Any]) -> Callable[..., Any]:
        if not function.__module__.startswith(OURS):
            return cache(function)
        kept, needed = cache(function), defaultdict[object, set[int]](set)

        @functools.wraps(kept)
        def call(*args: Any, **named: Any) -> Any:
            numbers = needed[args, tuple(named.items())]
            seen_again(numbers)
            with making(numbers):
                return kept(*args, **named)

        call.__dict__.update(cache_clear=kept.cache_clear, cache_info=kept.cache_info)
        return call

    return noting_cache


class NotingProperty(functools.cached_property[Any]):
    """A cached property that notes, for whoever reads it, what it depends on."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        numbers: set[int] = instance.__dict__.setdefault(f"{self.attrname} needed", set())
        seen_again(numbers)
        with making(numbers):
            return super().__get__(instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        """Without this, reads of a value that is there already would pass the property over."""
        instance.__dict__[self.attrname] = value


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Note also what passes through caches, and load what tables are made of before any test."""
    lru_cache = functools.lru_cache

    def noting_lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
        if callable(maxsize):
            return noting(lru_cache)(maxsize)
        return noting(lru_cache(maxsize, typed))

    functools.cache, functools.lru_cache = noting(functools.cache), noting_lru_cache
    for_others, functools.cached_property = functools.cached_property, NotingProperty
    package = importlib.import_module("hardway")
    for module in pkgutil.walk_packages(package.__path__, "hardway."):
        importlib.import_module(module.name)
    importlib.import_module("tests.fakes.machine")
    # pydantic, loaded by a test, takes properties of another class for fields of a model.
    functools.cached_property = for_others


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Generator[None, object, object]:
    with making(FOR_FIXTURE[fixturedef]):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: Any) -> None:
    for fixtures in item._fixtureinfo.name2fixturedefs.values():
        for fixture in fixtures:
            seen_again(FOR_FIXTURE[fixture])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TOOK[report.nodeid] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        Path(os.environ["MUTANTS_TOOK"]).write_text(json.dumps(TOOK))
