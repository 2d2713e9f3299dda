"""Packages of the machine's distribution; any version will do."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hardway.engine.kinds.base import Difference, ItemKind, Sections, Stale, section
from hardway.model.resources import Kind, Observed, Package

FORM = r"${db:Status-Status} ${Package}\n"


def _question(names: Sequence[str]) -> str:
    ask = f"dpkg-query --show --showformat='{FORM}' {shlex.join(sorted(names))}"
    return f"{section('packages')}; {ask}"


def _read(sections: Sections, seen: Observed) -> Observed:
    rows = [line.split(" ") for line in sections["packages"]]
    installed = frozenset(name for status, name in rows if status == "installed")
    return replace(seen, packages=installed)


def _differs(package: Package, seen: Observed, _stale: Stale) -> Iterator[Difference]:
    if package.name not in seen.packages:
        yield Kind.INSTALL, package.name, package.why


def _by_hand(packages: Sequence[Package]) -> list[str]:
    names = shlex.join(sorted(package.name for package in packages))
    install = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends"
    return [f"dpkg-query --show {names} >/dev/null || {{ apt-get update && {install} {names}; }}"]


PACKAGE = ItemKind(
    type=Package,
    asks=lambda package: [(_question, package.name)],
    read=_read,
    differs=_differs,
    by_hand=_by_hand,
)
