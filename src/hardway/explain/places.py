"""Where things come from: the step, the command, and the copy in the cluster's folder."""

from collections.abc import Iterable, Iterator

from hardway.atlas.atlas import Atlas, Placed
from hardway.engine.kinds import BY_TYPE
from hardway.explain.answer import Aspect, Point
from hardway.explain.things import joined
from hardway.model.resources import Blob, Block, File, Folder
from hardway.text import Text, text

Standing = File | Folder | Block | Blob
"""What stands at a path."""


def standing(placed: Placed) -> Standing:
    """Return what is put at a path, for who found it by its path."""
    assert isinstance(placed.item, Standing)  # noqa: S101 - nothing else has a path
    return placed.item


def copy_of(atlas: Atlas, placed: Placed) -> str:
    """Return where this host keeps a copy of what was put on a machine."""
    assert isinstance(placed.item, File)  # noqa: S101 - only files have one
    tree = "secrets" if placed.item.secret else "nodes"
    return f"clusters/{atlas.cluster.name}/{tree}/{placed.machine}{placed.item.path}"


def by_step(step: str) -> Text:
    """Return the sentence that names the step and the command."""
    return text("hardway up, in its step {step}.", step=step)


def made(atlas: Atlas, found: Iterable[Placed]) -> Iterator[Point]:
    """Yield who put something where, and how one does it by hand."""
    placed = list(found)
    first = placed[0]
    rows = [(text("on"), joined(p.machine for p in placed))]
    if isinstance(first.item, File):
        rows.append((text("mode"), f"{first.item.mode:04o} {first.item.owner}"))
        rows.append((text("copy here"), copy_of(atlas, first)))
    yield Point(Aspect.MADE, (by_step(first.step),), rows=tuple(rows))
    yield Point(Aspect.MADE, commands=tuple(by_hand(first)), more=True, title="By hand")


def by_hand(placed: Placed) -> list[str]:
    """Return the shell lines that put the thing there, as root on the machine."""
    kind = BY_TYPE[type(placed.item)]
    return list(kind.by_hand([placed.item]))
