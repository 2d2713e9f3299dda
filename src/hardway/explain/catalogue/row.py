"""A row of the catalogue of errors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause, and what decides whether it is the one."""

    why: str
    check: str = ""
    """The check of `hardway verify` that sees it."""
    connection: str = ""
    """The connection that fails by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """A row: a text that programs print when something is wrong."""

    name: str
    pattern: str
    """A regular expression that finds it within a longer text; named groups fill `means`."""
    example: str
    """The line as it was really printed."""
    source: str
    """Where the example comes from: a program that was made to print it, or the code that does."""
    said_by: str
    """Who prints it, in whose journal or at whose command."""
    means: str
    """What it says, in plain words."""
    causes: tuple[Cause, ...]
    """The likely first."""
    avoid: tuple[str, ...] = ()
    """Cures found on the internet that do harm, each with the reason."""
    helps: tuple[str, ...] = ()
    """Commands that fix it, one after another, where `hardway up` does not; holes as in `see`."""
    see: str
    """A command that shows more; holes as in checks, and <WORKER>."""
    expected: str = ""
    """When it is no fault at all."""
