"""Rows of rendered files: what each entry is and why it is there. They outlive rendering."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of a configuration file, or one flag of a command."""

    name: str
    value: object
    why: str
    quiet: bool = field(default=False, kw_only=True)
    """The reason can be asked but is not printed: all files of the kind have this entry, or the
    entry above says it already."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a configuration file that has a name and entries of its own."""

    name: str
    rows: tuple["Row", ...]
    why: str
    quiet: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Note:
    """The reason for a value in a format that has no comments (JSON)."""

    name: str
    """The value's path in the document, e.g. `plugins[0].mtu`; it stands for all below it."""
    why: str
    quiet: bool = field(default=True, init=False)


@dataclass(frozen=True, slots=True)
class Reread:
    """A file whose change needs no restart: the process reads it again by itself."""

    path: str
    why: str
    """When the process reads it again, and where that is written."""


Row = Setting | Section | Note


def quiet(name: str, value: object, why: str) -> Setting:
    """Return a setting whose reason is not printed."""
    return Setting(name, value, why, quiet=True)


def walk(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield all rows, each section before what is in it."""
    for row in rows:
        yield row
        if isinstance(row, Section):
            yield from walk(row.rows)
