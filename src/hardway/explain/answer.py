"""An answer: up to ten points about one thing, each short enough to be read at a glance."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hardway.text import text


class Aspect(Enum):
    """The points of an answer, in the order in which people read them."""

    WHAT = text("What it is")
    MADE = text("Who made it")
    READERS = text("Who uses it")
    HANDSHAKE = text("Who checks whom")
    IDENTITY = text("As whom, with which rights")
    CONTENT = text("What is in it")
    WITHOUT = text("What breaks without it")
    SEE = text("See it yourself")
    ELSEWHERE = text("Elsewhere")
    READ_ON = text("Read on")


@dataclass(frozen=True, slots=True)
class Point:
    """What there is to say under one aspect: sentences, then a table, then commands to paste."""

    aspect: Aspect
    texts: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    commands: tuple[str, ...] = ()
    title: str = ""
    """In place of the aspect's own."""
    more: bool = False
    """It is not part of the short answer."""

    @property
    def heading(self) -> str:
        """What the point is called."""
        return self.title or self.aspect.value

    def __bool__(self) -> bool:
        return bool(self.texts or self.rows or self.commands)


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known about one thing."""

    kind: str
    name: str
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()
    """What to know about the answer itself: a machine did not answer, nobody was asked."""

    @classmethod
    def of(cls, kind: str, name: str, points: Iterable[Point], notes: Iterable[str]) -> "Answer":
        """Return the answer with its points in the readers' order, without those that are empty."""
        order = list(Aspect)
        filled = sorted((p for p in points if p), key=lambda p: (order.index(p.aspect), p.more))
        return cls(kind, name, tuple(filled), tuple(notes))

    def under(self, aspect: Aspect) -> tuple[Point, ...]:
        """Return the points of one aspect."""
        return tuple(point for point in self.points if point.aspect is aspect)

    def shown(self, *, more: bool) -> tuple[Point, ...]:
        """Return the points to show: those of the short answer, or all."""
        return tuple(point for point in self.points if more or not point.more)
