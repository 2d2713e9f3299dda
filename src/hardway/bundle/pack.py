"""Writing a bundle: in one pass, under another name until it is whole, the same bytes each time."""

import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from hardway.bundle.manifest import NAME, Contents, Member
from hardway.components.stored import Stored, digest_of
from hardway.errors import ComponentError
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Packing:
    """A file to put into a bundle, beside the components."""

    name: str
    """The member's."""
    path: Path


def pack(
    file: Path,
    contents: Contents,
    files: Sequence[Stored],
    more: Sequence[Packing],
    progress: Callable[[str], None],
) -> Contents:
    """Write a bundle and return what is in it.

    Raises:
        ComponentError: a file in the cache is damaged, or this host's disk is full.
    """
    sources: dict[Member, Path] = {}
    for stored in sorted(files, key=lambda s: (s.sha256, s.file)):
        member = Member(f"objects/{stored.sha256}/{stored.file}", stored.sha256, stored.size_bytes)
        sources[member] = stored.path
    for one in sorted(more, key=lambda p: p.name):
        size = one.path.stat().st_size
        sources[Member(one.name, digest_of(one.path), size)] = one.path
    rows = sorted(files, key=lambda s: (s.component, s.version, s.architecture, s.file))
    pinned = replace(contents.files, rows=tuple(rows))
    contents = replace(contents, files=pinned, members=tuple(sources))
    part = file.with_name(f"{file.name}.part")
    try:
        _write(part, contents, sources, progress)
    except OSError as error:
        raise ComponentError(
            text("{file} cannot be written: {error}", file=file, error=error), hint="see: df -h"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return contents


def _write(
    part: Path, contents: Contents, sources: Mapping[Member, Path], progress: Callable[[str], None]
) -> None:
    progress(text("writing {count} files, {mb:.0f} MB",
                  count=len(sources), mb=contents.size_bytes / 1e6))  # fmt: skip
    with part.open("wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            manifest = contents.encoded()
            tar.addfile(_header(NAME, len(manifest)), BytesIO(manifest))
            for member, path in sources.items():
                # Read once more while it is written: what is damaged must not travel.
                if digest_of(path) != member.sha256:
                    raise ComponentError(
                        text("{file} is damaged: its path has another digest", file=path),
                        hint=text("rm {file}; then run this again", file=path),
                    )
                with path.open("rb") as source:
                    tar.addfile(_header(member.name, member.size_bytes), source)
        out.flush()
        os.fsync(out.fileno())
    part.replace(part.with_name(part.name.removesuffix(".part")))


def _header(name: str, size_bytes: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size_bytes, 0o644
    return header
