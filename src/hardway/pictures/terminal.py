"""A sheet as lines of characters."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.pictures.model import Tone
from hardway.pictures.sheet import Line, Rectangle, Sheet, Words
from hardway.text import cells


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of one look."""

    text: str
    tone: Tone
    strong: bool = False


WIDE = ""
"""Stands in the second cell of a letter that takes two."""
HEADS = {(1, 0): "▶", (-1, 0): "◀", (0, 1): "▼", (0, -1): "▲"}
Grid = dict[tuple[int, int], tuple[str, Tone, bool]]


def lines(sheet: Sheet) -> Iterator[tuple[Span, ...]]:
    """Yield the lines from top to bottom, each as spans."""
    grid: Grid = {}
    for shape in sheet.shapes:
        match shape:
            case Rectangle():
                _border(grid, shape)
            case Line():
                _line(grid, shape)
            case Words():
                _words(grid, shape)
    for y in range(sheet.height):
        end = max((x for x, row in grid if row == y), default=-1)
        row = [grid.get((x, y), (" ", Tone.PLAIN, False)) for x in range(end + 1)]
        yield tuple(_spans(row))


def plain(sheet: Sheet) -> str:
    """Return the lines without any look."""
    rows = ("".join(span.text for span in row) for row in lines(sheet))
    return "\n".join(rows) + "\n"


def _spans(row: list[tuple[str, Tone, bool]]) -> Iterator[Span]:
    run: list[str] = []
    look: tuple[Tone, bool] | None = None
    for char, tone, strong in row:
        if look not in {None, (tone, strong)}:
            yield Span("".join(run), *_known(look))
            run = []
        look = (tone, strong)
        run.append(char)
    if run:
        yield Span("".join(run), *_known(look))


def _known(look: tuple[Tone, bool] | None) -> tuple[Tone, bool]:
    return look or (Tone.PLAIN, False)


def _border(grid: Grid, shape: Rectangle) -> None:
    left, top = shape.x, shape.y
    right, bottom = left + shape.width - 1, top + shape.height - 1
    for x in range(left, right + 1):
        for y in (top, bottom):
            grid[x, y] = ("─", shape.tone, False)
    for y in range(top, bottom + 1):
        for x in (left, right):
            grid[x, y] = ("│", shape.tone, False)
    for corner, at in zip("┌┐└┘", ((left, top), (right, top), (left, bottom), (right, bottom)),
                          strict=True):  # fmt: skip
        grid[at] = (corner, shape.tone, False)


def _line(grid: Grid, shape: Line) -> None:
    (x1, y1), (x2, y2) = shape.start, shape.end
    step = ((x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1))
    char = "─" if step[0] else "│"
    length = max(abs(x2 - x1), abs(y2 - y1))
    for n in range(length + 1):
        grid[x1 + n * step[0], y1 + n * step[1]] = (char, shape.tone, False)
    if shape.head:
        grid[x2, y2] = (HEADS[step], shape.tone, False)
    if shape.tail:
        grid[x1, y1] = (HEADS[-step[0], -step[1]], shape.tone, False)


def _words(grid: Grid, shape: Words) -> None:
    x = shape.x
    for char in shape.text:
        grid[x, shape.y] = (char, shape.tone, shape.strong)
        if cells(char) == 2:
            grid[x + 1, shape.y] = (WIDE, shape.tone, shape.strong)
        x += cells(char)
