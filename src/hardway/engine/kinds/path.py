"""What files, folders and links have in common: one `find` asks about all of them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from posixpath import basename, dirname

from hardway.engine.kinds.base import Sections, section
from hardway.model.resources import NEW, PROSE, ROOT, STORE, File, Folder, Observed, SeenPath

COLUMNS = r"%y\t%m\t%u:%g\t%s\t%C@\t%l\t%p\n"
"""Kind, mode, owner, size, ctime, target and path, as `find -printf` writes them."""


def stage(path: str) -> str:
    """Return the folder beside a path where things wait to be renamed into place."""
    return f"{dirname(path)}/{NEW}"


def staged(path: str) -> str:
    """Return where something waits to be renamed to a path."""
    return f"{stage(path)}/{basename(path)}"


def question(paths: Sequence[str]) -> str:
    """Return the lines that print a row for each path that is there."""
    find = f"find {shlex.join(paths)} {STORE}/*/*{NEW} -maxdepth 0 -printf '{COLUMNS}'"
    return f"{section('paths')}; {find}"


def hashes(paths: Sequence[str]) -> str:
    """Return the lines that print the digest of each file that is there."""
    return f"{section('hashes')}; sha256sum -- {shlex.join(paths)}"


def meanings(sums: Sequence[str]) -> str:
    """Return the lines that print the digest of meaning of each commented file that differs.

    A sum is a line as `sha256sum --check` takes it.
    """
    return f"""{section("meanings")}
printf '%s\\n' {shlex.join(sums)} | LC_ALL=C sha256sum --check | sed -n 's/: FAILED$//p' |
while read -r path; do
    echo "$(sed -E '/{PROSE}/d' "$path" | sha256sum | cut -d' ' -f1)  $path"
done"""


def read(sections: Sections, seen: Observed) -> Observed:
    """Add the paths that are there."""
    digests, meant = (
        dict(line.split("  ", 1)[::-1] for line in sections[name])
        for name in ("hashes", "meanings")
    )
    rows = [line.split("\t") for line in sections["paths"]]
    return replace(seen, paths={row[-1]: _path(row, digests, meant) for row in rows})


def _path(row: Sequence[str], digests: Mapping[str, str], meant: Mapping[str, str]) -> SeenPath:
    kind, mode, owner, size, changed, target, path = row
    user, _, group = owner.partition(":")
    return SeenPath(
        kind=kind,
        mode=int(mode, 8),
        owner=user if user == group else owner,
        size_bytes=int(size),
        changed_at=float(changed),
        target=target,
        digest=digests.get(path, ""),
        meaning=meant.get(path, ""),
    )


def rights(item: File | Folder, seen: SeenPath | None) -> list[str]:
    """Return how mode and owner differ, for people; nothing where they do not."""
    if seen is None or (seen.mode, seen.owner) == (item.mode, item.owner):
        return []
    return [f"mode {seen.mode:04o} {seen.owner} -> {item.mode:04o} {item.owner}"]


def by_hand(item: File | Folder) -> str:
    """Return what install(1), run by root, is told about a path's mode and owner."""
    owner = "" if item.owner == ROOT else f" --owner={item.owner} --group={item.owner}"
    return f"--mode={item.mode:04o}{owner}"
