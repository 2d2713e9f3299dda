"""Distributions that hardway knows its way on: a row for each. To add one, add a row and try it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archive:
    """Where a family of releases has its packages, and whose signature they bear."""

    mirrors: Mapping[str, str]
    """By architecture."""
    pockets: tuple[str, ...]
    """One-line sources without `deb` and options: what is filled in are mirror and suite."""
    keyring: str
    keyring_package: str

    def sources(self, suite: str, architecture: str) -> str:
        """Return the text of a sources.list(5)."""
        mirror = self.mirrors[architecture]
        rows = (pocket.format(mirror=mirror, suite=suite) for pocket in self.pockets)
        return "".join(f"deb [signed-by={self.keyring}] {row}\n" for row in rows)


DEBIAN = Archive(
    mirrors=dict.fromkeys(("amd64", "arm64"), "http://ftp.debian.org/debian"),
    pockets=(
        "{mirror} {suite} main",
        "{mirror} {suite}-updates main",
        "http://security.debian.org/debian-security {suite}-security main",
    ),
    keyring="/usr/share/keyrings/debian-archive-keyring.gpg",
    keyring_package="debian-archive-keyring",
)
UBUNTU = Archive(
    mirrors={
        "amd64": "http://archive.ubuntu.com/ubuntu",
        "arm64": "http://ports.ubuntu.com/ubuntu-ports",
    },
    pockets=(
        "{mirror} {suite} main universe",
        "{mirror} {suite}-updates main universe",
        "{mirror} {suite}-security main universe",
    ),
    keyring="/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    keyring_package="ubuntu-keyring",
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A release, by what its /etc/os-release says."""

    id: str
    version: str
    name: str
    suite: str
    archive: Archive


DISTRIBUTIONS = (
    Distribution("debian", "12", "Debian 12", "bookworm", DEBIAN),
    Distribution("debian", "13", "Debian 13", "trixie", DEBIAN),
    Distribution("ubuntu", "22.04", "Ubuntu 22.04", "jammy", UBUNTU),
    Distribution("ubuntu", "24.04", "Ubuntu 24.04", "noble", UBUNTU),
)
"""All with apt and the package names of steps/packages.py."""
BY_SUITE = {row.suite: row for row in DISTRIBUTIONS}


def known(id_: str, version: str) -> bool:
    """Return whether a release is one of them."""
    return any((row.id, row.version) == (id_, version) for row in DISTRIBUTIONS)


NAMES = ", ".join(row.name for row in DISTRIBUTIONS)
