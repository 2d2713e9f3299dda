"""The cluster's state for monitoring: metrics."""

from pathlib import Path

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import of_cluster, open_project, renew_own


@click.command(cls=Command)
@of_cluster
def metrics(spec: Path | None, clusters: Path | None) -> None:
    """Print the cluster's state as Prometheus text; makes no trials.

    For node_exporter's textfile collector, for example: write to a file beside the one that is
    read, and rename it.
    """
    from hardway.operations.metrics import metrics as measured  # noqa: PLC0415

    project = open_project(spec, clusters)
    renew_own(project)
    click.echo(run(measured(project)), nl=False)


COMMANDS = (metrics,)
