"""What hardway knows of a kind of thing: how a machine is asked, what differs, how it is put."""

import shlex
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hardway.model.resources import ROOT, Kind, Observed

T = TypeVar("T")

SECTION = "== "
"""Begins the line before each part of the script's output."""

Question = Callable[[Sequence[str]], str]
"""Returns shell lines that print sections about all its arguments.

Starting a program is what costs on a machine: each is started once, whatever the number of things.
"""

Sections = Mapping[str, Sequence[str]]
"""The script's output: lines by section; sections that were not printed are empty."""

Stale = Mapping[str, float]
"""When files became what they should not be, by path: by the machine's clock, or infinitely late
for files that are absent."""

Difference = tuple[Kind, str, str]
"""How an item has to change, what it is called, and the difference for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An item as a member of the archive that a machine unpacks."""

    path: str
    type: bytes = tarfile.REGTYPE
    mode: int = 0o644
    owner: str = ROOT
    content: bytes = b""
    link: str = ""
    merged: bool = False
    """The content is lines of ours, to be joined with the others' lines that are there."""

    @property
    def renamed(self) -> bool:
        """Whether it is put beside its place first, from where a rename puts it there whole."""
        return self.type != tarfile.DIRTYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKind(Generic[T]):
    """A row of the table of kinds."""

    type: type[T]
    asks: Callable[[T], Iterable[tuple[Question, str]]]
    """Which questions are asked about an item, and with which argument."""
    read: Callable[[Sections, Observed], Observed]
    """Adds what the answers say of this kind to what was seen."""
    differs: Callable[[T, Observed, Stale], Iterator[Difference]]
    """Yields what has to change for the item to be as it is wanted."""
    prose: Callable[[T, Observed], bool] = lambda _item, _observed: False
    """Whether the text differs and its meaning does not (docs/adr/0034)."""
    entry: Callable[[T], Entry] | None = None
    """How it is put at its path; None where it is brought about otherwise."""
    by_hand: Callable[[Sequence[T]], Sequence[str]]
    """Returns the commands with which a person puts some items, as root on the machine.

    Files and blobs lie in a tree below the current folder. The commands may be run again.
    """


AnyKind = ItemKind[Any]


def section(name: str) -> str:
    """Return the shell command that begins a section."""
    return f"echo {shlex.quote(SECTION + name)}"
