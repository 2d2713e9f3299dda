"""Where to read on: upstream's pages, the tutorial's chapter, documents of hardway. Rows by tag."""

from collections.abc import Iterator

from hardway.explain.answer import Aspect, Point

READINGS: dict[str, tuple[str, ...]] = {}
SHOWN = 2
"""Places of the short answer: the closest ones."""


def points(tags: tuple[str, ...]) -> Iterator[Point]:
    """Yield the places for all of a thing's tags, the closest first."""
    found = tuple(dict.fromkeys(place for tag in tags for place in READINGS.get(tag, ())))
    yield Point(Aspect.READ_ON, found[:SHOWN])
    yield Point(Aspect.READ_ON, found[SHOWN:], more=True)
