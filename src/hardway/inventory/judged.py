"""What is said of one entry of a cluster that others made."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How an entry is, beside what hardway would have."""

    UNSAFE = "unsafe"
    """It gives somebody rights, or what is secret, or it does not work."""
    DIFFERS = "differs"
    """It means something else than hardway's entry; that may be wanted."""
    SAME = "same"
    """It means the same."""
    UNKNOWN = "unknown"
    """Nobody could be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One entry on one machine."""

    machine: str
    component: str
    """The program, or `machine` for what is no program's."""
    at: str
    """The entry: a flag, a setting of a file, a certificate's name."""
    expected: str
    found: str
    severity: Severity
    why: str
    """Why hardway has what it has; of an unsafe entry what can happen."""
    where: str = ""
    """The file there that says so; empty where it is the process's flag."""
    see: str = ""
    """A command that shows the same, for people."""
