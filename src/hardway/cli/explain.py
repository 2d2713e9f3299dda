"""Explaining anything in a cluster: explain."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project
from hardway.cli.output import JSON, emit_json, say
from hardway.text import cells, padded, text, wrapped

if TYPE_CHECKING:
    from hardway.explain.answer import Answer, Point
    from hardway.explain.index import Found
    from hardway.explain.things import Thing

WIDEST, NARROWEST = 100, 60
"""Columns of an answer: longer lines are hard to read."""
LABEL = 40
"""Columns of a label beside its text; a longer one stands above it."""
NOT_KNOWN = 2
"""The exit status where nothing has the name, as of other words that cannot be."""


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@of_cluster
@OUTPUT
@click.option("--more", is_flag=True, help="Show all that is known, not the short answer.")
@click.option("--offline", is_flag=True, help="Ask no machine: answer from rendered files alone.")
@click.argument("what", nargs=-1, required=True, type=click.UNPROCESSED)
def explain(  # noqa: PLR0913 - one parameter for each option
    spec: Path | None,
    clusters: Path | None,
    output: str,
    what: tuple[str, ...],
    *,
    more: bool,
    offline: bool,
) -> None:
    """Explain anything in the cluster.

    WHAT is a path (also MACHINE:/path), a flag, a setting, a unit, a port, an address, a
    certificate, a connection ("kube-apiserver to etcd"), a user or group, a step, a check, an
    object, a machine, or an error message as it was printed; - reads it from stdin.
    """
    from hardway.explain.index import Index, answer_about  # noqa: PLC0415
    from hardway.explain.scene import NOBODY_ASKED  # noqa: PLC0415
    from hardway.operations.chart import draw  # noqa: PLC0415
    from hardway.operations.explain import scene  # noqa: PLC0415

    asked = " ".join(what) if what != ("-",) else sys.stdin.read()
    project = open_project(spec, clusters)
    atlas = draw(project)
    index = Index(atlas)
    found = index.find(asked, Path.cwd())
    if found is None:
        _unknown(asked, index.nearest(asked), output)
        sys.exit(NOT_KNOWN)
    if len(found.things) > 1:
        _choices(found, output)
        return
    (thing,) = found.things
    seen = NOBODY_ASKED if offline else run(
        scene(project, atlas, thing, found.machine)
    )  # fmt: skip
    answer = answer_about(thing, seen, found.note)
    if output == JSON:
        emit_json({"answer": _plain(answer)})
    else:
        for line in lines(answer, more=more):
            click.echo(line)


def _plain(answer: "Answer") -> dict[str, object]:
    return {
        "kind": answer.kind,
        "name": answer.name,
        "points": [
            {"aspect": point.aspect.name.lower(), "heading": point.heading, "texts": point.texts,
             "rows": point.rows, "commands": point.commands, "more": point.more}
            for point in answer.points
        ],
        "notes": answer.notes,
    }  # fmt: skip


def _unknown(asked: str, nearest: "Sequence[Thing]", output: str) -> None:
    if output == JSON:
        emit_json({"unknown": asked, "nearest": _listed(nearest)})
        return
    for line in _wrapped(text("Nothing in this cluster is called “{asked}”.", asked=asked), ""):
        click.echo(line, err=True)
    if nearest:
        click.echo(say("The nearest things:"), err=True)
        for thing in nearest:
            click.echo(f"  hardway explain {_quoted(thing.name)}", err=True)


def _choices(found: "Found", output: str) -> None:
    if output == JSON:
        emit_json({"choices": _listed(found.things)})
        return
    count = len(found.things)
    for line in _wrapped(
        say(found.note or text("{count} things have that name:", count=count)), ""
    ):
        click.echo(line)
    for thing in found.things:
        click.echo()
        click.echo(f"  hardway explain {_quoted(thing.name)}")
        for line in _wrapped(f"{say(thing.kind)}: {say(thing.summary)}", "    "):
            click.echo(line)


def _listed(things: "Sequence[Thing]") -> list[dict[str, str]]:
    return [{"kind": t.kind, "name": t.name, "summary": t.summary} for t in things]


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def lines(answer: "Answer", *, more: bool) -> Iterator[str]:
    """Yield an answer for people, line by line."""
    yield click.style(answer.name, bold=True) + f"  ({say(answer.kind)})"
    heading = ""
    for point in answer.shown(more=more):
        if point.heading != heading:
            heading = point.heading
            yield ""
            yield click.style(say(heading), fg="cyan", bold=True)
        yield from _point(point)
    notes = [*answer.notes]
    if not more and any(point.more for point in answer.points):
        command = f"hardway explain --more {_quoted(answer.name)}"
        notes.append(text("There is more: {command}", command=command))
    if notes:
        yield ""
    for note in notes:
        yield from (click.style(line, dim=True) for line in _wrapped(say(note), ""))


def _point(point: "Point") -> Iterator[str]:
    for said in point.texts:
        yield from _wrapped(say(said), "  ")
    yield from _table([tuple(map(say, row)) for row in point.rows])
    for command in point.commands:
        # As it is, however long: it is there to be pasted.
        first, *others = command.splitlines()
        yield f"  $ {first}"
        yield from (f"    {line}" for line in others)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows with their labels beside the text, or above it where they are long."""
    width = max((cells(row[0]) for row in rows), default=0)
    for label, *rest in rows:
        own = "  ".join(filter(None, rest))
        if width > LABEL:
            yield from _wrapped(label, "  ")
            yield from _wrapped(own, "    ") if own else ()
        else:
            first, *others = list(_wrapped(own, " " * (width + 4))) or [""]
            yield f"  {padded(label, width)}  {first.strip()}".rstrip()
            yield from others


def _wrapped(said: str, indent: str) -> Iterator[str]:
    import shutil  # noqa: PLC0415

    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 0)).columns))
    for line in said.splitlines():
        yield from [f"{indent}{part}" for part in wrapped(line, width - len(indent))] or [""]


COMMANDS = (explain,)
