"""Where each part of a picture goes. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hardway.pictures.model import (
    Arrow,
    Box,
    Branch,
    Column,
    Drawing,
    Frame,
    Ladder,
    Message,
    Part,
    Row,
    Tone,
    Tree,
)
from hardway.pictures.sheet import Line, Rectangle, Shape, Sheet, Words
from hardway.text import cells, wrapped

WIDTH = 100
"""Cells a picture may take: a terminal of usual size."""
GAP = 2
Say = Callable[[str], str]
"""Translates a text."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part whose shapes are known, from its own upper left corner."""

    width: int
    height: int
    shapes: tuple[Shape, ...] = ()


def lay_out(drawing: Drawing, say: Say = str) -> Sheet:
    """Return a picture on a sheet, in the language that `say` translates to."""
    block = _block(drawing.part, say, WIDTH)
    notes = [line for note in drawing.footnotes for line in wrapped(say(note), WIDTH)]
    below = tuple(Words(0, block.height + 1 + n, line, Tone.QUIET) for n, line in enumerate(notes))
    height = block.height + (len(notes) + 1 if notes else 0)
    width = max([block.width, *(cells(line) for line in notes)])
    return Sheet(width, height, (*block.shapes, *below))


def _block(part: Part, say: Say, width: int) -> Block:  # noqa: PLR0911 - one for each kind
    match part:
        case Box():
            return _box(part, say, width)
        case Frame():
            return _frame(part, say, width)
        case Row(parts):
            return _row(parts, say, width)
        case Column(parts):
            return _column(parts, say, width)
        case Tree(branches):
            return _tree(branches, say, width)
        case Ladder():
            return _ladder(part, say, width)
        case Arrow():
            return _downwards(part, say)


def _moved(block: Block, x: int, y: int) -> tuple[Shape, ...]:
    return tuple(_shifted(shape, x, y) for shape in block.shapes)


def _shifted(shape: Shape, x: int, y: int) -> Shape:
    if isinstance(shape, Line):
        (x1, y1), (x2, y2) = shape.start, shape.end
        return replace(shape, start=(x1 + x, y1 + y), end=(x2 + x, y2 + y))
    return replace(shape, x=shape.x + x, y=shape.y + y)


def _after(mark: str, text: str) -> str:
    return f"{mark} {text}" if mark else text


def _box(box: Box, say: Say, width: int) -> Block:
    title = wrapped(_after(box.mark, say(box.title)), width - 4)
    lines = [line for text in box.lines for line in wrapped(say(text), width - 4)]
    inner = max(map(cells, [*title, *lines]))
    words = [
        *(Words(2, 1 + n, text, box.tone, strong=True) for n, text in enumerate(title)),
        *(Words(2, 1 + len(title) + n, text) for n, text in enumerate(lines)),
    ]
    height = len(words) + 2
    border = Rectangle(0, 0, inner + 4, height, box.tone, box.about, say(box.title))
    return Block(inner + 4, height, (border, *words))


def _frame(frame: Frame, say: Say, width: int) -> Block:
    inner = _block(frame.part, say, width - 4)
    title = say(frame.title)
    wide = max(inner.width, cells(title)) + 4
    border = Rectangle(0, 0, wide, inner.height + 3, frame.tone, frame.about, title)
    head = Words(2, 1, title, frame.tone, strong=True)
    return Block(wide, inner.height + 3, (border, head, *_moved(inner, 2, 2)))


def _row(parts: Sequence[Part], say: Say, width: int) -> Block:
    lines: list[list[Block]] = [[]]
    for part in parts:
        block = _across(part, say) if isinstance(part, Arrow) else _block(part, say, width)
        taken = sum(b.width + GAP for b in lines[-1])
        if lines[-1] and taken + block.width > width:
            lines.append([])
        lines[-1].append(block)
    return _stacked([_side_by_side(line) for line in lines])


def _side_by_side(blocks: Sequence[Block]) -> Block:
    height = max(b.height for b in blocks)
    shapes: list[Shape] = []
    x = 0
    for block in blocks:
        shapes += _moved(block, x, (height - block.height) // 2)
        x += block.width + GAP
    return Block(x - GAP, height, tuple(shapes))


def _column(parts: Sequence[Part], say: Say, width: int) -> Block:
    return _stacked([_block(part, say, width) for part in parts])


def _stacked(blocks: Sequence[Block]) -> Block:
    width = max(b.width for b in blocks)
    shapes: list[Shape] = []
    y = 0
    for block in blocks:
        shapes += _moved(block, (width - block.width) // 2, y)
        y += block.height
    return Block(width, y, tuple(shapes))


def _downwards(arrow: Arrow, say: Say) -> Block:
    lines = wrapped(say(arrow.text), 60) if arrow.text else []
    height = max(2, len(lines) + 1)
    words = tuple(Words(2, n, line, Tone.QUIET) for n, line in enumerate(lines))
    widest = max(map(cells, lines), default=0)
    line = Line((0, 0), (0, height - 1), arrow.tone, head=True, tail=arrow.both)
    # As wide to the left as to the right, so that the line is in the middle of its column.
    block = Block(widest + 2, height, (line, *words))
    return Block(2 * widest + 5, height, _moved(block, widest + 2, 0))


def _across(arrow: Arrow, say: Say) -> Block:
    text = say(arrow.text)
    width = max(4, cells(text) + 3)
    line = Line((0, 1), (width - 1, 1), arrow.tone, head=True, tail=arrow.both)
    return Block(width, 2, (line, Words(1, 0, text, Tone.QUIET)))


def _tree(branches: Sequence[Branch], say: Say, width: int) -> Block:
    rows = list(_limbs(branches, say, ()))
    longest = max((len(stem) + cells(text) for stem, text, _ in rows), default=0)
    column = min(longest + 2, width // 2)
    shapes: list[Shape] = []
    y = widest = 0
    for stem, text, branch in rows:
        # A long name pushes its note to the next line.
        own = len(stem) + cells(text)
        shapes += [Words(0, y, stem, Tone.QUIET),
                   Words(len(stem), y, text, branch.tone, strong=not stem)]  # fmt: skip
        widest = max(widest, own)
        notes = wrapped(say(branch.note), width - column) if branch.note else []
        y += 1 if own >= column and notes else 0
        for n, line in enumerate(notes):
            shapes.append(Words(column, y + n, line, Tone.QUIET))
            widest = max(widest, column + cells(line))
        y += max(1, len(notes))
    return Block(widest, y, tuple(shapes))


def _limbs(
    branches: Sequence[Branch], say: Say, above: tuple[bool, ...]
) -> Iterator[tuple[str, str, Branch]]:
    """Yield each branch with what is drawn before it; `above` says which limbs go on."""
    for number, branch in enumerate(branches):
        last = number == len(branches) - 1
        trunk = "".join("│  " if more else "   " for more in above[1:])
        stem = trunk + ("└─ " if last else "├─ ") if above else ""
        yield stem, _after(branch.mark, say(branch.text)), branch
        yield from _limbs(branch.branches, say, (*above, not last))


def _ladder(ladder: Ladder, say: Say, width: int) -> Block:
    boxes = [_box(box, say, width // len(ladder.participants)) for box in ladder.participants]
    centers = _centers(ladder, boxes, say)
    top = max(b.height for b in boxes)
    shapes: list[Shape] = []
    for block, x in zip(boxes, centers, strict=True):
        shapes += _moved(block, x - block.width // 2, top - block.height)
    y = top
    rungs: list[Shape] = []
    for number, message in enumerate(ladder.messages, start=1):
        rungs += _rung(message, f"{number} {say(message.text)}", centers, y + 1)
        y += 2
    lifelines = [Line((x, top), (x, y), Tone.QUIET) for x in centers]
    details = [
        (f"{number:>2}  " if first else "    ", line)
        for number, message in enumerate(ladder.messages, start=1)
        if message.detail
        for first, line in _firsts(wrapped(say(message.detail), width - 4))
    ]
    for n, (mark, line) in enumerate(details):
        shapes += [Words(0, y + 2 + n, mark, strong=True), Words(4, y + 2 + n, line)]
    right = max(x + b.width - b.width // 2 for x, b in zip(centers, boxes, strict=True))
    ends = [s.x + cells(s.text) for s in (*shapes, *rungs) if isinstance(s, Words)]
    height = y + 1 + (len(details) + 1 if details else 0)
    return Block(max([right, *ends]), height, (*lifelines, *shapes, *rungs))


def _firsts(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    for number, line in enumerate(lines):
        yield number == 0, line


def _centers(ladder: Ladder, boxes: Sequence[Block], say: Say) -> list[int]:
    """Return the column of each participant: far enough apart for boxes and for messages."""
    centers = [boxes[0].width // 2]
    for right in range(1, len(boxes)):
        own = [
            cells(say(m.text)) + 8
            for m in ladder.messages
            if {m.sender, m.receiver} in ({right - 1, right}, {right - 1})
        ]
        room = (boxes[right - 1].width + boxes[right].width) // 2 + GAP
        centers.append(centers[-1] + max([room, *own]))
    return centers


def _rung(message: Message, text: str, centers: Sequence[int], y: int) -> Iterator[Shape]:
    start, end = centers[message.sender], centers[message.receiver]
    if start == end:
        yield Words(start, y, "•", message.tone, strong=True)
        yield Words(start + 2, y, text, message.tone)
        return
    step = 1 if end > start else -1
    yield Line((start + step, y), (end - step, y), message.tone, head=True)
    yield Words(min(start, end) + 3, y, f" {text} ", message.tone)
