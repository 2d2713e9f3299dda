"""Which mutations are made at each `make test`."""

import json
import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from hardway.mutations import Mutation

ROOT = Path(__file__).parents[1]
SEED = "hardway"
PART = 10
"""One in so many."""
DESCRIBE = """
import json
from dataclasses import replace
from inspect import getsource, isfunction
from hardway.mutations import CHECKS, MUTATIONS
judges = {c.name: getsource(c.judge) if isfunction(c.judge) else c.judge for c in CHECKS}
checks = {c.name: repr((c.ask, c.causes, c.anywhere, judges[c.name])) for c in CHECKS}
# Functions by their text: what `repr` says of them is another one in each process.
slips = {m.name: m.slip and (m.slip.certificate, getsource(m.slip.made), m.slip.left)
         for m in MUTATIONS}
rows = {m.name: replace(m, where=m.where.__name__, slip=slips[m.name]) for m in MUTATIONS}
print(json.dumps({name: f"{row} {checks[row.check]}" for name, row in rows.items()}))
"""


def chosen(mutations: Sequence[Mutation]) -> tuple[Mutation, ...]:
    """Return a tenth, and those whose row or check is not as in main."""
    # The same tenth for every commit: what a change breaks, and not chance, turns a run red.
    seed = os.environ.get("HARDWAY_SEED") or SEED
    tenth = random.Random(seed).sample(mutations, len(mutations) // PART + 1)
    before, now = _of_main(), described(ROOT)
    return tuple(m for m in mutations if m in tenth or before.get(m.name) != now[m.name])


def _of_main() -> Mapping[str, str]:
    """Return what the rows were where this branch began."""
    base = _git("merge-base", "HEAD", "main").decode().strip()
    with TemporaryDirectory() as folder:
        source = BytesIO(_git("archive", base or "HEAD", "src"))
        with tarfile.open(fileobj=source) as archive:
            archive.extractall(folder, filter="data")
        return described(Path(folder))


def described(root: Path) -> Mapping[str, str]:
    """Return in words what each mutation does and what its check judges, by its name."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    argv = (sys.executable, "-c", DESCRIBE)
    said = subprocess.run(argv, env=environment, capture_output=True, check=True)
    found: Mapping[str, str] = json.loads(said.stdout)
    return found


def _git(*words: str) -> bytes:
    done = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, check=False)
    return done.stdout
