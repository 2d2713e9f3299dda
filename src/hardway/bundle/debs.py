"""Debian packages with all they depend on, for each suite a small archive that apt can use."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardway.bundle.extras import Extras, Place, Wanted
from hardway.bundle.pack import Packing
from hardway.components import architecture as own_architecture
from hardway.components.stored import digest_of
from hardway.errors import CommandError, ComponentError, RefusedError
from hardway.host import run_now
from hardway.providers import apt
from hardway.providers.apt import suite as own_suite
from hardway.providers.hosts.distributions import BY_SUITE
from hardway.steps.packages import ROWS
from hardway.text import text

EPOCH = re.compile(r"_\d+%3a")
"""In the names of files apt downloads; apt takes it for a quoted colon when it reads them."""


async def apt_packages(wanted: Wanted, at: Place) -> Extras:
    """Return the packages that hosts need, as far as this host's apt can get them.

    Raises:
        RefusedError: a suite is asked for that nobody knows.
    """
    suites = wanted.suites or (own_suite(),)
    if unknown := set(suites) - {*BY_SUITE, own_suite()}:
        raise RefusedError(
            text("hardway does not know the suite {suites}", suites=", ".join(sorted(unknown))),
            hint=text("choose among these: {suites}", suites=", ".join(BY_SUITE)),
        )
    names = sorted({row.name for row in ROWS})
    members: list[Packing] = []
    packages, lacking = {}, []
    for suite, architecture in ((s, a) for s in suites for a in wanted.architectures):
        place = f"{suite}-{architecture}"
        at.progress(text("getting packages and all that they depend on ({place})", place=place))
        try:
            found = await asyncio.to_thread(_archive, names, suite, architecture, at.folder / place)
        except (CommandError, ComponentError) as error:
            said = str(error).splitlines()
            reason = next((line for line in said if line.startswith("E: ")), said[-1])
            lacking.append(text("packages for {place} ({packages}): {reason}",
                                place=place, packages=" ".join(names), reason=reason))  # fmt: skip
            continue
        packages[place] = tuple(deb.name for deb in found if deb.suffix == ".deb")
        members += [Packing(f"packages/{place}/{file.name}", file) for file in found]
    if others := [suite for suite in BY_SUITE if suite not in suites]:
        lacking.append(text("packages for hosts of {suites}: ask for them by --suite",
                            suites=", ".join(others)))  # fmt: skip
    return Extras(members=tuple(members), packages=packages, lacking=tuple(lacking))


def _archive(names: Sequence[str], suite: str, architecture: str, folder: Path) -> list[Path]:
    """Return packages with all they depend on, as for a system that has none yet, and their index.

    Raises:
        CommandError: apt cannot give them.
        ComponentError: this host cannot tell whether they are genuine.
    """
    for part in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d"):
        (folder / part).mkdir(parents=True)
    (folder / "state" / "status").touch()
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dir::State": f"{folder}/state",
        "Dir::State::status": f"{folder}/state/status",
        "Dir::Cache": f"{folder}/cache",
        **_elsewhere(suite, architecture, folder),
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    apt = ["apt-get", "--quiet=2", *options]
    run_now([*apt, "update"])
    run_now([*apt, "--yes", "--download-only", "--no-install-recommends", "install", *names])
    archives = folder / "cache" / "archives"
    debs = sorted(deb.rename(deb.with_name(EPOCH.sub("_", deb.name)))
                  for deb in archives.glob("*.deb"))  # fmt: skip
    index = archives / "Packages"
    index.write_text("".join(_entry(deb) for deb in debs))
    return [*debs, index]


def _elsewhere(suite: str, architecture: str, folder: Path) -> Mapping[str, str]:
    """Return settings by which apt sees a suite's own archive, and nothing of this host's.

    None for this host's own suite and architecture: its sources have those.
    """
    if (suite, architecture) == (own_suite(), own_architecture()):
        return {}
    (folder / "etc" / "sources.list").write_text(sources(suite, architecture))
    return {"Dir::Etc": f"{folder}/etc", "APT::Update::Error-Mode": "any"}


def sources(suite: str, architecture: str) -> str:
    """Return a sources.list(5) for a suite: from the mirrors of this host's own, where those do.

    Raises:
        CommandError: this host's apt cannot read its own sources.
        ComponentError: this host cannot tell whether packages are genuine.
    """
    archive, own = BY_SUITE[suite].archive, BY_SUITE.get(own_suite())
    if not Path(archive.keyring).exists():
        raise ComponentError(
            text("{file} is missing; apt-get install {package}",
                 file=archive.keyring, package=archive.keyring_package)
        )  # fmt: skip
    mirror = archive.mirrors[architecture]
    if own and own.archive.mirrors.get(own_architecture()) == mirror:
        return apt.sources(suite, archive.keyring)
    return archive.sources(suite, architecture)


def _entry(deb: Path) -> str:
    """Return what an archive's index says of a package (deb822)."""
    said = run_now(["dpkg-deb", "--field", str(deb)]).rstrip("\n")
    size = deb.stat().st_size
    return f"{said}\nFilename: {deb.name}\nSize: {size}\nSHA256: {digest_of(deb)}\n\n"
