"""Debian packages with all they depend on, of this host's suite, as a small archive apt can use."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from hardway.bundle.extras import Extras, Place
from hardway.bundle.pack import Packing
from hardway.components.stored import digest_of
from hardway.errors import CommandError
from hardway.host import run_now
from hardway.providers.local.rootfs import suite
from hardway.steps.packages import ROWS

EPOCH = re.compile(r"_\d+%3a")
"""In the names of files apt downloads; apt takes it for a quoted colon when it reads them."""


async def apt_packages(architectures: tuple[str, ...], at: Place) -> Extras:
    """Return the packages that hosts need, as far as this host's apt can give them."""
    names = sorted({row.name for row in ROWS})
    members: list[Packing] = []
    packages, lacking = {}, []
    for architecture in architectures:
        place = f"{suite()}-{architecture}"
        at.progress(f"getting packages and all they depend on ({place})")
        try:
            found = await asyncio.to_thread(_get, names, architecture, at.folder / place)
        except CommandError as error:
            reason = str(error).splitlines()[-1]
            lacking.append(f"packages for {place} ({' '.join(names)}): {reason}")
            continue
        packages[place] = tuple(sorted(deb.name for deb in found))
        index = at.folder / f"{place}.index"
        index.write_text("".join(_entry(deb) for deb in found))
        members += [Packing(f"packages/{place}/{deb.name}", deb) for deb in found]
        members.append(Packing(f"packages/{place}/Packages", index))
    lacking.append(f"packages for other suites than {suite()}: {' '.join(names)}")
    return Extras(members=tuple(members), packages=packages, lacking=tuple(lacking))


def _get(names: Sequence[str], architecture: str, folder: Path) -> list[Path]:
    """Download packages and all they depend on, as for a system that has none yet.

    Raises:
        CommandError: apt cannot give them.
    """
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "state" / "status").touch()
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Dir::State": f"{folder}/state",
        "Dir::State::status": f"{folder}/state/status",
        "Dir::Cache": f"{folder}/cache",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    apt = ["apt-get", "--quiet=2", *options]
    run_now([*apt, "update"])
    run_now([*apt, "--yes", "--download-only", "--no-install-recommends", "install", *names])
    archives = (folder / "cache" / "archives").glob("*.deb")
    return sorted(deb.rename(deb.with_name(EPOCH.sub("_", deb.name))) for deb in archives)


def _entry(deb: Path) -> str:
    """Return what an archive's index says of a package (deb822)."""
    said = run_now(["dpkg-deb", "--field", str(deb)]).rstrip("\n")
    size = deb.stat().st_size
    return f"{said}\nFilename: {deb.name}\nSize: {size}\nSHA256: {digest_of(deb)}\n\n"
