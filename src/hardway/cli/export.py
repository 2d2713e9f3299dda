"""The command that writes down how this cluster is built without hardway."""

import asyncio
from pathlib import Path

import click

from hardway.cli.options import of_cluster, open_project
from hardway.cli.output import note


@click.command()
@of_cluster
@click.option(
    "--format", "form", type=click.Choice(["shell"]), required=True, help="A script to run."
)
@click.option(
    "--output", "-o", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
    metavar="DIR", help="Where to: a folder that is not there yet.",
)  # fmt: skip
def export(spec: Path | None, clusters: Path | None, form: str, folder: Path) -> None:
    """Write down how this very cluster is built without hardway, with new keys."""
    from hardway.operations import export as operation  # noqa: PLC0415

    project = open_project(spec, clusters)
    count = asyncio.run(operation.export(project, form, folder))
    click.echo(f"{folder} has {count} files")
    note(f"build the cluster on machines without one: sh {folder}/build.sh")


COMMANDS = (export,)
