"""Small files, written whole."""

import difflib
from collections.abc import Iterator

from hardway.engine.kinds import path
from hardway.engine.kinds.base import Difference, Entry, ItemKind, Stale
from hardway.meaning.formats import meaning
from hardway.model.resources import File, Kind, Observed, SeenPath


def _differs(file: File, observed: Observed, _stale: Stale) -> Iterator[Difference]:
    seen = observed.paths.get(file.path)
    wrong = path.rights(file, seen)
    if seen is None or seen.kind != "f" or seen.digest != file.digest or wrong:
        lines = wrong + _content(file, seen, observed)
        yield Kind.UPDATE if seen else Kind.CREATE, file.path, "\n".join(lines)


def means(file: File, observed: Observed) -> bool:
    """Return whether a process that reads what is there does as the wanted file says."""
    seen, there = observed.paths.get(file.path), observed.content.get(file.path)
    if seen is None or there is None:
        return seen is not None and seen.digest == file.digest
    return meaning(file.path, there) == meaning(file.path, file.content)


def _prose(file: File, observed: Observed) -> bool:
    return means(file, observed) and not path.rights(file, observed.paths.get(file.path))


def _content(file: File, seen: SeenPath | None, observed: Observed) -> list[str]:
    """Return how the content changes, for people; of secrets their digests only."""
    if seen is not None and seen.digest == file.digest:
        return []
    if file.secret:
        before = f"sha256:{seen.digest[:12]}" if seen else "absent"
        return [f"secret {before} -> sha256:{file.digest[:12]}"]
    return text_diff(file.path, observed.content.get(file.path, b""), file.content)


def text_diff(name: str, before: bytes, after: bytes) -> list[str]:
    """Return a unified diff of two contents of a file."""
    old, new = (own.decode(errors="replace").splitlines() for own in (before, after))
    return list(difflib.unified_diff(old, new, name, name, lineterm=""))


def _by_hand(file: File) -> str:
    return f"install -D {path.by_hand(file)} .{file.path} {file.path}"


FILE = ItemKind(
    type=File,
    asks=lambda file: [
        (path.question, file.path),
        (path.question, path.stage(file.path)),
        (path.hashes, file.path),
        # Private keys, which have no entries, stay where they are.
        *([(path.contents, f"{file.digest}  {file.path}")] if file.rows or not file.secret else []),
    ],
    read=path.read,
    differs=_differs,
    prose=_prose,
    entry=lambda f: Entry(path=f.path, mode=f.mode, owner=f.owner, content=f.content),
    by_hand=lambda files: [_by_hand(file) for file in files],
)
