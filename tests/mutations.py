"""Which mutations are made at each `make test`."""

import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hardway.mutations import Mutation

ROOT = Path(__file__).parents[1]
PART = 10
"""One in so many."""


def chosen(mutations: Sequence[Mutation]) -> tuple[Mutation, ...]:
    """Return a tenth, another with each commit, and those whose own row or check changed."""
    seed = os.environ.get("HARDWAY_SEED") or _git("rev-parse", "HEAD")
    tenth = random.Random(seed).sample(mutations, len(mutations) // PART + 1)
    changed = _changed_text()
    return tuple(
        m for m in mutations
        if m in tenth or any(f'"{name}"' in changed for name in (m.name, m.check))
    )  # fmt: skip


def _changed_text() -> str:
    """Return the lines around all that differs from main in the rows of checks and mutations."""
    base = _git("merge-base", "HEAD", "main")
    if not base:
        return ""
    return _git("diff", "--unified=8", base, "--", "src/hardway/steps", "src/hardway/mutations")


def _git(*words: str) -> str:
    done = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
