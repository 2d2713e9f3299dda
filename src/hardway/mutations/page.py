"""The table of checks and mutations, as docs/mutations.md has it."""

from collections.abc import Iterator

from hardway.mutations.judge import CHECKS
from hardway.mutations.row import Mutation, Which
from hardway.mutations.unmade import UNMADE

HEAD = """# Checks and mutations

Generated from the rows of `hardway.mutations`; [ADR 33](adr/0033-mutations.md) says what they are.

Each mutation is made on a living cluster. After it the check beside it is red and named first, \
nothing but that check's declared consequences is red with it, and all is green again after the \
command in the last column. `<MACHINE>` is the machine that it was made on.

| check | mutation | made on | what one notices | mended by |
|---|---|---|---|---|
"""
TAIL = """
## Checks without a mutation

Recorded answers (`tests/answers`) show what turns them red.

| check | why no living cluster shows it |
|---|---|
"""


def page(mutations: tuple[Mutation, ...]) -> str:
    """Return the page, in Markdown."""
    unmade = "".join(f"| `{check}` | {why} |\n" for check, why in UNMADE.items())
    return HEAD + "".join(f"{line}\n" for line in _lines(mutations)) + TAIL + unmade


def _lines(mutations: tuple[Mutation, ...]) -> Iterator[str]:
    for check in CHECKS:
        for row in mutations:
            if check.name in (row.check, *row.also):
                place = f"{'each' if row.which is Which.EVERY else 'one'} {row.role}"
                mend = ", then ".join(f"`{command.replace('|', chr(92) + '|')}`"
                                      for command in row.mend)  # fmt: skip
                first = "" if row.check == check.name else f", after `{row.check}`"
                yield f"| `{check.name}`{first} | `{row.name}` | {place} | {row.symptom} | {mend} |"
