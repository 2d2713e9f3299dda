"""The folder of an export as values: files, and links to what the reader makes or brings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, relpath

from hardway.export.made import Content
from hardway.export.model import Book, Chapter
from hardway.model.objects import identity
from hardway.model.resources import Blob, Manifest
from hardway.model.rows import Note
from hardway.render.config import comment, object_text

KEYS, COMPONENTS = "keys", "components"
"""Folders that the reader fills: by commands, or from elsewhere."""
FILES, TEMPLATES, OBJECTS = "files", "templates", "objects"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a link."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""


def entry(text: str, *, mode: int = 0o644) -> Entry:
    """Return a file with a text."""
    return Entry(text.encode(), mode)


def trees(book: Book) -> Mapping[str, Entry]:
    """Return what machines are given, shaped like their file systems, and the API's objects."""
    return {
        **dict(_of_machines(book)),
        **{f"{TEMPLATES}/{name}": Entry(c.text) for name, c in book.kubeconfigs.items()},
        **{objects_file(c): _objects(c) for c in book.chapters if c.objects},
    }


def _of_machines(book: Book) -> Iterator[tuple[str, Entry]]:
    for chapter in book.chapters:
        for task in chapter.tasks:
            for machine in task.machines:
                for put in task.puts[machine]:
                    yield from _put(machine, put.file.path, put.content)
                for blob in task.items:
                    if isinstance(blob, Blob):
                        path = f"{FILES}/{machine}{blob.path}"
                        yield path, _link(path, f"{COMPONENTS}/{stored_name(blob)}")


def _put(machine: str, path: str, content: Content) -> Iterator[tuple[str, Entry]]:
    place = f"{FILES}/{machine}{path}"
    if content.copy:
        yield place, _link(place, f"{KEYS}/{content.copy}")
    elif content.template:
        yield f"{TEMPLATES}/{machine}{path}", Entry(content.text)
        yield place, _link(place, f"{KEYS}/filled/{machine}{path}")
    else:
        yield place, Entry(content.text)


def _link(path: str, target: str) -> Entry:
    return Entry(link=relpath(target, dirname(path)))


def stored_name(blob: Blob) -> str:
    """Return where a component's file is in the store of a machine, and in the cache."""
    return "/".join(blob.stored.rsplit("/", 2)[1:])


def objects_file(chapter: Chapter) -> str:
    """Return the file with the objects of a step."""
    return f"{OBJECTS}/{chapter.number:02}-{chapter.name}.yaml"


def _objects(chapter: Chapter) -> Entry:
    texts = []
    for manifest in chapter.objects:
        reasons = (f"{note.name}: {note.why}" if note.name else note.why
                   for note in notes(manifest, chapter))  # fmt: skip
        texts.append("".join(map(comment, reasons)) + object_text(manifest))
    return entry("---\n".join(texts))


def notes(manifest: Manifest, chapter: Chapter) -> tuple[Note, ...]:
    """Return why an object is as it is."""
    by = chapter.notes
    return (*by.get(identity(manifest), ()), *by.get(manifest["kind"], ()))
