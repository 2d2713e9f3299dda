"""Pictures of the cluster in the terminal or as SVG, and the report that has all of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import of_cluster, open_project, renew_own
from hardway.cli.output import indented, note, say
from hardway.errors import RefusedError
from hardway.text import language, text

if TYPE_CHECKING:
    from hardway.pictures import Picture
    from hardway.pictures.view import Look, View
    from hardway.project import Project

COLOURS = {"good": "green", "bad": "red", "unknown": "yellow", "quiet": "bright_black"}


@click.command(cls=Command)
@of_cluster
@click.option(
    "-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write an SVG file instead."
)
@click.option("--offline", is_flag=True, help="Ask no machine: what is wanted, not what is there.")
@click.argument("name", required=False)
@click.argument("about", required=False, default="")
def picture(  # noqa: PLR0913 - one parameter for each option
    spec: Path | None, clusters: Path | None, out: Path | None, name: str | None, about: str,
    *, offline: bool,
) -> None:  # fmt: skip
    """Draw a picture of the cluster as it is now; without a name, list the pictures.

    Some pictures are about something: a CONNECTION, a PATH or a MACHINE.
    """
    from hardway.operations.chart import draw  # noqa: PLC0415
    from hardway.pictures import PICTURES  # noqa: PLC0415

    project = open_project(spec, clusters)
    if name is None:
        _list(project)
        return
    row = next((p for p in PICTURES if p.name == name), None)
    if row is None:
        names = ", ".join(p.name for p in PICTURES)
        raise RefusedError(text("there is no picture '{picture}'", picture=name),
                           hint=text("the pictures: {names}", names=names))  # fmt: skip
    atlas = draw(project)
    # What it cannot be about is refused before any machine is asked.
    looks = row.looks(atlas, about)
    if row.argument and about not in row.choices(atlas):
        raise RefusedError(
            text("picture {picture} is about a {argument}, and this cluster has no '{about}'",
                 picture=name, argument=row.argument, about=about)
            if about else text("picture {picture} needs a {argument}", picture=name,
                               argument=row.argument),
            hint=text("hardway picture {picture} NAME; the names: {names}", picture=name,
                      names=", ".join(row.choices(atlas))),
        )  # fmt: skip
    _show(row, _view(project, looks, offline=offline), about, out)


def _view(project: "Project", looks: tuple["Look", ...], *, offline: bool) -> "View":
    from hardway.operations import view  # noqa: PLC0415

    if offline or project.decisions is None:
        return view.without_machines(project)
    renew_own(project)
    return run(view.view(project, looks))


def _show(row: "Picture", seen: "View", about: str, out: Path | None) -> None:
    from hardway.pictures.layout import lay_out  # noqa: PLC0415
    from hardway.pictures.svg import document  # noqa: PLC0415
    from hardway.pictures.terminal import lines  # noqa: PLC0415

    drawing = row.draw(seen, about)
    sheet = lay_out(drawing, say)
    if out:
        out.write_text(document(sheet, say(drawing.title), say(drawing.caption)))
        note(f"{out}: {say(drawing.title)}")
        return
    click.echo(click.style(say(drawing.title), bold=True) + "\n")
    for line in lines(sheet):
        spans = (click.style(s.text, fg=COLOURS.get(s.tone), bold=s.strong) for s in line)
        click.echo("".join(spans).rstrip())


def _list(project: "Project") -> None:
    from hardway.operations.chart import draw  # noqa: PLC0415
    from hardway.pictures import PICTURES  # noqa: PLC0415

    atlas = draw(project)
    for row in PICTURES:
        title = click.style(" ".join(filter(None, [row.name, row.argument])), bold=True)
        click.echo(f"{title}\n  {say(row.title)}")
        if row.choices(atlas):
            click.echo(indented(row.choices(atlas)))


@click.command(cls=Command)
@of_cluster
@click.option(
    "-o",
    "out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the page; made if it is not there.",
)
@click.option("--offline", is_flag=True, help="Ask no machine: what is wanted, not what is there.")
def report(spec: Path | None, clusters: Path | None, out: Path, *, offline: bool) -> None:
    """Write a page about the cluster: findings, pictures, certificates, every file explained."""
    from hardway.operations.report import report as written  # noqa: PLC0415

    project = open_project(spec, clusters)
    if not offline and project.decisions:
        renew_own(project)
    file = written(project, out, say, language(), offline=offline)
    size = file.stat().st_size / 1e6
    note(say(text("{file}: {size:.1f} MB, needs no network", file=file, size=size)))


COMMANDS = (picture, report)
