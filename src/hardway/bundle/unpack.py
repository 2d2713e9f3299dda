"""Reading a bundle in one pass: all of it checked, and what is wanted put into the cache."""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from hardway.bundle.manifest import NAME, Contents, Member, decoded
from hardway.components import cache as store
from hardway.components.stored import CHUNK_BYTES, digest_of, other
from hardway.errors import ComponentError
from hardway.providers.local import rootpack
from hardway.text import text

MANIFEST_BYTES = 8 << 20
"""More than a manifest can have."""
Progress = Callable[[str], None]


def read(file: Path) -> Contents:
    """Return what a bundle says that it holds; looks at its length and its manifest only.

    Raises:
        ComponentError: it is no bundle, of another format, or cut off.
    """
    with _opened(file) as tar:
        found = _manifest(tar, file)
    length, expected = file.stat().st_size, whole_bytes(found)
    if length != expected:
        raise _damaged(file, text(
            "it is cut off: {length} bytes, expected {expected}" if length < expected else
            "it is longer than it should be: {length} bytes, expected {expected}",
            length=length, expected=expected,
        ))  # fmt: skip
    return found


def verify(file: Path, progress: Progress) -> Contents:
    """Check every digest and every member of a bundle, and return what it holds.

    Raises:
        ComponentError: naming what is missing, cut off, altered or too much.
    """
    found = read(file)
    progress(text("checking {count} files, {mb:.0f} MB",
                  count=len(found.members), mb=found.size_bytes / 1e6))  # fmt: skip
    with _opened(file) as tar:
        for member, content in _members(tar, file):
            _copy(content, None, member, file)
    return found


def unpack(file: Path, cache: Path, progress: Progress) -> Contents:
    """Put into the cache what a bundle holds and is not there, and return what it holds.

    Raises:
        ComponentError: as in `verify`; nothing of a member that is wrong is kept.
    """
    found = read(file)
    wanted = [m for m in found.members if not _there(m, cache)]
    if wanted:
        size = sum(m.size_bytes for m in wanted)
        progress(text("unpacking {count} files, {mb:.0f} MB, of {bundle}",
                      count=len(wanted), mb=size / 1e6, bundle=file.name))  # fmt: skip
        with store.workplace(cache) as folder, _opened(file) as tar:
            for member, content in _members(tar, file):
                if member in wanted:
                    place = folder / "member"
                    _copy(content, place, member, file)
                    _keep(place, member, cache)
    store.adopt(found.files.rows, cache)
    return found


def whole_bytes(contents: Contents) -> int:
    """Return how long a bundle with these contents is."""
    sizes = [len(contents.encoded()), *(m.size_bytes for m in contents.members)]
    blocks = sum(1 + -(-size // tarfile.BLOCKSIZE) for size in sizes) + 2
    return -(-blocks * tarfile.BLOCKSIZE // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _there(member: Member, cache: Path) -> bool:
    kind, _, name = member.name.partition("/")
    if kind == "base":
        return rootpack.foreign(name) or rootpack.place(name, cache).exists()
    path = cache / member.name
    if not path.exists() or path.stat().st_size != member.size_bytes:
        return False
    # Where the digest is not in the path, another file may lie there, as long as this one.
    return kind == "objects" or digest_of(path) == member.sha256


def _keep(place: Path, member: Member, cache: Path) -> None:
    kind, _, name = member.name.partition("/")
    if kind == "base":
        rootpack.unpack(place, name, cache)
    else:
        store.put(place, cache / member.name)


def _members(tar: tarfile.TarFile, file: Path) -> Iterator[tuple[Member, IO[bytes]]]:
    """Yield each member that the manifest names, in its order, and its content.

    Raises:
        ComponentError: another one comes, or none.
    """
    for member in _manifest(tar, file).members:
        header = tar.next()
        if header is None:
            raise _damaged(file, text("{member} is missing", member=member.name))
        if header.name != member.name or header.size != member.size_bytes or not header.isreg():
            raise _damaged(file, text("expected {member}, found {found}",
                                      member=member.name, found=header.name))  # fmt: skip
        content = tar.extractfile(header)
        assert content is not None  # noqa: S101 - of a regular file
        yield member, content
    extra = tar.next()
    if extra is not None:
        raise _damaged(file, text("{member} is not in its manifest", member=extra.name))


def _copy(content: IO[bytes], to: Path | None, member: Member, file: Path) -> None:
    """Read a member to its end, write it to a path if there is one, and compare its digest."""
    seen = sha256()
    with (to or Path("/dev/null")).open("wb") as out:
        while chunk := content.read(CHUNK_BYTES):
            seen.update(chunk)
            out.write(chunk)
    if seen.hexdigest() != member.sha256:
        raise _damaged(file, text("{member} was altered\n{digests}", member=member.name,
                                  digests=other(member.sha256, seen.hexdigest())))  # fmt: skip


def _manifest(tar: tarfile.TarFile, file: Path) -> Contents:
    header = tar.next()
    if header is None or header.name != NAME or header.size > MANIFEST_BYTES:
        raise ComponentError(
            text("{file} is not a bundle: it does not begin with {member}", file=file, member=NAME),
            hint="hardway bundle create",
        )
    content = tar.extractfile(header)
    assert content is not None  # noqa: S101 - a header with a size is of a file
    return decoded(content.read(), file.name)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r:") as tar:
            yield tar
    except FileNotFoundError as error:
        raise ComponentError(
            text("{file} is missing", file=file), hint="hardway bundle create"
        ) from error
    except tarfile.TarError as error:
        raise ComponentError(
            text("{file} is not a bundle, or only the beginning of one: {error}",
                 file=file, error=error),
            hint="hardway bundle create",
        ) from error  # fmt: skip


def _damaged(file: Path, what: str) -> ComponentError:
    return ComponentError(
        text("{file} is damaged: {what}", file=file, what=what),
        hint="copy it here again; where it was made: hardway bundle verify",
    )
