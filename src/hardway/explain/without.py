"""What breaks without a thing, in the words in which it is reported: rows by tag."""

from collections.abc import Iterator

from hardway.explain.answer import Aspect, Point

WITHOUT: dict[str, str] = {}


def points(tags: tuple[str, ...], own: tuple[Point, ...]) -> Iterator[Point]:
    """Yield what the table says; of the closest tag, and only where nothing closer is said."""
    if any(point.aspect is Aspect.WITHOUT for point in own if point):
        return
    said = next((WITHOUT[tag] for tag in tags if tag in WITHOUT), "")
    yield Point(Aspect.WITHOUT, (said,) if said else ())
