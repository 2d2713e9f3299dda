"""Upstream's release downloads, each checked against the checksum published beside it."""

import http.client
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from hardway.components.cache import digest_of
from hardway.components.table import Component
from hardway.errors import ComponentError

CONNECT_S = 5.0
"""How long a host may take to answer, or be silent in between."""

_unreachable: set[str] = set()
"""Hosts that did not answer this process; asked once only."""


class NotToBeHadError(Exception):
    """Upstream does not answer, or has no such file: another source may."""


def download(
    component: Component, architecture: str, folder: Path, progress: Callable[[str], None]
) -> dict[str, Path]:
    """Download a component's binaries into a folder; return them by name.

    Raises:
        NotToBeHadError: a host is not reachable, or answers with an error.
        ComponentError: something came that is not what its checksum says.
    """
    release = component.release
    if release is None:
        raise NotToBeHadError("upstream publishes no binaries of it")
    found: dict[str, Path] = {}
    for file in component.packages:
        names = {"v": component.version, "arch": architecture, "file": file}
        url = mirrored(release.url.format(**names))
        archive = folder / url.rsplit("/", 1)[-1]
        if not archive.exists():
            expected = _checksum(mirrored(release.checksum.format(**names)), archive.name)
            progress(f"downloading {archive.name}")
            _fetch(url, archive)
            _check(archive, url, expected)
        if release.member:
            found[file] = _extract(archive, release.member.format(**names), folder / f".{file}")
        else:
            found[file] = archive
    return found


def mirrored(url: str) -> str:
    """Return a URL at $HARDWAY_MIRROR instead, where that is set: <mirror>/<host>/<path>."""
    mirror = os.environ.get("HARDWAY_MIRROR", "").rstrip("/")
    if not mirror:
        return url
    parts = urlsplit(url)
    return f"{mirror}/{parts.netloc}{parts.path}"


def _checksum(url: str, name: str) -> str:
    """Return the digest for a file: in a line with its name, or alone."""
    with _open(url) as answer:
        rows = [line.split() for line in answer.read(1 << 20).decode(errors="replace").splitlines()]
    named = [row[0] for row in rows if len(row) == 2 and row[1].lstrip("*").endswith(name)]
    alone = [row[0] for row in rows if len(row) == 1]
    digest = next(iter([*named, *alone]), "")
    if len(digest) != 64:
        raise NotToBeHadError(f"{url} has no SHA-256 for {name}")
    return digest.lower()


def _fetch(url: str, to: Path) -> None:
    part = to.with_suffix(".part")
    try:
        with _open(url) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
            length = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException) as error:
        raise NotToBeHadError(f"{url}: {error}") from error
    if length is not None and int(length) != part.stat().st_size:
        raise NotToBeHadError(f"{url}: ended after {part.stat().st_size} of {length} bytes")
    part.replace(to)


def _check(path: Path, url: str, expected: str) -> None:
    found = digest_of(path)
    if found != expected:
        raise ComponentError(
            f"{url} is not what was published\n"
            f"  expected sha256 {expected}\n  found    sha256 {found}",
            hint="do not use it; somebody or something on the way changes downloads",
        )


def _open(url: str) -> http.client.HTTPResponse:
    host = urlsplit(url).netloc
    if host in _unreachable:
        raise NotToBeHadError(f"{host} did not answer before")
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=CONNECT_S)  # noqa: S310 - of the table or the user's mirror
    except urllib.error.HTTPError as error:
        raise NotToBeHadError(f"{url}: {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        _unreachable.add(host)
        why = getattr(error, "reason", error)
        raise NotToBeHadError(f"{host} does not answer: {why}") from error
    return answer


def _extract(archive: Path, member: str, to: Path) -> Path:
    try:
        with tarfile.open(archive) as tar:
            source = tar.extractfile(member)
            if source is None:
                raise NotToBeHadError(f"{archive.name}: {member} is no file")
            with source, to.open("wb") as file:
                shutil.copyfileobj(source, file)
    except (tarfile.TarError, KeyError) as error:
        raise NotToBeHadError(f"{archive.name}: {error}") from error
    return to
