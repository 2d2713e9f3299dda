"""Where a rule's evidence is: among the rendered rows, and on a machine or in the API.

Each kind of evidence is read in both places and comes out as the same items, so that one predicate
judges what would be rendered and what runs.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from typing import Any, Protocol

import yaml

from hardway.model.checks import CLUSTER, Ask, Kubectl, Scope, Sh
from hardway.model.resources import Desired, File, Folder, Manifest
from hardway.model.rows import Section, Setting
from hardway.render.systemd import UNITS

Items = Mapping[str, tuple[str, ...]]
"""What was found, by name: a flag's values, a file's mode. Without words: absent."""


class Evidence(Protocol):
    """Where a rule is seen to hold; `str()` says where, in short."""

    @property
    def scope(self) -> Scope:
        """On which machines, or in the cluster as a whole."""

    @property
    def ask(self) -> Ask:
        """The question by which it is seen live; what is said holds no secret."""

    @property
    def see(self) -> str:
        """The command by which people see it."""

    def rendered(self, wanted: Desired, objects: Sequence[Manifest]) -> Items | None:
        """Return it as it is rendered, for a machine and for the API; None: that is not ours."""

    def said(self, answer: str) -> Items:
        """Return it from an answer to the question.

        Raises:
            ValueError, LookupError, TypeError: the answer cannot be read.
        """


RUNNING = """pid=$(systemctl show --property=MainPID --value {unit})
[ "$pid" != 0 ] || {{ echo {unit} does not run; exit 1; }}"""


def running(unit: str) -> str:
    """Return shell lines that set `pid` to a unit's process, or end with what is wrong."""
    return RUNNING.format(unit=unit)


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags that a service's process runs with."""

    unit: str
    names: tuple[str, ...]
    scope: Scope

    def __str__(self) -> str:
        return f"{self.unit} {' '.join(self.names)}"

    @property
    def ask(self) -> Sh:
        """Ask for the process's whole command line, the same for all rules."""
        return Sh(f"{running(self.unit)}\ntr '\\0' '\\n' </proc/$pid/cmdline")

    @property
    def see(self) -> str:
        """Show these flags."""
        program = self.unit.removesuffix(".service")
        names = " ".join(f"-e {name}" for name in self.names)
        flags = f"pgrep -af ^/usr/local/bin/{program} | tr ' ' '\\n' | grep {names}"
        return f'hardway ssh <MACHINE> -- "{flags}"'

    def rendered(self, wanted: Desired, _objects: Sequence[Manifest]) -> Items:
        """Return the flags' rows in the unit's file."""
        rows = next((f.rows for f in wanted.files if f.path == f"{UNITS}/{self.unit}"), ())
        flags = [r for s in rows if isinstance(s, Section) and s.name == "ExecStart"
                 for r in s.rows if isinstance(r, Setting)]  # fmt: skip
        return {n: tuple(str(f.value) for f in flags if f.name == n) for n in self.names}

    def said(self, answer: str) -> Items:
        """Return the flags on the command line."""
        flags = list(_flags(answer.splitlines()[1:]))
        return {n: tuple(value for name, value in flags if name == n) for n in self.names}


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield flags and values of a command line in any of the forms that Go's programs take."""
    for word, after in zip(words, (*words[1:], "-"), strict=False):
        if word.startswith("-"):
            name, given, value = word.lstrip("-").partition("=")
            apart = "true" if after.startswith("-") else after
            yield f"--{name}", value if given else apart


@dataclass(frozen=True, slots=True)
class Files:
    """Modes and owners of files and folders."""

    paths: tuple[str, ...]
    scope: Scope
    below: str = ""
    """The pattern of names of those below the paths; empty: the paths themselves."""
    owners: bool = False
    """What counts is who owns them, not their modes."""

    def __str__(self) -> str:
        what = "owner" if self.owners else "mode"
        return f"{what} of {' '.join(self.paths)}{f'/**/{self.below}' if self.below else ''}"

    @property
    def ask(self) -> Sh:
        """Ask for all of them at once."""
        found = f"-name {shlex.quote(self.below)}" if self.below else "-maxdepth 0"
        return Sh(f"find {shlex.join(self.paths)} {found} -printf '%m %u:%g %p\\n' 2>/dev/null; :")

    @property
    def see(self) -> str:
        """Show them."""
        paths = " ".join(self.paths)
        if self.below:
            return f'hardway ssh <MACHINE> -- "find {paths} -name {shlex.quote(self.below)} -ls"'
        return f"hardway ssh <MACHINE> -- ls -ld {paths}"

    def rendered(self, wanted: Desired, _objects: Sequence[Manifest]) -> Items:
        """Return the rendered ones among them."""
        items: tuple[Folder | File, ...] = (*wanted.folders, *wanted.files)
        return self._items(
            (f"{f.mode:o}", f"{f.owner}:{f.owner}", f.path)
            for f in items
            if (self._below(f.path) if self.below else f.path in self.paths)
        )

    def said(self, answer: str) -> Items:
        """Return those that there are."""
        lines = (line.split(" ", 2) for line in answer.splitlines())
        return self._items((mode, owner, path) for mode, owner, path in lines)

    def _below(self, path: str) -> bool:
        inside = any(path == root or path.startswith(f"{root}/") for root in self.paths)
        return inside and fnmatch(path.rpartition("/")[2], self.below)

    def _items(self, found: Iterator[tuple[str, str, str]]) -> Items:
        named: Items = {} if self.below else dict.fromkeys(self.paths, ())
        seen = {path: (owner if self.owners else mode,) for mode, owner, path in found}
        return {**named, **seen}


@lru_cache(maxsize=64)
def _parsed(answer: str) -> Any:
    """Return an answer in JSON or YAML; many rules read the same one."""
    try:
        return json.loads(answer)
    except ValueError:
        return yaml.safe_load(answer)


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file, and how one asks for what a process makes of it."""

    path: str
    scope: Scope
    ask: Ask
    see: str
    root: str = ""
    """Below which key of the answer it is."""


def words(value: object) -> tuple[str, ...]:
    """Return a value of a configuration file as words; none where it is absent."""
    match value:
        case None:
            return ()
        case bool():
            return (str(value).lower(),)
        case list():
            return tuple(map(str, value))
        case _:
            return (str(value),)


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a configuration file."""

    document: Document
    names: tuple[str, ...]
    """With dots, from the outside in."""
    read: Callable[[Any], tuple[str, ...]] = words
    """What counts of a value."""

    def __str__(self) -> str:
        return f"{self.document.path} {' '.join(self.names)}"

    @property
    def scope(self) -> Scope:
        """The machines with the file."""
        return self.document.scope

    @property
    def ask(self) -> Ask:
        """Ask for the whole file, the same for all rules."""
        return self.document.ask

    @property
    def see(self) -> str:
        """Show the whole file."""
        return self.document.see

    def rendered(self, wanted: Desired, _objects: Sequence[Manifest]) -> Items:
        """Return the entries' rows in the file."""
        rows = next((f.rows for f in wanted.files if f.path == self.document.path), ())
        return self._items({r.name: r.value for r in rows if isinstance(r, Setting)})

    def said(self, answer: str) -> Items:
        """Return the entries in the file, or in the process's own account of it."""
        said = _parsed(answer) or {}
        return self._items(said[self.document.root] if self.document.root else said)

    def _items(self, entries: Mapping[str, Any]) -> Items:
        return {name: self.read(_at(entries, name)) for name in self.names}


def _at(value: Any, name: str) -> Any:
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True, slots=True)
class Listing:
    """Kinds of objects: how kubectl lists them, and which of hardway's own stand for them."""

    resources: str
    kinds: tuple[str, ...]


Select = Callable[[Sequence[Manifest]], Mapping[str, str]]
"""Which of the objects are not as a rule asks, and why, by name. Pure."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of the API that are not as a rule asks."""

    listing: Listing
    select: Select

    def __str__(self) -> str:
        return f"API {self.listing.resources}"

    @property
    def scope(self) -> Scope:
        """The cluster as a whole."""
        return CLUSTER

    @property
    def ask(self) -> Kubectl:
        """Ask for all objects of these kinds, the same for all rules."""
        everywhere = ("--all-namespaces", "--output=json")
        return Kubectl(("get", self.listing.resources, *everywhere), timeout_s=60)

    @property
    def see(self) -> str:
        """List them."""
        return f"hardway kubectl get {self.listing.resources} --all-namespaces"

    def rendered(self, _wanted: Desired, objects: Sequence[Manifest]) -> Items | None:
        """Return those of hardway's own; None where it makes no such objects."""
        own = [item for item in objects if item["kind"] in self.listing.kinds]
        return self._items(own) if own else None

    def said(self, answer: str) -> Items:
        """Return those in the answer, which is not kept: a pod's environment may hold secrets."""
        return self._items(_parsed(answer)["items"])

    def _items(self, objects: Sequence[Manifest]) -> Items:
        return {name: (why,) for name, why in self.select(objects).items()}
