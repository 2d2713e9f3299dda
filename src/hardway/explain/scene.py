"""What machines said when they were asked about a thing; nothing where nobody was asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hardway.text import text


@dataclass(frozen=True, slots=True)
class Running:
    """A unit's main process."""

    pid: int
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known beside the rendered files."""

    asked: bool = False
    processes: Mapping[tuple[str, str], Running] = field(default_factory=dict)
    """By machine and unit (without suffix)."""
    digests: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """SHA-256 of files as they are, by machine and path; empty where the file is absent."""
    given: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """SHA-256 of files as hardway last gave them to machines, by machine and path."""
    silent: Mapping[str, str] = field(default_factory=dict)
    """Why a machine did not answer, by its name."""
    machine: str = ""
    """The machine that the question names; empty where it names none."""

    def chosen(self, machines: Iterable[str]) -> tuple[str, ...]:
        """Return the machines that the question is about, of those that have the thing."""
        own = tuple(dict.fromkeys(machines))
        return tuple(name for name in own if name == self.machine) or own

    def process(self, machine: str, unit: str) -> str:
        """Return `machine` with the process of a unit there, as far as that is known."""
        running = self.processes.get((machine, unit))
        return f"{machine} (PID {running.pid})" if running else machine

    def state(self, machine: str, path: str) -> str:
        """Return how a file on a machine compares with what it was given; empty if unknown."""
        found, given = (of.get((machine, path)) for of in (self.digests, self.given))
        if found is None or not given:
            return ""
        if not found:
            return text("missing on the machine")
        return (
            text("as hardway put it there")
            if found == given
            else text("changed since hardway put it there")
        )


NOBODY_ASKED = Scene()
