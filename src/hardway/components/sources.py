"""Getting components: the cache, then a folder of the user's, upstream's releases, a build.

With a lock only from where it says, and only what it pins.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hardway.components import cache as store
from hardway.components import gobuild
from hardway.components.download import Artifact, Downloads, download, published
from hardway.components.fetch import UnavailableError, Web
from hardway.components.images import write as write_image
from hardway.components.lock import Lock
from hardway.components.meter import Meter
from hardway.components.stored import Origin, Stored, digest_of, other
from hardway.components.table import Component, image
from hardway.errors import ComponentError
from hardway.text import text

AT_ONCE = 4
"""How many files are downloaded at the same time."""
BUILDS = threading.Lock()
"""Builds of this process wait for each other without a word: none is another hardway's."""
ELF_MACHINES = {62: "amd64", 183: "arm64"}
"""By the number that stands in the header of a binary."""
Progress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be had, and with what."""

    component: Component
    architecture: str
    cache: Path
    lock: Lock | None
    downloads: Downloads
    progress: Callable[[str], None]

    @property
    def label(self) -> str:
        """The component, for people."""
        return f"{self.component.name} {self.component.version} ({self.architecture})"

    def tell_waiting(self) -> None:
        """Say that another process gets the component, or builds."""
        self.progress(text("{component}: waiting for another hardway that gets or builds "
                           "components", component=self.label))  # fmt: skip

    @property
    def pinned(self) -> Mapping[str, Stored]:
        """Files that the lock pins, by binary; empty without a lock."""
        if not self.lock:
            return {}
        rows = self.lock.of(self.component, self.architecture)
        binaries = zip(self.component.packages, self.component.files, strict=True)
        return {name: rows[file] for name, file in binaries}


async def ensure(
    components: Sequence[Component],
    architecture: str,
    *,
    progress: Progress,
    cache: Path,
    lock: Lock | None = None,
) -> dict[str, Stored]:
    """Return the components' files by name, getting those that are not in the cache.

    Raises:
        ComponentError: one is unavailable from every source, or is not what its digest says.
    """
    found = {c.name: store.read(c, architecture, cache, lock) for c in components}
    if missing := [c for c in components if not found[c.name]]:
        got = await _get_all(missing, architecture, progress=progress, cache=cache, lock=lock)
        found |= zip((c.name for c in missing), got, strict=True)
    return {name: row for of in found.values() for name, row in of.items()}


async def _get_all(
    missing: Sequence[Component],
    architecture: str,
    *,
    progress: Progress,
    cache: Path,
    lock: Lock | None,
) -> list[dict[str, Stored]]:
    def tell(doing: str) -> None:
        progress("", doing)

    web = Web()
    # In threads, for a download or a build takes minutes, in which machines are made.
    with ThreadPoolExecutor(AT_ONCE) as files, ThreadPoolExecutor(len(missing)) as waiting:
        downloads = Downloads(web, files, Meter(tell), cache / "partial")
        loop = asyncio.get_running_loop()
        errands = [Errand(c, architecture, cache, lock, downloads, tell) for c in missing]
        try:
            return await asyncio.gather(*(loop.run_in_executor(waiting, _get, e) for e in errands))
        finally:
            # Nothing is under way then, but after an error or Ctrl-C, which end the rest.
            web.stop.set()


def _get(errand: Errand) -> dict[str, Stored]:
    component, architecture, cache = errand.component, errand.architecture, errand.cache
    lock = store.lock_file(component, architecture, cache)
    with store.exclusive(lock, errand.downloads.web.stop, errand.tell_waiting):
        there = store.read(component, architecture, cache, errand.lock)
        if there:
            return there
        with store.workplace(cache) as folder:
            files = {}
            for name, (path, origin) in _binaries(errand, folder).items():
                _check_machine(path, name, errand)
                if name in component.images:
                    archive = folder / f"{name}.tar"
                    write_image(path, name, image(name), archive, architecture)
                    files[archive.name] = archive, origin
                else:
                    files[name] = path, origin
            return store.keep(component, architecture, files, cache, errand.lock)


def _check_machine(binary: Path, name: str, errand: Errand) -> None:
    with binary.open("rb") as file:
        header = file.read(20)
    number = int.from_bytes(header[18:20], "little")
    if header.startswith(b"\x7fELF") and ELF_MACHINES.get(number) != errand.architecture:
        raise ComponentError(
            text("{name} of {component} is for {architecture}", name=name, component=errand.label,
                 architecture=ELF_MACHINES.get(number, text("machine type {id}", id=number))),
            hint="HARDWAY_COMPONENTS_DIR names a folder of one architecture",
        )  # fmt: skip


def _binaries(errand: Errand, folder: Path) -> dict[str, tuple[Path, Origin]]:
    """Get a component's binaries from the first source that has them all."""
    folder_given = os.environ.get("HARDWAY_COMPONENTS_DIR")
    if folder_given and (files := _given(errand.component, Path(folder_given), folder)):
        return _all_from(files, Origin(f"given in {folder_given}"))
    pinned = next(iter(errand.pinned.values()), None)
    if pinned is None or not pinned.toolchain:
        try:
            return _downloaded(errand, folder)
        except UnavailableError as error:
            if pinned is not None and pinned.url:
                raise ComponentError(
                    text("{component} is pinned to a download that is unavailable: {why}",
                         component=errand.label, why=error.why),
                    hint="try again later, or take it from where it is available now: "
                    "hardway lock --update",
                ) from error  # fmt: skip
            if errand.component.release:
                errand.progress(text("{component}: no download ({why})",
                                     component=errand.label, why=error.why))  # fmt: skip
    return _built(errand, folder, pinned.toolchain if pinned else "")


def _downloaded(errand: Errand, folder: Path) -> dict[str, tuple[Path, Origin]]:
    component = errand.component
    if errand.lock and all(row.url for row in errand.pinned.values()):
        lock = errand.lock.name
        artifacts = {n: Artifact(r.url, r.url_sha256, lock) for n, r in errand.pinned.items()}
    else:
        artifacts = published(component, errand.architecture, errand.downloads.web)
    files = download(component, errand.architecture, artifacts, folder, errand.downloads)
    source = f"downloaded release v{component.upstream}"
    return {
        name: (path, Origin(source, artifacts[name].url, artifacts[name].sha256))
        for name, path in files.items()
    }


def _built(errand: Errand, folder: Path, toolchain: str) -> dict[str, tuple[Path, Origin]]:
    component, stop = errand.component, errand.downloads.web.stop
    with BUILDS, store.exclusive(store.build_lock(errand.cache), stop, errand.tell_waiting):
        go = gobuild.toolchain(errand.cache, errand.progress, stop)
        if toolchain and toolchain != go.version:
            raise ComponentError(
                text("{component} is pinned as built by {pinned}; found {found} ({path}), which "
                     "would give other bytes", component=errand.label, pinned=toolchain,
                     found=go.version, path=go.path),
                hint=text("put {pinned} first on PATH, or pin the component as built by this one: "
                          "hardway lock --update", pinned=toolchain),
            )  # fmt: skip
        files = gobuild.build(go, component, errand.architecture, folder)
    module = component.module_sum or "hardway's own"
    return _all_from(
        files, Origin(f"built from Go modules ({module}) by {go.version}", toolchain=go.version)
    )


def _all_from(files: Mapping[str, Path], origin: Origin) -> dict[str, tuple[Path, Origin]]:
    return {name: (path, origin) for name, path in files.items()}


def _given(component: Component, given: Path, folder: Path) -> dict[str, Path]:
    """Copy a component's binaries from the user's folder; empty unless all are there.

    Raises:
        ComponentError: one is not what the `.sha256` file beside it says.
    """
    if not all((given / file).is_file() for file in component.packages):
        return {}
    files = {}
    for file in component.packages:
        files[file] = folder / f".{file}"
        shutil.copyfile(given / file, files[file])
        beside = given / f"{file}.sha256"
        if beside.exists():
            expected, found = beside.read_text().split()[0].lower(), digest_of(files[file])
            if found != expected:
                raise ComponentError(
                    text("{file} is not the file that {checksum} describes\n{digests}",
                         file=given / file, checksum=beside.name, digests=other(expected, found)),
                    hint="get the file or the checksum again, whichever is wrong",
                )  # fmt: skip
    return files
