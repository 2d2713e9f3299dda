"""hardway.lock: what each component's files were when the lock was written, and are to stay.

It lies beside hardway.yaml and belongs into version control with it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardway.components.stored import Stored, other, stored
from hardway.components.table import Component
from hardway.errors import ComponentError
from hardway.files import write
from hardway.text import text

FORMAT = 1
ABOUT = "Written by `hardway lock`: the only files that clusters of the hardway.yaml beside it use."


@dataclass(frozen=True, slots=True)
class Lock:
    """Files that are pinned, and by what."""

    name: str
    """For messages: the lock file's, or the bundle's."""
    rows: tuple[Stored, ...]

    def has(self, component: Component, architecture: str) -> bool:
        """Return whether it pins a component's files for an architecture, all of them."""
        return set(self._files(component, architecture)) == set(component.files)

    def of(self, component: Component, architecture: str) -> dict[str, Stored]:
        """Return a component's files by name.

        Raises:
            ComponentError: it does not pin all of them for this architecture.
        """
        if not self.has(component, architecture):
            have = sorted({f"{r.component} {r.version} ({r.architecture})" for r in self.rows})
            raise ComponentError(
                text("{lock} has no {component} {version} for {architecture}\n  it has {list}",
                     lock=self.name, component=component.name, version=component.version,
                     architecture=architecture, list=", ".join(have) or text("nothing")),
                hint=text("hardway lock --architecture {name}", name=architecture),
            )  # fmt: skip
        return self._files(component, architecture)

    def _files(self, component: Component, architecture: str) -> dict[str, Stored]:
        wanted = (component.name, component.version, architecture)
        own = (r for r in self.rows if (r.component, r.version, r.architecture) == wanted)
        return {r.file: r for r in own if r.file in component.files}


def beside(spec: Path) -> Path:
    """Return where the lock of a spec is: hardway.lock for hardway.yaml."""
    return spec.with_suffix(".lock")


def load(file: Path) -> Lock | None:
    """Return a spec's lock; None where there is none.

    Raises:
        ComponentError: the file is no lock of this format.
    """
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text())
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, this hardway knows {FORMAT}")  # noqa: TRY301 - one place for what is wrong with it
        return Lock(file.name, parse(content["files"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ComponentError(
            text("{file} is not a lock that hardway can read: {kind}: {error}",
                 file=file, kind=type(error).__name__, error=error),
            hint=text("restore it from version control, or write it again: rm {file}; hardway lock",
                      file=file),
        ) from error  # fmt: skip


def parse(rows: Sequence[Mapping[str, object]]) -> tuple[Stored, ...]:
    """Return files that were written down as rows, by no cache in particular."""
    return tuple(stored(row, Path()) for row in rows)


def save(file: Path, rows: Sequence[Stored]) -> None:
    """Write a lock; the same files give the same bytes."""
    ordered = sorted(rows, key=lambda r: (r.component, r.version, r.architecture, r.file))
    content = {"about": ABOUT, "format": FORMAT, "files": [r.row for r in ordered]}
    write(file, (json.dumps(content, indent=1) + "\n").encode())


def compare(files: Mapping[str, str], pinned: Mapping[str, Stored], name: str) -> None:
    """Compare digests by file name with what is pinned.

    Raises:
        ComponentError: naming a file that is another.
    """
    for file, found in files.items():
        if found != pinned[file].sha256:
            raise ComponentError(
                text("{file} is not the one that {lock} pins\n{digests}\n  pinned as {source}",
                     file=file, lock=name, digests=other(pinned[file].sha256, found),
                     source=pinned[file].source),
                hint="find out why it changed; to take it as it is now: hardway lock --update",
            )  # fmt: skip
