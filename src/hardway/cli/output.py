"""What commands print: tables and lines for people, JSON for programs.

JSON is printed as documented in docs/output.md; fields are added, never renamed.
"""

import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import click

from hardway.text import cells, language, text, translate

if TYPE_CHECKING:
    from hardway.model.resources import Finding
    from hardway.providers.base import Cost

TEXT, JSON = "text", "json"
COLOURS = {True: "green", False: "red"}


def emit_json(value: Any) -> None:
    """Print a value as JSON, dataclasses as objects."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def say(said: str) -> str:
    """Return a text in the language that people read here; see `hardway.text`."""
    return translate(said, language())


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in aligned columns under their headings; the last one is as long as it is."""
    lines = [tuple(map(say, headings)), *(tuple(row) for row in rows)]
    widths = [max(cells(click.unstyle(line[i])) for line in lines) for i in range(len(headings))]
    for index, line in enumerate(lines):
        columns = [
            cell + " " * (width - cells(click.unstyle(cell)))
            for cell, width in zip(line[:-1], widths, strict=False)
        ]
        shown = "  ".join([*columns, line[-1]]).rstrip()
        click.echo(click.style(shown, bold=True) if index == 0 else shown)


def indented(items: Iterable[str], *, by: int = 2, width: int = 98) -> str:
    """Return items with commas between them, wrapped and indented; names are not divided."""
    margin = " " * by
    return textwrap.fill(", ".join(items), width, initial_indent=margin, subsequent_indent=margin,
                         break_on_hyphens=False, break_long_words=False)  # fmt: skip


def mark(*, ok: bool) -> str:
    """Return a word in its colour for what is so or is not."""
    return click.style("ok" if ok else say("NOT OK"), fg=COLOURS[ok])


def verdict(of: "Finding") -> str:
    """Return a finding's verdict as a word in its colour; a warning says so."""
    if of.ok:
        return mark(ok=True)
    if of.severity == "warn":
        return click.style(say("warning"), fg="yellow")
    return mark(ok=False) if of.verdict == "wrong" else click.style(say("unknown"), fg="yellow")


def cost(of: "Cost") -> str:
    """Return what something costs as a line for people."""
    price = text("{hour:.2f} $/h ({day:.1f} $ a day), at most {most:.2f} $/h",
                 hour=of.per_hour, day=of.per_hour * 24, most=of.at_most)  # fmt: skip
    if of.unknown:
        price = text("more than {price}; no price is known of {things}", price=price,
                     things=", ".join(of.unknown))  # fmt: skip
    return say(text("costs {price}; list prices of {date}, without tax and data sent",
                    price=price, date=of.as_of))  # fmt: skip


def note(said: str) -> None:
    """Print a line beside the output proper: progress, hints."""
    click.echo(said, err=True)


def is_terminal() -> bool:
    """Return whether a person is likely to watch what goes to stderr."""
    return sys.stderr.isatty()
