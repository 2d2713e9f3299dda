"""What the report shows, gathered from the atlas, the findings and the pictures. Values only."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import yaml

from hardway.atlas.atlas import Atlas, Placed
from hardway.atlas.entries import entries
from hardway.atlas.material import Material
from hardway.atlas.usage import CertificateMap
from hardway.checks.causes import Cause, grouped
from hardway.model.cluster import Cluster
from hardway.model.resources import Block, File, Finding
from hardway.pictures import PICTURES
from hardway.pictures.layout import lay_out
from hardway.pictures.svg import fragment
from hardway.pictures.view import View
from hardway.pki.inspect import Read, read
from hardway.steps.base import Step
from hardway.steps.index import STEPS

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, drawn."""

    id: str
    name: str
    about: str
    title: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """A line of a file with its reason."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Variant:
    """What some machines have at a path."""

    machines: tuple[str, ...]
    text: str
    """The content; of the second and later variants how it differs from the first's."""


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A path with all that machines have there."""

    id: str
    path: str
    step: str
    why: str
    machines: tuple[str, ...]
    owner: str
    mode: str
    secret: bool
    readers: tuple[str, ...]
    """Flags and settings that name it, and units that read it."""
    entries: tuple[ShownEntry, ...]
    """Of the first machine's."""
    variants: tuple[Variant, ...]
    certificate: Read | None = None
    material: Material | None = None


@dataclass(frozen=True, slots=True)
class ShownObject:
    """An object of the API."""

    id: str
    name: str
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Alike:
    """Findings that say the same, on several machines or of several checks."""

    first: Finding
    checks: tuple[str, ...]
    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownCause:
    """What is wrong by itself, and what follows from it."""

    roots: tuple[Alike, ...]
    follows: tuple[Alike, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the report's template needs."""

    cluster: Cluster
    made: datetime
    asked: bool
    """Whether machines were asked; else it shows what is wanted."""
    causes: tuple[ShownCause, ...]
    """Of what is wrong."""
    warnings: tuple[ShownCause, ...]
    unknown: tuple[Alike, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    """By step, in the order of the steps."""
    pictures: tuple[Shown, ...]
    certificates: CertificateMap
    files: tuple[ShownFile, ...]
    objects: tuple[ShownObject, ...]
    steps: tuple[Step, ...] = field(default=STEPS)

    @property
    def wrong(self) -> int:
        """How many findings fail."""
        return sum(f.fails for own in self.findings.values() for f in own)

    @property
    def made_checks(self) -> int:
        """How many findings there are."""
        return sum(len(own) for own in self.findings.values())


def page(view: View, certificates: CertificateMap, say: Say) -> Page:
    """Return what the report shows of a cluster."""
    found, causes = view.findings, grouped(view.findings)
    return Page(
        cluster=view.atlas.cluster,
        made=view.now,
        asked=bool(found),
        causes=tuple(_shown(cause) for cause in causes if cause.fails),
        warnings=tuple(_shown(cause) for cause in causes if not cause.fails),
        unknown=alike([f for f in found if f.open], lambda f: f.found),
        findings={step.name: own for step in STEPS
                  if (own := tuple(f for f in found if f.step == step.name))},
        pictures=tuple(_pictures(view, say)),
        certificates=certificates,
        files=tuple(_files(view.atlas)),
        objects=tuple(_objects(view.atlas)),
    )  # fmt: skip


def _shown(cause: Cause) -> ShownCause:
    def key(f: Finding) -> object:
        return f.check, f.expected, f.found

    return ShownCause(alike(cause.roots, key), alike(cause.follows, key))


def alike(found: Sequence[Finding], key: Callable[[Finding], object]) -> tuple[Alike, ...]:
    """Return findings with those together whose keys are equal, in their order."""
    groups: dict[object, list[Finding]] = {}
    for f in found:
        groups.setdefault(key(f), []).append(f)
    return tuple(
        Alike(own[0], tuple(dict.fromkeys(f.check for f in own)),
              tuple(dict.fromkeys(f.machine for f in own)))
        for own in groups.values()
    )  # fmt: skip


def anchor(*words: str) -> str:
    """Return an id for an element: letters, digits and hyphens."""
    plain = "-".join(filter(None, words)).lower()
    return "".join(c if c.isalnum() else "-" for c in plain).strip("-")


def _pictures(view: View, say: Say) -> Iterator[Shown]:
    for row in PICTURES:
        for about in row.choices(view.atlas) if row.argument else ("",):
            drawing = row.draw(view, about)
            title, caption = say(drawing.title), say(drawing.caption)
            svg = fragment(lay_out(drawing, say), title, caption)
            yield Shown(anchor("picture", row.name, about), row.name, about, title, caption, svg)


def _files(atlas: Atlas) -> Iterator[ShownFile]:
    by_path: dict[str, list[Placed]] = {}
    for placed in atlas.placed:
        if isinstance(placed.item, File | Block):
            by_path.setdefault(placed.item.path, []).append(placed)
    for path, own in sorted(by_path.items()):
        yield _file(atlas, path, own)


def _file(atlas: Atlas, path: str, placed: Sequence[Placed]) -> ShownFile:
    first = placed[0]
    item = first.item
    # Else it is lines of ours in a file of others.
    whole = item if isinstance(item, File) else None
    secret = whole is not None and whole.secret
    material = atlas.materials[first.machine].get(path)
    shown = whole if not secret else None
    return ShownFile(
        id=anchor("file", path),
        path=path,
        step=first.step,
        why=getattr(item, "why", ""),
        machines=tuple(p.machine for p in placed),
        owner=whole.owner if whole else "",
        mode=f"{whole.mode:04o}" if whole else "",
        secret=secret,
        readers=tuple(_readers(atlas, path, first.machine)),
        entries=tuple(_entries(first, shown)) if shown else (),
        variants=() if secret or material else tuple(_variants(placed)),
        certificate=read(shown.content) if shown and path.endswith(".crt") else None,
        material=material,
    )


def _readers(atlas: Atlas, path: str, machine: str) -> Iterator[str]:
    named = (f"{entry.name} of {entry.file.path}" for entry in atlas.readers(path, machine))
    units = (unit.name for unit in atlas.reading_units(path, machine) if unit.path != path)
    yield from dict.fromkeys((*named, *units))


def _entries(placed: Placed, file: File) -> Iterator[ShownEntry]:
    for entry in entries(placed.machine, placed.step, file):
        value = entry.row.value
        nested = isinstance(value, dict | list)
        text = yaml.safe_dump(value, sort_keys=False).strip() if nested else str(value)
        yield ShownEntry(entry.name, text, entry.row.why)


def _text(placed: Placed) -> str:
    item = placed.item
    return item.content.decode(errors="replace") if isinstance(item, File) else getattr(
        item, "text", "")  # fmt: skip


def _variants(placed: Sequence[Placed]) -> Iterator[Variant]:
    by_text: dict[str, list[str]] = {}
    for p in placed:
        by_text.setdefault(_text(p), []).append(p.machine)
    first = next(iter(by_text))
    for text, machines in by_text.items():
        if text == first:
            yield Variant(tuple(machines), text)
            continue
        lines = difflib.unified_diff(first.splitlines(), text.splitlines(), lineterm="", n=0)
        changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
        yield Variant(tuple(machines), "\n".join(changed))


def _objects(atlas: Atlas) -> Iterator[ShownObject]:
    for step, own in atlas.objects.items():
        for manifest in own:
            name = f"{manifest['kind']} {manifest['metadata']['name']}"
            text = yaml.safe_dump(dict(manifest), sort_keys=False)
            yield ShownObject(anchor("object", name), name, step, text)
