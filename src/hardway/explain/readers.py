"""Who uses a path: flags and settings that name it, and processes that read it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import basename

from hardway.atlas.atlas import Atlas
from hardway.explain.answer import Aspect, Point
from hardway.explain.scene import Scene
from hardway.explain.things import joined
from hardway.model.resources import Unit
from hardway.render.systemd import UNITS
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Reader:
    """An entry that names a path, and the units whose processes act on it."""

    units: tuple[str, ...]
    file: str
    entry: str

    @property
    def label(self) -> str:
        """How people write it: `kube-apiserver --client-ca-file`, `kubelet.yaml clientCAFile`."""
        own = len(self.units) == 1 and self.file == f"{UNITS}/{self.units[0]}.service"
        entry = self.entry.split(" ", 1)[0].rsplit(".", 1)[-1]
        return f"{self.units[0] if own else basename(self.file)} {entry}"

    @property
    def is_command(self) -> bool:
        """Whether the path stands within a command that systemd runs beside the program."""
        return self.entry.startswith("Exec")


def unit_name(unit: str) -> str:
    """Return a unit's name as people say it: a service without its suffix."""
    return unit.removesuffix(".service")


def units_of(atlas: Atlas, file: str, machine: str) -> tuple[str, ...]:
    """Return the units on a machine whose processes act on what a file says."""
    if file.startswith(f"{UNITS}/"):
        return (unit_name(file.removeprefix(f"{UNITS}/")),)
    return tuple(unit_name(unit.name) for unit in atlas.reading_units(file, machine))


def readers(atlas: Atlas, path: str) -> dict[Reader, list[str]]:
    """Return who names a path, each with the machines where it does."""
    found: dict[Reader, list[str]] = {}
    for placed in atlas.at(path):
        machine = placed.machine
        for entry in atlas.readers(path, machine):
            reader = Reader(units_of(atlas, entry.file.path, machine), entry.file.path,
                            _leaf(entry.values(), entry.name, path))  # fmt: skip
            found.setdefault(reader, []).append(machine)
    return {reader: list(dict.fromkeys(machines)) for reader, machines in found.items()}


def _leaf(values: Iterator[tuple[str, object]], name: str, path: str) -> str:
    return next((full for full, value in values if str(value) == path), name)


def processes(scene: Scene, units: tuple[str, ...], machines: Iterable[str]) -> str:
    """Return the machines of a reader, each with the process that it has there."""
    chosen = scene.chosen(machines)
    return joined(scene.process(m, unit) for m in chosen for unit in (units or ("",)))


def reading(atlas: Atlas, path: str, scene: Scene) -> Iterator[Point]:
    """Yield who uses a path, with the processes that run, and what a change of it causes."""
    found = [
        (reader, machines)
        for reader, machines in readers(atlas, path).items()
        if scene.machine in {"", *machines}
    ]
    for commands in (False, True):
        yield Point(
            Aspect.READERS,
            rows=tuple(
                (reader.label, _where(reader, scene, machines))
                for reader, machines in found
                if reader.is_command is commands
            ),
            more=commands,
        )
    yield Point(Aspect.READERS, texts=tuple(_when(atlas, path)), more=True)


def _where(reader: Reader, scene: Scene, machines: list[str]) -> str:
    where = processes(scene, reader.units, machines)
    if reader.units and not reader.label.startswith(reader.units[0]):
        return text("{program} on {machines}", program=joined(reader.units), machines=where)
    return where


def _when(atlas: Atlas, path: str) -> Iterator[str]:
    """Say what a change of the file does to processes."""
    units: dict[str, Unit] = {}
    for placed in atlas.at(path):
        units |= {unit.name: unit for unit in atlas.reading_units(path, placed.machine)}
    restarted = [name for name, unit in units.items() if path in unit.reads]
    if restarted:
        yield text(
            "Read at the start only: after a change hardway up restarts {units}, one machine "
            "after another.", units=joined(restarted),
        )  # fmt: skip
    for name, unit in units.items():
        for row in unit.rereads:
            if row.path == path:
                yield text("{unit} reads it again by itself: {why}", unit=name, why=row.why)
