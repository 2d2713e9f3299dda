"""The atlas: all that a cluster consists of, rendered, and indexed by path."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hardway.atlas.entries import Entry, entries
from hardway.atlas.material import Material, materials
from hardway.engine.render import Rendered, manifests, render
from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import Desired, File, Item, Manifest, Unit
from hardway.steps.base import Given
from hardway.steps.index import STEPS

HOST = ""
"""In place of a machine's name: the host that hardway runs on."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Something wanted, with the machine that has it and the step that puts it there."""

    machine: str
    step: str
    item: Item


@dataclass(frozen=True)
class Atlas:
    """A cluster's rendered machines and objects, and the questions one can ask about them."""

    given: Given = field(repr=False)
    rendered: Rendered = field(repr=False)
    objects: Mapping[str, tuple[Manifest, ...]] = field(repr=False)
    """API objects by step."""
    assumed: bool = False
    """Machines were not asked: their facts are those of an ordinary machine."""

    @classmethod
    def of(cls, given: Given, *, assumed: bool = False) -> "Atlas":
        """Return the atlas of a cluster with all its steps."""
        return cls(given, render(STEPS, given), manifests(STEPS, given), assumed)

    @property
    def cluster(self) -> Cluster:
        """The cluster that this is about."""
        return self.given.cluster

    @cached_property
    def placed(self) -> tuple[Placed, ...]:
        """All that is put on machines, in the order of machines and steps."""
        return tuple(
            Placed(machine, step, item)
            for machine, by_step in self.rendered.items()
            for step, desired in by_step.items()
            for item in desired.items
        )

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every flag and setting of every file on every machine."""
        return tuple(
            entry
            for placed in self.placed
            if isinstance(placed.item, File)
            for entry in entries(placed.machine, placed.step, placed.item)
        )

    def desired(self, machine: str) -> Iterator[tuple[str, Desired]]:
        """Yield what a machine gets, by step."""
        yield from self.rendered[machine].items()

    def at(self, path: str, machine: str | None = None) -> tuple[Placed, ...]:
        """Return what is put at a path: on one machine, or on all that have it."""
        return tuple(
            placed
            for placed in self._by_path.get(path, ())
            if machine is None or placed.machine == machine
        )

    @cached_property
    def _by_path(self) -> Mapping[str, list[Placed]]:
        found: dict[str, list[Placed]] = defaultdict(list)
        for placed in self.placed:
            path = getattr(placed.item, "path", "")
            if path and not isinstance(placed.item, Unit):
                found[path].append(placed)
        return found

    def file(self, machine: str, path: str) -> File:
        """Return a machine's file.

        Raises:
            KeyError: the machine has no such file.
        """
        for placed in self.at(path, machine):
            if isinstance(placed.item, File):
                return placed.item
        raise KeyError(path)

    def units(self, name: str) -> tuple[Placed, ...]:
        """Return a unit on each machine that has it."""
        return tuple(
            placed
            for placed in self.placed
            if isinstance(placed.item, Unit) and placed.item.name == name
        )

    def value(self, machine: str, path: str, name: str) -> str:
        """Return a single value of a machine's file by its full name, as text.

        Raises:
            KeyError: there is no such value.
        """
        for entry in self._of_file.get((machine, path), ()):
            for full, value in entry.values():
                if full == name:
                    return str(value)
        raise KeyError(name)

    @cached_property
    def _of_file(self) -> Mapping[tuple[str, str], list[Entry]]:
        found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            found[entry.machine, entry.file.path].append(entry)
        return found

    def readers(self, path: str, machine: str) -> tuple[Entry, ...]:
        """Return the flags and settings on a machine that name a path."""
        return tuple(self._naming.get((machine, path), ()))

    @cached_property
    def _naming(self) -> Mapping[tuple[str, str], list[Entry]]:
        """Entries by machine and by each path of hardway's that their values name."""
        found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            named = {path for _, value in entry.values() for path in self.paths_in(str(value))}
            if entry.name.startswith("/"):
                named.add(entry.name)
            for path in named:
                found[entry.machine, path].append(entry)
        return found

    def paths_in(self, text: str) -> tuple[str, ...]:
        """Return the paths in a text at which hardway puts something."""
        words = text.replace(",", " ").replace("=", " ").split()
        plain = (word.strip("'\";:").removeprefix("unix://").lstrip("-+!@") for word in words)
        return tuple(word for word in plain if word in self._by_path)

    def reading_units(self, path: str, machine: str) -> tuple[Unit, ...]:
        """Return the units of a machine whose processes read a path, at their start or again."""
        return tuple(
            placed.item
            for placed in self.placed
            if placed.machine == machine
            and isinstance(placed.item, Unit)
            and path in {*placed.item.reads, *(row.path for row in placed.item.rereads)}
        )

    @cached_property
    def materials(self) -> Mapping[str, Mapping[str, Material]]:
        """Certificates, keys and CAs by machine and path; `HOST` has this host's."""
        machines: dict[str, Machine | None] = {m.name: m for m in self.cluster.machines}
        return {
            name: materials(self.cluster, machine)
            for name, machine in {HOST: None, **machines}.items()
        }
