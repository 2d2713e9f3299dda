"""`make mutants`: flips single comparisons and conditions, and shows which no unit test notices.

The unit tests run once on sources that note which test depends on which expression. Each mutant is
then tried by those tests, the fastest first. Exit status 1: more than 1 in 20 survive.
"""

import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import click
from tests.mutants.flips import PACKAGES, Flip, flips, recording

ROOT = Path(__file__).parents[2]
PARALLEL = 2
MAY_SURVIVE = 1 / 20
LEFT_OUT = (".git", ".venv", ".hypothesis", "*_cache", "clusters")
UNIT = "tests/unit"
SLOWER, SPARE_S = 5, 60
"""How many times as long as alone the tests of a mutant may take, and how much longer."""


@dataclass(frozen=True)
class Known:
    """What a run of the unit tests showed."""

    took_s: Mapping[str, float]
    """By test."""
    run_by: Mapping[int, Sequence[str]]
    """Tests that can notice a flip, by its number; the fastest first."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    flip: Flip
    killer: str
    """The test that noticed it; empty if none did."""
    tried: int
    difference: str

    @property
    def survived(self) -> bool:
        return not self.killer


@dataclass(frozen=True)
class Copy:
    """This checkout once more, with sources that may be changed."""

    folder: Path

    def test(self, tests: Iterable[str], *options: str, timeout_s: float, **env: str) -> str | None:
        """Run tests; return pytest's report if one failed, or they took too long."""
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
        try:
            done = subprocess.run(
                [*argv, *options, *tests], cwd=self.folder, env=os.environ | env, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "TIMEOUT"
        return done.stdout if done.returncode else None

    @contextmanager
    def changed(self, path: str, content: bytes) -> Iterator[None]:
        file = self.folder / path
        before = file.read_bytes()
        compile(content, path, "exec")
        file.write_bytes(content)
        try:
            yield
        finally:
            file.write_bytes(before)


def copy(folder: Path) -> Copy:
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return Copy(folder)


def all_flips(of: Copy) -> list[Flip]:
    files = sorted(f for p in PACKAGES for f in (of.folder / "src/hardway" / p).rglob("*.py"))
    return [flip for f in files for flip in flips(str(f.relative_to(of.folder)), f.read_bytes())]


def explore(of: Copy, sample: Mapping[int, Flip]) -> Known:
    """Run all unit tests on sources that note what they evaluate."""
    seen, took = of.folder / "seen", of.folder / "took.json"
    seen.touch()
    for path in {flip.path for flip in sample.values()}:
        mine = {number: flip for number, flip in sample.items() if flip.path == path}
        file = of.folder / path
        file.write_bytes(recording(file.read_bytes(), mine))
    said = of.test(
        [UNIT], "-n", str(PARALLEL), "-p", "tests.mutants.seen", timeout_s=3600,
        MUTANTS_SEEN=str(seen), MUTANTS_TOOK=str(took),
    )  # fmt: skip
    if said is not None:
        raise SystemExit(f"unit tests fail without any mutant:\n{said}")
    took_s: dict[str, float] = json.loads(took.read_text())
    rows = [line.partition("\t")[::2] for line in seen.read_text().splitlines()]
    run_by = {number: {test for n, test in rows if int(n) == number} for number in sample}
    return Known(took_s, {
        # What was evaluated while no test ran, when modules were loaded, is everybody's.
        number: sorted(took_s if "" in tests else tests, key=took_s.__getitem__)
        for number, tests in run_by.items()
    })  # fmt: skip


def try_out(flip: Flip, tests: Sequence[str], known: Known, on: Copy) -> Verdict:
    shown = difference(flip, on)
    if not tests:
        return Verdict(flip, "", 0, shown)
    content = flip.apply((on.folder / flip.path).read_bytes())
    with on.changed(flip.path, content):
        limit_s = SLOWER * sum(known.took_s[test] for test in tests) + SPARE_S
        said = on.test(tests, "-x", timeout_s=limit_s)
    return Verdict(flip, _killer(said) if said else "", len(tests), shown)


def _killer(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(maxsplit=1)[1].partition(" - ")[0] if lines else said.strip()[-60:]


def difference(flip: Flip, of: Copy) -> str:
    before = (of.folder / flip.path).read_bytes()
    texts = [text.decode().splitlines() for text in (before, flip.apply(before))]
    lines = list(difflib.unified_diff(*texts, lineterm="", n=0))[3:]
    return "\n".join(f"      {line}" for line in lines)


def report(verdict: Verdict) -> None:
    flip = verdict.flip
    if verdict.survived:
        print(f"SURVIVED  {flip.place}  ({verdict.tried} tests run it)")
    else:
        print(f"killed    {flip.place}  by {verdict.killer}")
    print(verdict.difference, flush=True)


def choose(every: Sequence[Flip], count: int, seed: int, places: Sequence[str]) -> list[Flip]:
    """Return the flips at the places, or a sample of all if there are none."""
    if not places:
        return random.Random(seed).sample(every, min(count, len(every)))
    chosen = [flip for flip in every if flip.place in places]
    if not chosen:
        raise SystemExit(f"no flip at {', '.join(places)}")
    return chosen


def verdicts(sample: Mapping[int, Flip], known: Known, copies: Iterable[Copy]) -> Iterator[Verdict]:
    """Try the flips, as many at a time as there are copies."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for each in copies:
        free.put(each)

    def one(number: int) -> Verdict:
        on = free.get()
        try:
            return try_out(sample[number], known.run_by[number], known, on)
        finally:
            free.put(on)

    with ThreadPoolExecutor(PARALLEL) as pool:
        yield from pool.map(one, sample)


@click.command()
@click.option("-n", "count", default=20, show_default=True, help="how many flips")
@click.option("--seed", type=int, help="of the sample, to repeat one; else another each time")
@click.argument("places", nargs=-1)
def main(count: int, seed: int | None, places: Sequence[str]) -> None:
    """Try a random sample of flips, or those at PLACES (src/hardway/engine/diff.py:50)."""
    seed = random.randrange(10**6) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        # All of them now: this checkout may change before the last mutant was tried.
        first, *others = [copy(Path(folder, str(number))) for number in range(1 + PARALLEL)]
        every = all_flips(first)
        sample = dict(enumerate(choose(every, count, seed, places)))
        print(f"{len(sample)} of {len(every)} flips; seed {seed}", flush=True)
        known = explore(first, sample)
        survived = 0
        for verdict in verdicts(sample, known, others):
            report(verdict)
            survived += verdict.survived
    print(f"{len(sample)} flips of seed {seed}: {survived} survived")
    if survived > MAY_SURVIVE * len(sample):
        raise SystemExit(1)


main()
