"""What a run tells while it goes on: to the terminal, and to the cluster's journal."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Happened(StrEnum):
    """Kinds of events."""

    BEGUN = "begun"
    """A run began; `text` is its command."""
    DOING = "doing"
    """Something is being done to a machine, or (no machine) on this host."""
    CHANGED = "changed"
    """A change was made; `text` is what, `step` whose."""
    STEP = "step"
    """A step is being brought about and checked."""
    HELD = "held"
    """All checks of a step hold, `seconds` after its beginning."""
    LEFT = "left"
    """A machine is no part of the cluster any more, though others may not know it yet."""
    WARNED = "warned"
    """Something about a machine that one should know."""
    ENDED = "ended"
    """The run ended well, after `seconds`."""
    FAILED = "failed"
    """The run ended otherwise; `text` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the journal."""

    happened: Happened
    machine: str = ""
    step: str = ""
    text: str = ""
    seconds: float = 0.0
    at: float = field(default_factory=time.time)
    """Seconds since 1970."""


Report = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Journal:
    """The cluster's journal: one JSON object a line, appended. Holds no secrets."""

    path: Path

    def __call__(self, event: Event) -> None:
        """Append an event."""
        row = {key: value for key, value in asdict(event).items() if value}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def events(self) -> Iterator[Event]:
        """Yield what was written, oldest first; a line cut short by a kill is left out."""
        if not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            try:
                row = json.loads(line)
                yield Event(**{**row, "happened": Happened(row["happened"])})
            except (ValueError, TypeError, KeyError):
                continue


def both(first: Report, second: Report) -> Report:
    """Return a report that tells two others."""

    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell
