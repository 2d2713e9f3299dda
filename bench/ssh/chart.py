"""A curve for each tool, both axes logarithmic: what grows with the number of hosts is a slope."""

import math
from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 820, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 296, 48, 52
COLOURS = ("#1f6feb", "#2da44e", "#bf3989", "#9a6700", "#8250df", "#cf222e")
LABELS = WIDTH - RIGHT + 14
X_TICKS = (10, 20, 50, 100)
NEAR = 16
"""Pixels between the middles of two labels, at least."""

Points = Sequence[tuple[int, float]]


def draw(curves: Mapping[str, Points]) -> str:
    """Return an SVG; the curve that is named first is the one the others are compared with."""
    times = [seconds for points in curves.values() for _, seconds in points]
    high = max(times) * 1.3
    low = max(tick for tick in _ticks(0.01, high) if tick < min(times))

    def x(count: float) -> float:
        inside = WIDTH - LEFT - RIGHT
        return LEFT + inside * math.log(count / X_TICKS[0]) / math.log(X_TICKS[-1] / X_TICKS[0])

    def y(seconds: float) -> float:
        inside = HEIGHT - TOP - BOTTOM
        return HEIGHT - BOTTOM - inside * math.log(seconds / low) / math.log(high / low)

    parts = [_head()]
    for tick in (t for t in _ticks(0.01, high) if t >= low):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
                     f'y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')  # fmt: skip
        parts.append(_text(LEFT - 10, y(tick) + 4, f"{tick:g} s", "axis", anchor="end"))
    for count in X_TICKS:
        parts.append(f'<line class="grid" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
                     f'x1="{x(count):.1f}" x2="{x(count):.1f}"/>')  # fmt: skip
        parts.append(_text(x(count), HEIGHT - BOTTOM + 20, str(count), "axis", anchor="middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "hosts", "axis", anchor="middle"))
    parts.append(_text(LEFT, 26, "Nothing to change: seconds until the tool says so", "title"))
    ends = spread({name: y(points[-1][1]) for name, points in curves.items()})
    for colour, (name, points) in zip(COLOURS, curves.items(), strict=False):
        at = [(x(count), y(seconds)) for count, seconds in points]
        thick = name == next(iter(curves))
        parts += _curve(at, colour, ends[name], thick=thick)
        last = points[-1][1]
        label = f"{name} {last:.0f} s" if last >= 10 else f"{name} {last:.1f} s"
        weight = ' font-weight="600"' if thick else ""
        parts.append(f'<text x="{LABELS}" y="{ends[name] + 4:.1f}" style="fill:{colour}"{weight}>'
                     f"{label}</text>")  # fmt: skip
    return "\n".join([*parts, "</svg>", ""])


def _head() -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size}>
<style>
text {{ font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f }}
.title {{ font-size: 15px; font-weight: 600 }}
.axis {{ fill: #57606a }}
.grid {{ stroke: #d8dee4; stroke-width: 1 }}
.lead {{ stroke: #afb8c1; stroke-width: 1; stroke-dasharray: 2 3 }}
</style>
<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>"""


def _ticks(low: float, high: float) -> Iterator[float]:
    decade = low
    while decade <= high:
        yield from (tick for step in (1, 2, 5) if (tick := decade * step) <= high)
        decade *= 10


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _curve(
    at: Sequence[tuple[float, float]], colour: str, label_y: float, *, thick: bool
) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    end_x, end_y = at[-1]
    width = 3 if thick else 1.8
    dot = f'r="{width + 1.4:.1f}" fill="{colour}"'
    lead = f'x1="{end_x + 6:.1f}" y1="{end_y:.1f}" x2="{LABELS - 4}" y2="{label_y:.1f}"'
    return [
        f'<line class="lead" {lead}/>',
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" {dot}/>' for x, y in at),
    ]


def spread(wanted: Mapping[str, float]) -> dict[str, float]:
    """Return where labels go so that none covers another, each as near as can be to its place."""
    placed: dict[str, float] = {}
    floor = -math.inf
    for name, y in sorted(wanted.items(), key=lambda item: item[1]):
        placed[name] = floor = max(y, floor + NEAR)
    return placed
