"""Failures at every single call to AWS: the next `up` converges, and `down` leaves nothing.

A refused call ends a run with an error; a killed run leaves what it had asked for unheard of; a
lost answer makes botocore ask a second time by itself.
"""

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.aws.laws import Laws
from tests.aws.tap import Broken, Fault, Killed, Tap, When
from tests.aws.trial import TIMING, Trial, quick, trial, writing
from tests.aws.wire import Refused

from hardway.errors import HardwayError

FAULTS = {
    "refused": (When.BEFORE, Refused("AsTheTestAsked", "refused", 400), False),
    "killed before": (When.BEFORE, Killed(), True),
    "killed after": (When.AFTER, Killed(), True),
    "answer lost": (When.AFTER, Broken(), False),
}
EACH = pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="once"), pytest.param(True, id="each", marks=pytest.mark.nightly)],
)
"""Whether each call is disturbed in every way, or in one: the first call in one, the next one in
another. All of it takes six minutes."""


@pytest.fixture(autouse=True)
def _quick(tap: Tap) -> Iterator[None]:
    with quick():
        yield


@dataclass
class Bench:
    """Where clusters are tried, one after the other, each in an account of its own."""

    tap: Tap
    folder: Path
    failures: list[str] = field(default_factory=list)
    """By the number and name of the call that was disturbed."""

    def new(self) -> Trial:
        """Return a cluster of which nothing is made yet."""
        self.tap.reset(Laws(pending_looks=1, balancer_looks=1, linger_looks=1))
        return trial(self.tap, self.folder / secrets.token_hex(4))

    def undisturbed(self) -> tuple[list[str], Counter[str], list[str]]:
        """Return the calls of `up`, what it makes, and the calls of `down`."""
        cluster = self.new()
        cluster.up()
        made, count = cluster.kinds(), len(self.tap.calls)
        cluster.down()
        return self.tap.actions[:count], made, self.tap.actions[count:]

    def disturbed(self, run: Callable[[], None], name: str, number: int) -> None:
        """Run something with a failure at one of its calls; it may well fail."""
        when, error, lasting = FAULTS[name]
        at = len(self.tap.calls) + number
        self.tap.fault = Fault(at=at, when=when, error=error, lasting=lasting)
        try:
            run()
        except (HardwayError, Killed):
            pass
        finally:
            self.tap.fault = None

    def holds(self, at: str, run: Callable[[], None], *, left: bool = False) -> None:
        """Run something that must not fail now, and leave nothing unless told otherwise."""
        try:
            run()
        except HardwayError as error:
            self.failures.append(f"{at}: {error}")
        if self.tap.left and not left:
            self.failures.append(f"{at}: left {self.tap.left}")


@pytest.fixture
def bench(tap: Tap, tmp_path: Path) -> Bench:
    """An empty one."""
    return Bench(tap, tmp_path)


def chosen(calls: Iterable[int], name: str, names: Sequence[str], *, every: bool) -> list[int]:
    """Return the calls that are disturbed in one of the ways."""
    found = [n for n in calls if every or n % len(names) == names.index(name)]
    assert found
    return found


UP_ENDS = ("refused", "killed after")
DOWN_ENDS = ("refused", "killed after", "answer lost")


@pytest.mark.faults
@EACH
@pytest.mark.parametrize("name", FAULTS)
def test_up_broken_off_at_every_call_goes_on(bench: Bench, name: str, *, every: bool) -> None:
    calls, wanted, _ = bench.undisturbed()
    # A run that is killed at a call which only reads has left what it had left before.
    numbers = range(1, len(calls) + 1) if name == "refused" else writing(calls)
    for number in chosen(numbers, name, tuple(FAULTS), every=every):
        cluster, at = bench.new(), f"{number} {calls[number - 1]}"
        bench.disturbed(cluster.up, name, number)
        bench.holds(at, cluster.up, left=True)
        if cluster.kinds() != wanted:
            bench.failures.append(f"{at}: {cluster.kinds()} and not {wanted}")
        bench.holds(at, cluster.down)
    assert not bench.failures, "\n".join(bench.failures)


@pytest.mark.faults
@EACH
@pytest.mark.parametrize("name", UP_ENDS)
def test_down_removes_what_a_broken_off_up_has_made(
    bench: Bench, name: str, *, every: bool
) -> None:
    calls, _, _ = bench.undisturbed()
    for number in chosen(writing(calls), name, UP_ENDS, every=every):
        cluster = bench.new()
        bench.disturbed(cluster.up, name, number)
        bench.holds(f"{number} {calls[number - 1]}", cluster.down)
    assert not bench.failures, "\n".join(bench.failures)


@pytest.mark.faults
@EACH
@pytest.mark.parametrize("name", DOWN_ENDS)
def test_down_broken_off_at_every_call_goes_on(bench: Bench, name: str, *, every: bool) -> None:
    _, _, calls = bench.undisturbed()
    for number in chosen(writing(calls), name, DOWN_ENDS, every=every):
        cluster = bench.new()
        cluster.up()
        bench.disturbed(cluster.down, name, number)
        bench.holds(f"{number} {calls[number - 1]}", cluster.down)
    assert not bench.failures, "\n".join(bench.failures)


@pytest.mark.faults
def test_down_without_the_folder(bench: Bench) -> None:
    calls, _, _ = bench.undisturbed()
    for number in writing(calls):
        cluster = bench.new()
        bench.disturbed(cluster.up, "killed after", number)
        shutil.rmtree(cluster.folder)
        bench.holds(f"{number} {calls[number - 1]}", cluster.down)
    assert not bench.failures, "\n".join(bench.failures)


def test_a_harsh_account(tap: Tap, tmp_path: Path) -> None:
    """Everything is late, in pages, and every seventh call is told to come back later."""
    tap.change(
        unknown_looks=2, pending_looks=6, balancer_looks=6, health_looks=6, linger_looks=12,
        page_size=5, throttled_calls=frozenset(range(7, 2000, 7)),
    )  # fmt: skip
    patient = replace(TIMING, consistency_s=60)
    cluster = trial(tap, tmp_path, control_planes=3, workers=3, timing=patient)
    cluster.preflight()
    cluster.up()
    assert cluster.kinds()["i"] == 6
    cluster.down()
    assert tap.left == []
