"""Getting components: the cache, then a folder of the user's, upstream's releases, a build."""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hardway.components import cache as store
from hardway.components.cache import Stored, digest_of
from hardway.components.download import NotToBeHadError, download
from hardway.components.gobuild import build
from hardway.components.images import write as write_image
from hardway.components.table import Component, image
from hardway.errors import ComponentError

Progress = Callable[[str, str], None]


async def ensure(
    components: Sequence[Component], architecture: str, *, progress: Progress, cache: Path
) -> dict[str, Stored]:
    """Return the components' files by name, getting those that are not in the cache.

    Raises:
        ComponentError: one is to be had from no source, or is not what its digest says.
    """
    found: dict[str, Stored] = {}
    for component in components:
        there = store.read(component, architecture, cache)
        if not there:
            # In a thread: a build takes minutes, in which machines are made.
            there = await asyncio.to_thread(
                _get, component, architecture, cache, lambda text: progress("", text)
            )
        found |= there
    return found


def _get(
    component: Component, architecture: str, cache: Path, progress: Callable[[str], None]
) -> dict[str, Stored]:
    with store.locked(component, architecture, cache):
        there = store.read(component, architecture, cache)
        if there:
            return there
        with store.workplace(cache) as folder:
            binaries, source = _binaries(component, architecture, folder, cache, progress)
            files = {}
            for name, path in binaries.items():
                if name in component.images:
                    archive = folder / f"{name}.tar"
                    write_image(path, name, image(name), archive, architecture)
                    path, name = archive, archive.name  # noqa: PLW2901 - the image in its place
                files[name] = path
            return store.keep(component, architecture, files, source, cache)


def _binaries(
    component: Component,
    architecture: str,
    folder: Path,
    cache: Path,
    progress: Callable[[str], None],
) -> tuple[Mapping[str, Path], str]:
    given = os.environ.get("HARDWAY_COMPONENTS_DIR")
    if given:
        files = _given(component, Path(given), folder)
        if files:
            return files, f"given in {given}"
    label = f"{component.name} {component.version}"
    try:
        return (
            download(component, architecture, folder, progress),
            f"downloaded release v{component.version}",
        )
    except NotToBeHadError as error:
        if component.release:
            progress(f"{label}: no download ({error})")
    module = component.module_sum or "hardway's own"
    found = build(component, architecture, folder, cache, progress)
    return found, f"built from Go modules ({module})"


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
                    f"{given / file} is not what {beside.name} says\n"
                    f"  expected sha256 {expected}\n  found    sha256 {found}",
                    hint="get the file or the checksum again, whichever is wrong",
                )
    return files
