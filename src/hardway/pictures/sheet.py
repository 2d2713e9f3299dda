"""A picture with a shape: boxes, lines and words on a grid of character cells.

Both writers read it, so that the SVG and the terminal show the same.
"""

from dataclasses import dataclass

from hardway.pictures.model import Tone

Point = tuple[int, int]
"""Column and row of a cell."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A border; its corners are cells."""

    x: int
    y: int
    width: int
    height: int
    tone: Tone
    about: str = ""
    label: str = ""
    """What it is a border of, for screen readers."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line, with an arrow's head where asked for."""

    start: Point
    end: Point
    tone: Tone = Tone.PLAIN
    head: bool = False
    tail: bool = False
    """A head at its start too."""


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text."""

    x: int
    y: int
    text: str
    tone: Tone = Tone.PLAIN
    strong: bool = False


Shape = Rectangle | Line | Words


@dataclass(frozen=True, slots=True)
class Sheet:
    """All shapes of a picture; later ones lie above earlier ones."""

    width: int
    height: int
    shapes: tuple[Shape, ...]
