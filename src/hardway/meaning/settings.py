"""Lines with a name and a value each: kernel settings, environment files, routes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network
from itertools import pairwise

from hardway.meaning.base import Deviation, shown

DEFAULT = "default"
TYPES = frozenset({"unreachable", "blackhole", "prohibit", "throw"})
"""What stands before a destination that nothing leads to (ip-route(8))."""


def _lines(text: bytes) -> Iterator[str]:
    for line in text.decode(errors="replace").splitlines():
        bare = line.strip()
        if bare and not bare.startswith(("#", ";")):
            yield bare


def sysctls(text: bytes) -> Mapping[str, tuple[str, ...]]:
    """Return kernel settings as sysctl.d(5) reads them; the last line of a name counts."""
    found = {}
    for line in _lines(text):
        name, is_given, value = line.partition("=")
        if is_given:
            found[name.strip().removeprefix("-").replace("/", ".")] = tuple(value.split())
    return found


def environment(text: bytes) -> Mapping[str, tuple[str, ...]]:
    """Return an environment file's variables (systemd.exec(5), EnvironmentFile=)."""
    found = {}
    for line in _lines(text):
        name, is_given, value = line.partition("=")
        if is_given:
            bare = value.strip()
            quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
            found[name.strip()] = (bare[1:-1] if quoted else bare,)
    return found


def routes(text: bytes) -> Mapping[str, tuple[str, ...]]:
    """Return where packets for each destination go, of lines as ip-route(8) prints them."""
    found = {}
    for line in _lines(text):
        words = line.split()
        kind = words.pop(0) if words[0] in TYPES else ""
        destination, said = words[0] if words else "", dict(pairwise(words))
        place = "0.0.0.0/0" if destination == DEFAULT else destination
        # The link follows from the next machine's address; protocol and metric lead nowhere else.
        with suppress(ValueError):
            network = IPv4Network(place, strict=False)
            found[str(network)] = (kind or said.get("via") or said.get("dev", ""),)
    return found


def sysctl_deviations(wanted: bytes, found: bytes) -> list[Deviation]:
    """Return the wanted kernel settings that are not so."""
    return _subset(sysctls(wanted), sysctls(found))


def environment_deviations(wanted: bytes, found: bytes) -> list[Deviation]:
    """Return the wanted variables that are not so."""
    return _subset(environment(wanted), environment(found))


def route_deviations(wanted: bytes, found: bytes) -> list[Deviation]:
    """Return the wanted routes that are missing or lead elsewhere."""
    return _subset(routes(wanted), routes(found))


def _subset(
    ours: Mapping[str, tuple[str, ...]], theirs: Mapping[str, tuple[str, ...]]
) -> list[Deviation]:
    return [
        Deviation(name, shown(value), shown(theirs.get(name)))
        for name, value in ours.items()
        if theirs.get(name) != value
    ]
