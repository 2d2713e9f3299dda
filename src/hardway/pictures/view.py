"""What pictures are drawn from: the atlas, and what was seen of the living cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hardway.atlas.atlas import Atlas
from hardway.model.resources import Finding
from hardway.pictures.model import Tone
from hardway.status import Status

MARKS = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.UNKNOWN: "?", Tone.PLAIN: "·", Tone.QUIET: "·"}
"""Say the same as the colours, for those who do not see them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture wants to show of a machine: the output of a command that changes nothing."""

    machine: str
    command: str


@dataclass(frozen=True, slots=True)
class View:
    """A cluster as a picture may show it."""

    atlas: Atlas
    findings: tuple[Finding, ...] = ()
    """What `verify` found; empty where nobody was asked."""
    status: Status | None = None
    said: Mapping[Look, str] = field(default_factory=dict)
    """What commands printed."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def tone(self, machine: str, *checks: str) -> Tone:
        """Return how a part of a machine is, by the checks that say so.

        Plain where none of them was made.
        """
        own = [f for f in self.findings if f.machine == machine and f.check in checks]
        if any(f.fails for f in own):
            return Tone.BAD
        if any(f.open for f in own):
            return Tone.UNKNOWN
        return Tone.GOOD if own else Tone.PLAIN
