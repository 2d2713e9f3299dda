"""What a bundle holds beside the components: for local machines, the root they share."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardway.bundle.pack import Packing
from hardway.components import architecture
from hardway.errors import RefusedError
from hardway.providers.local import rootfs, rootpack
from hardway.text import text

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Files, and what is to be known of them."""

    members: tuple[Packing, ...] = ()
    packages: Mapping[str, tuple[str, ...]]
    """Packages of the distribution, by suite and architecture."""
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """For which machines."""

    architectures: tuple[str, ...]
    suites: tuple[str, ...]
    """Releases of hosts' distributions; none stands for this host's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where extras come from, and where they may be made."""

    cache: Path
    folder: Path
    progress: Progress


async def base_roots(wanted: Wanted, at: Place) -> Extras:
    """Return the root of local machines; only this host's architecture can be built.

    Raises:
        RefusedError: packages for hosts are asked for.
    """
    if wanted.suites:
        raise RefusedError("--suite is for hosts of your own; local machines have one root")
    architectures = wanted.architectures
    lacking = tuple(
        text(
            "the machines' base root for {architecture}: only a host of that architecture can "
            "build it",
            architecture=name,
        )
        for name in architectures
        if name != architecture()
    )
    if architecture() not in architectures:
        return Extras(packages={}, lacking=lacking)
    base = await rootfs.ensure_base(at.cache, at.progress)
    tar = at.folder / rootpack.name(base)
    at.progress(text("packing the machines' base root"))
    await asyncio.to_thread(rootpack.pack, base, tar)
    return Extras(
        members=(Packing(f"base/{tar.name}", tar),),
        packages={tar.stem: rootpack.packages(base)},
        lacking=lacking,
    )
