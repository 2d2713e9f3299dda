"""Upstream's releases: which files they are, checked against what upstream publishes beside them.

What was downloaded until a run was broken off is kept in <cache>/partial, by the digest of the
whole: the next run goes on from there, whichever server or mirror it then comes from.
"""

import os
import shutil
import tarfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hardway.components import signature
from hardway.components.fetch import UnavailableError, Web
from hardway.components.meter import Meter
from hardway.components.stored import digest_of, other
from hardway.components.table import Component, Release
from hardway.errors import ComponentError
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a release, by the URL it has upstream, and its digest."""

    url: str
    sha256: str
    pinned_by: str = ""
    """The lock that says that it has this digest; empty where upstream does."""

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Downloads:
    """What the downloads of a run share."""

    web: Web
    pool: ThreadPoolExecutor
    """Its threads are how many files are downloaded at once."""
    meter: Meter
    partial: Path


def urls(component: Component, architecture: str) -> dict[str, str]:
    """Return the URL, upstream, of the release file that each binary is or is in.

    Raises:
        UnavailableError: upstream publishes no binaries of this component.
    """
    if component.release is None:
        raise UnavailableError(text("upstream publishes no binaries of it"))
    return {
        file: _filled(component.release.url, component, architecture, file)
        for file in component.packages
    }


def published(component: Component, architecture: str, web: Web) -> dict[str, Artifact]:
    """Return the release file of each binary, with the digest upstream publishes for it.

    Raises:
        UnavailableError: upstream does not answer, or publishes no digest or signature.
        ComponentError: a signature is not the one that it should be.
    """
    found: dict[str, Artifact] = {}
    for file, url in urls(component, architecture).items():
        release = component.release
        assert release is not None  # noqa: S101 - urls() has looked
        same = next((a for a in found.values() if a.url == url), None)
        found[file] = same or _published(component, architecture, file, web, release)
    return found


def _published(
    component: Component, architecture: str, file: str, web: Web, release: Release
) -> Artifact:
    def small(url: str) -> str:
        return web.text(mirrored(_filled(url, component, architecture, file)))

    url = _filled(release.url, component, architecture, file)
    artifact = Artifact(url, _digest_in(small(release.checksum), url))
    if release.signer:
        made, certificate = small(release.signer.signature), small(release.signer.certificate)
        signature.check(artifact.sha256, made, certificate, release.signer, of=url)
    return artifact


def download(
    component: Component,
    architecture: str,
    artifacts: dict[str, Artifact],
    folder: Path,
    downloads: Downloads,
) -> dict[str, Path]:
    """Download a component's binaries into a folder; return them by name.

    Raises:
        UnavailableError: a host is not reachable, or answers with an error.
        ComponentError: something came that has another digest, or this host's disk is full.
    """
    _fetch_all(dict.fromkeys(artifacts.values()), folder, downloads)
    found: dict[str, Path] = {}
    for file, artifact in artifacts.items():
        archive = folder / artifact.name
        release = component.release
        if release and release.member:
            member = _filled(release.member, component, architecture, file)
            found[file] = _extract(archive, member, folder / f".{file}")
        else:
            found[file] = archive
    return found


def _fetch_all(artifacts: Iterable[Artifact], folder: Path, downloads: Downloads) -> None:
    for artifact in artifacts:
        downloads.meter.expect(artifact.url)
    under_way = [downloads.pool.submit(_fetch, a, folder, downloads) for a in artifacts]
    try:
        for one in under_way:
            one.result()
    finally:
        for one in under_way:
            one.cancel()
        wait(under_way)


def _fetch(artifact: Artifact, folder: Path, downloads: Downloads) -> None:
    part = downloads.partial / f"{artifact.sha256}.part"
    url = mirrored(artifact.url)

    def moved(there: int, total: int | None) -> None:
        downloads.meter.moved(artifact.url, there, total)

    resumed = part.exists()
    try:
        downloads.web.fetch(url, part, moved)
        if resumed and digest_of(part) != artifact.sha256:
            # What was there may not have been the beginning of this: once more from nothing.
            part.unlink()
            downloads.web.fetch(url, part, moved)
    except OSError as error:
        raise ComponentError(
            text("{file} cannot be kept: {error}", file=artifact.name, error=error),
            hint=text("see: df -h {folder}", folder=downloads.partial),
        ) from error
    check(part, artifact, url)
    part.replace(folder / artifact.name)


def check(path: Path, artifact: Artifact, url: str) -> None:
    """Raise ComponentError, and remove the file, unless it has the artifact's digest."""
    found = digest_of(path)
    if found != artifact.sha256:
        path.unlink()
        raise ComponentError(
            text("{url} is not the file that {lock} pins\n{digests}" if artifact.pinned_by
                 else "{url} is not the file that upstream published\n{digests}",
                 url=url, lock=artifact.pinned_by, digests=other(artifact.sha256, found)),
            hint="do not use it before you know why; if upstream has published it again: "
            "hardway lock --update",
        )  # fmt: skip


def mirrored(url: str) -> str:
    """Return a URL at $HARDWAY_MIRROR instead, where that is set: <mirror>/<host>/<path>."""
    mirror = os.environ.get("HARDWAY_MIRROR", "").rstrip("/")
    if not mirror:
        return url
    if "@" in urlsplit(mirror).netloc:
        raise ComponentError(
            "HARDWAY_MIRROR has a user name in it, which would end up in logs",
            hint="use a mirror that this host may read without one",
        )
    parts = urlsplit(url)
    return f"{mirror}/{parts.netloc}{parts.path}"


def _filled(url: str, component: Component, architecture: str, file: str) -> str:
    return url.format(v=component.upstream, arch=architecture, file=file)


def _digest_in(checksums: str, url: str) -> str:
    """Return the digest for a file: in a line with its name, or alone."""
    name = url.rsplit("/", 1)[-1]
    rows = [line.split() for line in checksums.splitlines()]
    named = [row[0] for row in rows if len(row) == 2 and Path(row[1].lstrip("*")).name == name]
    alone = [row[0] for row in rows if len(row) == 1]
    digest = next(iter([*named, *alone]), "").lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise UnavailableError(
            text("the checksums published beside {url} have no SHA-256 for it", url=url)
        )
    return digest


def _extract(archive: Path, member: str, to: Path) -> Path:
    try:
        with tarfile.open(archive) as tar:
            source = tar.extractfile(member)
            if source is None:
                raise UnavailableError(
                    text("{archive}: {member} is not a file", archive=archive.name, member=member)
                )
            with source, to.open("wb") as file:
                shutil.copyfileobj(source, file)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise UnavailableError(f"{archive.name}: {error}") from error
    return to
