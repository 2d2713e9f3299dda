"""A sheet as SVG: for a file of its own, or within a page."""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from hardway.pictures.sheet import Line, Rectangle, Sheet, Words
from hardway.text import cells

CELL_X, CELL_Y = 8.4, 18.0
"""Pixels of a cell: a monospaced letter of 14 px, and the distance of lines."""
MARGIN = 12.0
STYLE = """
svg.picture { --ink: #1f2328; --quiet: #59636e; --line: #8c959f; --paper: #ffffff; --box: #f6f8fa;
  --good: #1a7f37; --bad: #cf222e; --unknown: #9a6700; }
@media (prefers-color-scheme: dark) { svg.picture { --ink: #e6edf3; --quiet: #9198a1;
  --line: #6e7681; --paper: #0d1117; --box: #161b22; --good: #3fb950; --bad: #ff7b72;
  --unknown: #d29922; } }
svg.picture text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  fill: var(--ink); white-space: pre; }
svg.picture rect { fill: var(--box); stroke: var(--line); stroke-width: 1.2; }
svg.picture rect.paper { fill: var(--paper); stroke: none; }
svg.picture path { fill: none; stroke: var(--line); stroke-width: 1.4; }
svg.picture path.head { fill: var(--line); stroke: none; }
svg.picture text.strong { font-weight: 600; }
svg.picture text.quiet { fill: var(--quiet); }
""" + "".join(
    f"svg.picture text.{tone} {{ fill: var(--{tone}); }}"
    f"svg.picture rect.{tone}, svg.picture path.{tone} {{ stroke: var(--{tone}); }}"
    f"svg.picture path.head.{tone} {{ fill: var(--{tone}); stroke: none; }}\n"
    for tone in ("good", "bad", "unknown")
)  # fmt: skip


def document(sheet: Sheet, title: str, caption: str) -> str:
    """Return a file of its own, with its look."""
    inner = "".join(_shapes(sheet))
    return _root(sheet, title, caption, f"<style>{STYLE}</style>{inner}")


def fragment(sheet: Sheet, title: str, caption: str) -> str:
    """Return the picture for a page that has `STYLE` already."""
    return _root(sheet, title, caption, "".join(_shapes(sheet)))


def _root(sheet: Sheet, title: str, caption: str, inner: str) -> str:
    width = sheet.width * CELL_X + 2 * MARGIN
    height = sheet.height * CELL_Y + 2 * MARGIN
    # role=img: read as one thing, by its title and description.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" width="{width:.0f}"'
        f' height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        f"<title>{escape(title)}</title><desc>{escape(caption)}</desc>"
        f'<rect class="paper" width="100%" height="100%"/>{inner}</svg>\n'
    )


def _shapes(sheet: Sheet) -> Iterator[str]:
    order = {Rectangle: 0, Line: 1, Words: 2}
    for shape in sorted(sheet.shapes, key=lambda s: order[type(s)]):
        match shape:
            case Rectangle():
                yield _rectangle(shape)
            case Line():
                yield _line(shape)
            case Words():
                yield _words(shape)


def _rectangle(shape: Rectangle) -> str:
    x, y = _at(shape.x, shape.y)
    about = f" data-about={quoteattr(shape.about)}" if shape.about else ""
    return (
        f'<rect class="{shape.tone}"{about} x="{x:.1f}" y="{y:.1f}" rx="5" '
        f'width="{(shape.width - 1) * CELL_X:.1f}" height="{(shape.height - 1) * CELL_Y:.1f}"/>'
    )


def _at(x: float, y: float) -> tuple[float, float]:
    """Return the middle of a cell."""
    return MARGIN + (x + 0.5) * CELL_X, MARGIN + (y + 0.5) * CELL_Y


def _line(shape: Line) -> str:
    (x1, y1), (x2, y2) = _at(*shape.start), _at(*shape.end)
    step = ((x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1))
    heads = ""
    if shape.head:
        heads += _head(x2, y2, step, shape.tone)
    if shape.tail:
        heads += _head(x1, y1, (-step[0], -step[1]), shape.tone)
    return f'<path class="{shape.tone}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>{heads}'


def _head(x: float, y: float, step: tuple[int, int], tone: str) -> str:
    """Return a triangle whose point lies half a cell beyond, at the edge of what it leads to."""
    dx, dy = step
    tip_x, tip_y = x + dx * CELL_X / 2, y + dy * CELL_Y / 2
    back_x, back_y = tip_x - dx * 9, tip_y - dy * 9
    return (
        f'<path class="head {tone}" d="M{tip_x:.1f} {tip_y:.1f}'
        f"L{back_x + dy * 4.5:.1f} {back_y + dx * 4.5:.1f}"
        f'L{back_x - dy * 4.5:.1f} {back_y - dx * 4.5:.1f}Z"/>'
    )


def _words(shape: Words) -> str:
    if not shape.text.strip():
        return ""
    lead = len(shape.text) - len(shape.text.lstrip())
    text = shape.text.strip()
    x, y = MARGIN + (shape.x + lead) * CELL_X, MARGIN + (shape.y + 0.76) * CELL_Y
    look = " ".join(filter(None, [shape.tone, "strong" * shape.strong]))
    # A text that begins with a blank interrupts the line that it stands on.
    ground = (
        f'<rect class="paper" x="{x - CELL_X:.1f}" y="{y - 12:.1f}" height="16" '
        f'width="{(cells(text) + 2) * CELL_X:.1f}"/>'
        if lead
        else ""
    )
    # With its length each text fits its cells, whatever font there is.
    return ground + (
        f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" textLength="{cells(text) * CELL_X:.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )
