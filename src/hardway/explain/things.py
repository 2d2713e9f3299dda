"""What can be asked about: things with names, and how each answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from hardway.explain.answer import Point
from hardway.explain.scene import Scene
from hardway.text import joined as listed


class Kind(StrEnum):
    """Kinds of things."""

    FILE = "file"
    FLAG = "flag"
    SETTING = "setting"
    UNIT = "unit"
    PROGRAM = "program"
    PORT = "port"
    ADDRESS = "address"
    RANGE = "range"
    CERTIFICATE = "certificate"
    CA = "certificate authority"
    CONNECTION = "connection"
    IDENTITY = "identity"
    STEP = "step"
    CHECK = "check"
    OBJECT = "API object"
    MACHINE = "machine"
    PACKAGE = "package"
    EFFECT = "effect"
    USER = "user"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something in a cluster that people ask about."""

    kind: Kind
    name: str
    short: str = ""
    """What people call it where that is shorter; as good as the name."""
    aliases: tuple[str, ...] = ()
    """Other texts that mean it. Several things may share one: then people choose."""
    tags: tuple[str, ...] = ()
    """Where the tables of consequences, differences and readings have it: the closest first."""
    summary: str
    """One line, for lists."""
    machines: tuple[str, ...] = ()
    """Machines that have it: they are asked which processes run, and how the files are."""
    paths: tuple[str, ...] = ()
    """Files on machines that a live answer compares."""
    points: Callable[[Scene], Iterable[Point]] = field(repr=False, compare=False)
    breaks: Callable[[], Iterable[Point]] = field(default=tuple, repr=False, compare=False)
    """What follows from other tables' rows where it is missing or changed."""


def joined(names: Iterable[str]) -> str:
    """Return names as a list for people, each once."""
    return listed(", ", dict.fromkeys(names))
