"""A cluster as chapters and tasks: what a person does on which machine, why, and how it is checked.

Made from what is rendered (`chapters.py`), written down by `guide.py` and `shell.py`. Values only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hardway.components import Stored
from hardway.export.made import Content
from hardway.model.cluster import Cluster
from hardway.model.resources import File, Item, Manifest
from hardway.model.rows import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What to look at first where a proof does not hold."""

    check: str
    machine: str
    """Where the command is run; empty: on this host."""
    script: str


class Judge(StrEnum):
    """How what a proof prints is compared with what is expected: functions of lib/proofs.sh."""

    SUCCEEDS = "succeeds"
    """It need not print anything."""
    SAYS = "says"
    """Its last line is just that."""
    SAME = "same"
    """It prints these words, however they are laid out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One look, and what is to be seen."""

    check: str
    """The name of the check, or of the effect, that it is made of."""
    subjects: tuple[str, ...]
    """Machines, or `endpoint` for the cluster as a whole."""
    machines: tuple[str, ...]
    """Where it is run, on each of them by itself; none where it is run on this host."""
    script: str
    """`kubectl`, and `on MACHINE SCRIPT`, are functions of lib/machines.sh."""
    judge: Judge = Judge.SUCCEEDS
    expected: str = ""
    why: str
    otherwise: str = ""
    """What brings it about where it is not so."""
    causes: tuple[Cause, ...] = ()
    """Without which it cannot hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A file as it gets to a machine."""

    file: File
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing on one kind of machine."""

    name: str
    """Unique in its chapter."""
    title: str
    why: str
    machines: tuple[str, ...]
    """All of them do the same; their files may differ. None where it is done on this host."""
    items: tuple[Item, ...] = ()
    """What the first of them is given."""
    parts: tuple[tuple[str, str], ...] = ()
    """What it consists of, where that is several things: a name and why."""
    puts: Mapping[str, tuple[Put, ...]] = field(default_factory=dict)
    """Files by machine."""
    commands: tuple[str, ...]
    """As root on each machine, in a folder with its files; or on this host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A step."""

    number: int
    name: str
    title: str
    why: str
    tasks: tuple[Task, ...]
    later: Mapping[str, str] = field(default_factory=dict)
    """Checks of this step that hold only after a later one, with its name."""
    carried: tuple[Proof, ...] = ()
    """Of earlier steps, which hold only now."""
    objects: tuple[Manifest, ...] = ()
    """What is applied through the API once the tasks are done and what was carried holds."""
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    """Why objects are as they are; see `Step.notes`."""
    patches: tuple[Manifest, ...] = ()
    """Fields of objects that others made, set once these are there."""
    proofs: tuple[Proof, ...]
    afterwards: tuple[str, ...] = ()
    """What takes away what was made for the proofs; run on this host."""
    settles_s: int
    """How long it may take until the proofs hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a machine is reached."""

    machine: str
    argv: tuple[str, ...]
    """Of ssh(1), up to the destination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All of it."""

    cluster: Cluster
    logins: tuple[Login, ...]
    chapters: tuple[Chapter, ...]
    kubeconfigs: Mapping[str, Content]
    """Of this host, by file name."""
    components: Mapping[str, Stored]
    """By SHA-256."""
    kubectl: str
    """The SHA-256 of this host's."""
    cache: str
    """Where this host keeps components."""
