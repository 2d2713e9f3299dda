"""What is known of one file of a component; the cache, hardway.lock and bundles hold such rows."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hardway.text import Text, text

CHUNK_BYTES = 1 << 20
DIGEST = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file came from."""

    source: str
    """In words."""
    url: str = ""
    """What was downloaded, upstream's file itself or an archive it is in."""
    url_sha256: str = ""
    toolchain: str = ""
    """The Go version that built it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file of a component, in the cache; `source` and what follows as in Origin."""

    component: str
    version: str
    architecture: str
    file: str
    sha256: str
    size_bytes: int
    source: str
    url: str = ""
    url_sha256: str = ""
    toolchain: str = ""
    path: Path

    @property
    def row(self) -> dict[str, object]:
        """What is written down of it: all but where this host keeps it."""
        return {key: value for key, value in asdict(self).items() if value and key != "path"}


def stored(row: Mapping[str, Any], cache: Path) -> Stored:
    """Return a file that was written down, as it would lie in a cache.

    Raises:
        KeyError, TypeError, ValueError: it is no such row.
    """
    digest, file = str(row["sha256"]), str(row["file"])
    # Both become parts of paths.
    if not DIGEST.fullmatch(digest) or not NAME.fullmatch(file):
        raise ValueError(f"no digest or no file name: {digest}, {file}")
    return Stored(**row, path=cache / "objects" / digest / file)


def lying_in(cache: Path, row: Stored) -> Stored:
    """Return the same file as it would lie in a cache."""
    return replace(row, path=cache / "objects" / row.sha256 / row.file)


def other(expected: str, found: str) -> Text:
    """Return the lines of messages that say that a file has another digest."""
    return text(
        "  expected sha256 {expected}\n  found    sha256 {found}", expected=expected, found=found
    )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    seen = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            seen.update(chunk)
    return seen.hexdigest()
