"""Lines of ours, between marks, within files that are not ours."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hardway.engine.kinds import path
from hardway.engine.kinds.base import Difference, Entry, ItemKind, Sections, Stale, section
from hardway.engine.kinds.file import text_diff
from hardway.meaning.comments import without_comments
from hardway.model.resources import BLOCK_BEGIN, BLOCK_END, Block, Kind, Observed

BLOCK_SECTION = "block "
"""And the path: how the sections are called."""


def _question(paths: Sequence[str]) -> str:
    # No line of theirs can begin a section: each is indented.
    ours = f"/^{BLOCK_BEGIN}$/,/^{BLOCK_END}$/s/^/\\t/p"
    return "\n".join(
        f"{section(BLOCK_SECTION + path)}; sed -n '{ours}' {shlex.quote(path)}" for path in paths
    )


def _read(sections: Sections, seen: Observed) -> Observed:
    blocks = {
        name.removeprefix(BLOCK_SECTION): _ours(lines)
        for name, lines in sections.items()
        if name.startswith(BLOCK_SECTION)
    }
    return replace(seen, blocks=blocks)


def _ours(lines: Sequence[str]) -> str:
    plain = [line.removeprefix("\t") for line in lines]
    return "".join(f"{line}\n" for line in plain if line not in {BLOCK_BEGIN, BLOCK_END})


def _differs(block: Block, seen: Observed, _stale: Stale) -> Iterator[Difference]:
    there = seen.blocks.get(block.path, "")
    if block.text != there:
        lines = text_diff(block.path, there.encode(), block.text.encode())
        yield Kind.UPDATE, block.path, "\n".join(lines)


def _prose(block: Block, seen: Observed) -> bool:
    there = seen.blocks.get(block.path, "")
    return without_comments(there.encode()) == without_comments(block.text.encode())


def _lines(block: Block) -> str:
    return f"{BLOCK_BEGIN}\n{block.text}{BLOCK_END}\n"


def _by_hand(block: Block) -> list[str]:
    return [
        f"touch {block.path}",
        f"sed --in-place '/^{BLOCK_BEGIN}$/,/^{BLOCK_END}$/d' {block.path}",
        f"cat >>{block.path} <<'END'\n{_lines(block)}END",
    ]


BLOCK = ItemKind(
    type=Block,
    asks=lambda block: [(_question, block.path), (path.question, path.stage(block.path))],
    read=_read,
    differs=_differs,
    prose=_prose,
    entry=lambda block: Entry(path=block.path, content=_lines(block).encode(), merged=True),
    by_hand=lambda blocks: [line for block in blocks for line in _by_hand(block)],
)
