"""A difference in meaning, in words."""

from collections.abc import Callable
from dataclasses import dataclass

from hardway.text import text

ABSENT = text("absent")
EMPTY = text("empty")


@dataclass(frozen=True, slots=True)
class Deviation:
    """One entry that means something else than is expected."""

    at: str
    """The entry, as its format calls it: `[Service] User`, `authentication.x509.clientCAFile`."""
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.at}: expected {self.expected}, found {self.found}"


Comparator = Callable[[bytes, bytes], list[Deviation]]
"""Returns how the second text deviates in meaning from the first."""


def shown(values: tuple[str, ...] | None) -> str:
    """Return an entry's values for people."""
    if values is None:
        return ABSENT
    return " ".join(values) or EMPTY
