"""What a picture says, before it has a shape: boxes, arrows, ladders and trees. Values only."""

from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """How something looks, by what is known about it."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Box:
    """Something with a name, and lines about it."""

    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN
    about: str = ""
    """What `hardway explain` is asked for more."""
    mark: str = ""
    """Stands before the title."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """Leads from what stands before it to what stands after it."""

    text: str = ""
    both: bool = False
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """Parts side by side; what does not fit goes below."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Column:
    """Parts one below the other."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A border with a name around a part."""

    title: str
    part: "Part"
    tone: Tone = Tone.PLAIN
    about: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of a tree, and what hangs below it."""

    text: str
    note: str = ""
    """Stands beside the text, in another column."""
    tone: Tone = Tone.PLAIN
    branches: tuple["Branch", ...] = ()
    about: str = ""
    mark: str = ""
    """Stands before the text."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Trees, one below the other."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One step of a ladder: from one participant to another, or something it does by itself."""

    sender: int
    receiver: int
    text: str
    """Short: it stands at the arrow."""
    detail: str = ""
    """Stands below the picture, under the message's number."""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Ladder:
    """Who says what to whom, from top to bottom."""

    participants: tuple[Box, ...]
    messages: tuple[Message, ...]


Part = Box | Arrow | Row | Column | Frame | Tree | Ladder


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole picture."""

    title: str
    part: Part
    caption: str
    """What one sees in it, for people who do not see it."""
    footnotes: tuple[str, ...] = field(default=())
