"""Entries of rendered files, down to single values: what a flag or a setting is, and where."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.model.resources import File
from hardway.model.rows import Note, Row, Section, Setting


@dataclass(frozen=True, slots=True)
class Entry:
    """A flag of a command or a setting of a file, on one machine."""

    machine: str
    step: str
    file: File
    sections: tuple[str, ...]
    """Names of the sections that it is in, from the outside; flags are in `ExecStart`."""
    row: Setting

    @property
    def name(self) -> str:
        """The entry's own name, such as `--client-ca-file` or `tlsCertFile`."""
        return self.row.name

    @property
    def is_flag(self) -> bool:
        """Whether it is a flag of the unit's command."""
        return self.sections == ("ExecStart",)

    def values(self) -> Iterator[tuple[str, object]]:
        """Yield each single value with its full name, such as `clusters[0].cluster.server`."""
        return leaves(self.name, self.row.value)


def entries(machine: str, step: str, file: File) -> Iterator[Entry]:
    """Yield a file's entries in their order."""
    yield from _within(machine, step, file, (), file.rows)


def _within(
    machine: str, step: str, file: File, sections: tuple[str, ...], rows: tuple[Row, ...]
) -> Iterator[Entry]:
    for row in rows:
        match row:
            case Section(name, inner):
                yield from _within(machine, step, file, (*sections, name), inner)
            case Setting():
                yield Entry(machine, step, file, sections, row)
            case Note():
                # The reason of a value in a format without comments; it has no value itself.
                pass


def leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the single values of a nested value, each with the path to it."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(f"{name}.{key}", inner)
        case list():
            for index, inner in enumerate(value):
                yield from leaves(f"{name}[{index}]", inner)
        case _:
            yield name, value
