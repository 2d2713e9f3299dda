"""What files, folders and links have in common: one `find` asks about all of them."""

import shlex
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from posixpath import basename, dirname

from hardway.engine.kinds.base import Sections, section
from hardway.model.resources import NEW, ROOT, STORE, File, Folder, Observed, SeenPath

COLUMNS = r"%y\t%m\t%u:%g\t%s\t%C@\t%l\t%p\n"
"""Kind, mode, owner, size, ctime, target and path, as `find -printf` writes them."""

LARGEST = 1 << 20
"""Bytes that are read of a file that differs: what somebody put in its place may be anything."""


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


def contents(sums: Sequence[str]) -> str:
    """Return the lines that print what stands in each file that differs, in base64.

    A sum is a line as `sha256sum --check` takes it.
    """
    return f"""{section("contents")}
printf '%s\\n' {shlex.join(sums)} | LC_ALL=C sha256sum --check | sed -n 's/: FAILED$//p' |
while read -r path; do
    echo "$(head --bytes={LARGEST} "$path" | base64 --wrap=0)  $path"
done"""


def read(sections: Sections, seen: Observed) -> Observed:
    """Add the paths that are there."""
    digests, texts = (
        dict(line.split("  ", 1)[::-1] for line in sections[name])
        for name in ("hashes", "contents")
    )
    rows = [line.split("\t") for line in sections["paths"]]
    return replace(
        seen,
        paths={row[-1]: _path(row, digests) for row in rows},
        content={path: b64decode(text) for path, text in texts.items()},
    )


def _path(row: Sequence[str], digests: Mapping[str, str]) -> SeenPath:
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
