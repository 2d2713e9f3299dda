"""docs/steps.md has a chapter for each step, written from its rows.

`HARDWAY_GOLDEN=write pytest tests/unit/test_steps_page.py` writes it anew; read the difference.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from tests import support

from hardway.atlas.atlas import Atlas, Placed
from hardway.model.cluster import Role
from hardway.model.resources import Blob, Block, Effect, File, Folder, Package, Unit
from hardway.steps.base import Step
from hardway.steps.index import STEPS

PAGE = Path(__file__).parents[2] / "docs" / "steps.md"
HEAD = (
    "# The steps\n\nA chapter for each step, written from the rows that `hardway up` acts on: what "
    "it puts where and why, and what must hold afterwards. Paths are those of three control planes "
    "and three workers; `hardway explain PATH` says more about any of them, `hardway export "
    "--format guide` has all contents and commands.\n"
)
KINDS = {
    Package: ("Packages", "name"),
    Folder: ("Folders", "path"),
    File: ("Files", "path"),
    Block: ("Lines in files of others", "path"),
    Blob: ("Programs and images", "path"),
    Unit: ("Units", "name"),
    Effect: ("Effects", "name"),
}
ON = {
    frozenset(Role): "every machine",
    frozenset({Role.CONTROL_PLANE}): "control planes",
    frozenset({Role.WORKER}): "workers",
}


def written(atlas: Atlas) -> str:
    parts = [HEAD]
    for number, step in enumerate(STEPS, start=1):
        parts += [f"\n## {number}. {step.title}\n\n`{step.name}`: {step.why}.\n"]
        parts += things(atlas, step)
        parts += objects(atlas, step)
        parts += checks(step)
    return "".join(parts)


def things(atlas: Atlas, step: Step) -> Iterator[str]:
    own = [placed for placed in atlas.placed if placed.step == step.name]
    for kind, (heading, name) in KINDS.items():
        rows: dict[tuple[str, str], set[Role]] = {}
        for placed in own:
            if isinstance(placed.item, kind):
                row = (getattr(placed.item, name), why(placed))
                rows.setdefault(row, set()).add(atlas.cluster.machine(placed.machine).role)
        if rows:
            yield f"\n| {heading} | on | why |\n|---|---|---|\n"
            for (what, reason), roles in sorted(rows.items()):
                yield f"| `{what}` | {ON[frozenset(roles)]} | {cell(reason)} |\n"


def why(placed: Placed) -> str:
    text = str(getattr(placed.item, "why", ""))
    # A reason with a machine's own name in it is the same reason.
    return text.replace(placed.machine, "MACHINE")


def objects(atlas: Atlas, step: Step) -> Iterator[str]:
    kinds = [f"`{m['kind']} {m['metadata']['name']}`" for m in atlas.objects.get(step.name, ())]
    if kinds:
        yield f"\nObjects of the API: {', '.join(kinds)}.\n"


def checks(step: Step) -> Iterator[str]:
    rows = (*step.checks, *(step.trial.checks if step.trial else ()))
    if rows:
        yield "\n| What must hold | why |\n|---|---|\n"
        for row in rows:
            yield f"| `{row.name}` | {cell(row.why)} |\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def test_the_page_is_as_the_rows_are() -> None:
    text = written(support.atlas("3+3"))
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        PAGE.write_text(text)
    assert PAGE.read_text() == text


def test_every_step_has_a_chapter_and_every_file_a_line() -> None:
    text = PAGE.read_text()
    atlas = support.atlas("3+3")
    for step in STEPS:
        assert f". {step.title}\n" in text
    for placed in atlas.placed:
        if isinstance(placed.item, File):
            assert f"| `{placed.item.path}` |" in text
