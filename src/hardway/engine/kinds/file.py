"""Small files, written whole."""

import difflib
from collections.abc import Iterator
from fnmatch import fnmatchcase

from hardway.engine.kinds import path
from hardway.engine.kinds.base import Difference, Entry, ItemKind, Stale
from hardway.engine.meaning import document, settings, unit
from hardway.engine.meaning.base import Comparator, Deviation
from hardway.model.resources import File, Kind, Observed, SeenPath, hexdigest, meaning


def _differs(file: File, observed: Observed, _stale: Stale) -> Iterator[Difference]:
    seen = observed.paths.get(file.path)
    wrong = path.rights(file, seen)
    if seen is None or seen.kind != "f" or seen.digest != file.digest or wrong:
        lines = wrong + _content(file, seen, observed)
        yield Kind.UPDATE if seen else Kind.CREATE, file.path, "\n".join(lines)


def means(file: File, seen: SeenPath | None) -> bool:
    """Return whether a process that reads what is there does as the wanted file says."""
    return seen is not None and (seen.digest == file.digest or seen.meaning == file.meaning)


FORMATS: tuple[tuple[str, Comparator], ...] = (
    ("/etc/systemd/system/*", lambda ours, theirs: unit.deviations(ours.decode(), theirs.decode())),
    ("*.yaml", document.yaml_deviations),
    ("*.json", document.yaml_deviations),
    ("*.conflist", document.yaml_deviations),
    ("*.toml", document.toml_deviations),
    ("*.env", settings.environment_deviations),
    ("/etc/sysctl.d/*", settings.sysctl_deviations),
)
"""What compares files by meaning, by their paths; a file without a row is compared as it is.

Certificates and kubeconfigs take more than two texts: `engine.meaning` compares these.
"""


def deviations(file: File, found: bytes) -> list[Deviation]:
    """Return how a content that others wrote deviates in meaning from the wanted file's."""
    for pattern, compare in FORMATS:
        if fnmatchcase(file.path, pattern):
            return compare(file.content, found)
    same = meaning(found) == meaning(file.content) if file.commented else found == file.content
    return [] if same else [Deviation("the file", file.digest[:12], hexdigest(found)[:12])]


def _prose(file: File, observed: Observed) -> bool:
    seen = observed.paths.get(file.path)
    return means(file, seen) and not path.rights(file, seen)


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
    old, new = (text.decode(errors="replace").splitlines() for text in (before, after))
    return list(difflib.unified_diff(old, new, name, name, lineterm=""))


def _by_hand(file: File) -> str:
    return f"install -D {path.by_hand(file)} .{file.path} {file.path}"


FILE = ItemKind(
    type=File,
    asks=lambda file: [
        (path.question, file.path),
        (path.question, path.stage(file.path)),
        (path.hashes, file.path),
        *([(path.meanings, f"{file.digest}  {file.path}")] if file.commented else []),
    ],
    read=path.read,
    differs=_differs,
    prose=_prose,
    entry=lambda f: Entry(path=f.path, mode=f.mode, owner=f.owner, content=f.content),
    by_hand=lambda files: [_by_hand(file) for file in files],
)
