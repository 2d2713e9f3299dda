"""The command that writes down how this cluster is built without hardway."""

from pathlib import Path

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import of_cluster, open_project
from hardway.cli.output import note, say
from hardway.text import text


@click.command(cls=Command)
@of_cluster
@click.option(
    "--format", "form", type=click.Choice(["guide", "shell"]), required=True,
    help="A guide to follow, or scripts to run.",
)  # fmt: skip
@click.option(
    "--output", "-o", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
    metavar="DIR", help="Where to: a folder that is not there yet.",
)  # fmt: skip
def export(spec: Path | None, clusters: Path | None, form: str, folder: Path) -> None:
    """Write down how this very cluster is built without hardway, with new keys."""
    from hardway.operations import export as operation  # noqa: PLC0415

    project = open_project(spec, clusters)
    count = run(operation.export(project, form, folder, say))
    click.echo(say(text("{folder} has {count} files", folder=folder, count=count)))
    note(say(
        text("read {folder}/guide.md", folder=folder) if form == "guide" else
        text("build the cluster, on machines of none: sh {folder}/build.sh", folder=folder)
    ))  # fmt: skip


COMMANDS = (export,)
