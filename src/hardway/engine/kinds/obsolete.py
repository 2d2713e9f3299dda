"""What hardway put on a machine and no step wants any longer, by the machine's own ledger.

Files, links and lines only, and contents of the store: folders hold data that components made, and
what services put down by themselves (`model.paths.TRACES`) was never hardway's to take away.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from posixpath import basename, dirname

from hardway.engine.kinds.base import Sections, section
from hardway.meaning.unit import MARKS
from hardway.model.paths import TRACES
from hardway.model.resources import (
    BLOCK_BEGIN,
    BLOCK_END,
    LEDGER,
    STORE,
    Before,
    Change,
    Desired,
    Kind,
    Observed,
    Obsolete,
)
from hardway.render.systemd import UNITS
from hardway.steps.index import STEPS
from hardway.text import text


def question() -> str:
    """Return the lines that print what is there of all that hardway ever put, and what was before.

    A store that cannot be written is another machine's too (local machines).
    """
    return f"""{section("ledger")}
while read -r before _ _ path; do
    case $before in
    absent) [ -L "$path" ] || [ -f "$path" ] ;;
    file) ! cmp -s "{LEDGER}/root$path" "$path" ;;
    lines) grep -q '^{BLOCK_BEGIN}$' "$path" ;;
    *) false ;;
    esac && echo "$before $path"
done <{LEDGER}/paths
[ ! -w {STORE} ] || for stored in {STORE}/*; do echo "{Before.STORED} $stored"; done"""


def read(sections: Sections, seen: Observed) -> Observed:
    """Add what is there of all that hardway ever put."""
    rows = [line.split(" ", 1) for line in sections["ledger"]]
    return replace(seen, put={path: Before(before) for before, path in rows})


def changes(machine: str, wanted: Mapping[str, Desired], observed: Observed) -> Iterator[Change]:
    """Yield what goes; nothing where not all steps are rendered, for the others want it."""
    if wanted.keys() != {step.name for step in STEPS}:
        return
    kept = {*TRACES, *_kept(wanted)}
    for path, before in observed.put.items():
        if path not in kept:
            item = Obsolete(path=path, before=before)
            yield Change(machine=machine, step=STEPS[-1].name, kind=Kind.REMOVE, item=item,
                         path_or_unit=path, diff=OUTCOMES[before])  # fmt: skip


def _kept(wanted: Mapping[str, Desired]) -> Iterator[str]:
    for desired in wanted.values():
        for item in (*desired.paths, *desired.blocks):
            yield item.path
        for blob in desired.blobs:
            yield dirname(blob.stored)


OUTCOMES = {
    Before.ABSENT: text("no longer wanted; nothing was there before"),
    Before.FILE: text("no longer wanted; what was there before comes back"),
    Before.LINES: text("no longer wanted; the others' lines stay"),
    Before.STORED: text("of components that no step wants any longer"),
}


def remove_script(items: Sequence[Obsolete]) -> str:
    """Return the script that takes things away; it may be run again."""
    units = [basename(i.path) for i in items if dirname(i.path) == UNITS]
    lines = ["set -eu"]
    # Stopped when their files are gone: what these say about stopping may undo what others do now.
    lines += [f"systemctl disable --quiet {shlex.join(units)}"] if units else []
    lines += [_undo(item) for item in items]
    if units:
        marks = shlex.join(f"{MARKS}/{name}" for name in units)
        lines += [
            "systemctl daemon-reload",
            f"systemctl stop {shlex.join(units)}",
            f"rm -f {marks}",
        ]
    return "\n".join(lines)


def _undo(item: Obsolete) -> str:
    path = shlex.quote(item.path)
    match item.before:
        case Before.ABSENT:
            return f"rm -f {path}"
        case Before.FILE:
            return f"cp --archive {LEDGER}/root{path} {path}"
        case Before.LINES:
            return f"sed -i '/^{BLOCK_BEGIN}$/,/^{BLOCK_END}$/d' {path}"
        case Before.STORED:
            return f"rm -rf {path}"
