"""Routing tables as `ip -4 -oneline route` prints them: which of their routes take our ranges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

LIST = "ip -4 -oneline route"
"""One line a route, also where it has several next hops."""
REFUSING = frozenset({"unreachable", "blackhole", "prohibit", "throw"})
TYPES = REFUSING | {"unicast", "local", "broadcast", "multicast", "anycast", "nat"}
"""What may stand before a destination (ip-route(8)); a plain route has no such word."""
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Route:
    """A route with a destination of its own."""

    destination: IPv4Network
    refuses: bool
    """It leads nowhere, on purpose."""
    text: str

    def takes(self, wanted: IPv4Network) -> bool:
        """Return whether packets for a range, or for a part of it, would go this way.

        A wide route that refuses is a precaution, and our own narrower routes overrule it.
        """
        if self.refuses:
            return self.destination.subnet_of(wanted)
        return self.destination.overlaps(wanted)


def routes(lines: Iterable[str]) -> Iterator[Route]:
    """Yield the routes of a table but the default ones.

    Raises:
        ValueError: a line begins with neither a type nor a destination.
    """
    for line in lines:
        words = line.split()
        kind = words.pop(0) if words and words[0] in TYPES else ""
        if not words:
            raise ValueError(f"a route without a destination: {line!r}")
        if words[0] != DEFAULT:
            destination = IPv4Network(words[0], strict=False)
            text = " ".join(filter(None, (kind, *words[:5])))
            yield Route(destination, kind in REFUSING, text)
