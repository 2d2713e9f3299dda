"""Distributions that hardway knows its way on: a row for each. To add one, add a row and try it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """A release, by what its /etc/os-release says."""

    id: str
    version: str
    name: str


DISTRIBUTIONS = (
    Distribution("debian", "12", "Debian 12"),
    Distribution("debian", "13", "Debian 13"),
    Distribution("ubuntu", "22.04", "Ubuntu 22.04"),
    Distribution("ubuntu", "24.04", "Ubuntu 24.04"),
)
"""All with apt and the package names of steps/packages.py."""


def known(id_: str, version: str) -> bool:
    """Return whether a release is one of them."""
    return any((row.id, row.version) == (id_, version) for row in DISTRIBUTIONS)


NAMES = ", ".join(row.name for row in DISTRIBUTIONS)
