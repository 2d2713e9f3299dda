"""Pasted error texts: which row of the catalogue they are, and what they say here."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from hardway.atlas.atlas import Atlas
from hardway.explain.answer import Aspect, Point
from hardway.explain.catalogue import ERRORS, Error
from hardway.explain.chapters import checks_of
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing
from hardway.model.checks import Subject
from hardway.steps.index import STEPS
from hardway.text import joined, text

Known = Callable[[str], tuple[Thing, ...]]

UNKNOWN = "…"
"""Fills what an error text leaves out."""
WORD = re.compile(r"[\w./:@-]+")
SHORTEST = 2
"""Letters of a word that names nothing."""


def things(atlas: Atlas, known: Known) -> Iterator[Thing]:
    """Yield each row of the catalogue, with its example."""
    for row in ERRORS:
        yield _thing(atlas, row, row.example, known)


def matching(atlas: Atlas, asked: str, known: Known) -> tuple[Thing, ...]:
    """Return the error that a text has in it, whatever stands before and behind it."""
    row = first(asked)
    return (_thing(atlas, row, asked, known),) if row else ()


def first(asked: str) -> Error | None:
    """Return the first row of the catalogue that a text matches."""
    said = plain(asked)
    return next((row for row in ERRORS if re.search(row.pattern, said, re.MULTILINE)), None)


def plain(asked: str) -> str:
    """Return a text without the escapes of logs within logs."""
    return re.sub(r"\\+\"", '"', asked)


def _thing(atlas: Atlas, row: Error, said: str, known: Known) -> Thing:
    return Thing(
        kind=Kind.ERROR, name=f"error {row.name}",
        tags=(f"error {row.name}", *(c.connection for c in row.causes if c.connection), "error"),
        summary=text(row.means, **_groups(row, plain(said))),
        points=partial(_points, atlas, row, plain(said), known),
    )  # fmt: skip


def _points(atlas: Atlas, row: Error, said: str, known: Known, _scene: Scene) -> Iterator[Point]:
    groups = _groups(row, said)
    yield Point(Aspect.WHAT, (text(row.means, **groups),))
    yield Point(Aspect.WHAT, (row.expected,) if row.expected else (), title="When it is no fault")
    yield Point(Aspect.MADE, (row.said_by,), title="Who says it")
    yield Point(Aspect.CONTENT, rows=tuple(_words(said, known)), title="What is named in it")
    yield Point(Aspect.WITHOUT, rows=tuple(
        (str(number), text(cause.why, **groups) if "{" in cause.why else cause.why)
        for number, cause in enumerate(row.causes, 1)
    ), title="Likely causes, the likeliest first")  # fmt: skip
    fill = partial(_filled, atlas, groups)
    yield Point(Aspect.WITHOUT, commands=tuple(map(fill, row.helps)), title="What fixes it")
    yield Point(Aspect.WITHOUT, row.avoid, title="What makes it worse")
    yield Point(Aspect.SEE, rows=tuple(_decides(row)), commands=tuple(_commands(row, fill)))
    yield Point(Aspect.MADE, (
        text("The example: {example}", example=row.example),
        text("It is from {source}.", source=row.source),
    ), title="An example", more=True)  # fmt: skip


def _groups(row: Error, said: str) -> dict[str, str]:
    """Return what the pattern's groups have found, by name."""
    match = re.search(row.pattern, said, re.MULTILINE)
    named = match.groupdict() if match else {}
    return {name: value or UNKNOWN for name, value in named.items()}


def _words(said: str, known: Known) -> Iterator[tuple[str, str]]:
    """Yield what in the text is a thing of this cluster."""
    for word in dict.fromkeys(WORD.findall(said)):
        bare = word.rstrip(".:,").removeprefix("https://")
        host, _, port = bare.partition(":")
        for name in dict.fromkeys((host, f"port {port.split('/')[0]}")):
            own = [t for t in known(name) if t.kind is not Kind.SETTING and len(name) > SHORTEST]
            if name.isdigit():
                continue
            if len(own) == 1:
                yield name, _named(name, own[0])


def _named(word: str, thing: Thing) -> str:
    if word in {thing.name, thing.short}:
        return thing.summary
    return text("{name}: {what}", name=thing.name, what=thing.summary)


def _decides(row: Error) -> Iterator[tuple[str, str]]:
    """Yield the checks and connections that tell the causes apart."""
    for number, cause in enumerate(row.causes, 1):
        said = [text("the check {check}", check=cause.check)] if cause.check else []
        if cause.connection:
            said.append(text("the connection {connection}", connection=cause.connection))
        if said:
            yield text("cause {number}", number=number), joined(", ", said)


def _filled(atlas: Atlas, groups: Mapping[str, str], command: str) -> str:
    cluster = atlas.cluster
    machine = (cluster.workers or cluster.machines)[0].name
    subject = Subject("machine", machine, cluster)
    return subject.fill(command, {"WORKER": machine, "USER": groups.get("user", "NAME")})


def _commands(row: Error, fill: Callable[[str], str]) -> Iterator[str]:
    yield fill(row.see)
    steps = {check.name: step.name for step in STEPS for check in checks_of(step)}
    own = [steps[cause.check] for cause in row.causes if cause.check in steps]
    if "hardway verify" not in row.see:
        yield f"hardway verify {' '.join(dict.fromkeys(own))}".rstrip()
