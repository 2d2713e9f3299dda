"""Commands about nodes of a living cluster: list, remove, replace."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardway.cli.help import Group
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project
from hardway.cli.output import JSON, emit_json, say, table
from hardway.text import text

if TYPE_CHECKING:
    from hardway.model.resources import Finding
    from hardway.operations.nodes import Departure
    from hardway.project import Project
    from hardway.report import Report

    Operation = Callable[[Project, Departure, Report], Coroutine[Any, Any, list[Finding]]]

TIMEOUT_S = 300


@click.group(cls=Group)
def node() -> None:
    """List nodes, take workers out of a living cluster, or replace their machines.

    To add one, put it into hardway.yaml (its list or its count), then: hardway up
    """


@node.command("list")
@of_cluster
@OUTPUT
def node_list(spec: Path | None, clusters: Path | None, output: str) -> None:
    """List the machines that were decided on, and how their nodes are."""
    from hardway.operations import roster  # noqa: PLC0415

    rows = run(roster.rows(open_project(spec, clusters)))
    if output == JSON:
        emit_json({"nodes": rows})
        return
    table(("NODE", "ROLE", "ADDRESS", "PODS", "MACHINE", "STATE", "NOTE"),
          [(r.name, say(r.role), r.address, r.pods or "-", say(r.machine), say(r.state),
            "; ".join(map(say, r.notes))) for r in rows])  # fmt: skip


def departing(command: Callable[..., None]) -> Callable[..., Any]:
    """Give a command the options that say how a machine may go."""
    for option in (
        click.argument("name", metavar="NODE"),
        click.option("--lost", is_flag=True, help="Its machine does not answer and never will."),
        click.option("--delete-emptydir-data", is_flag=True,
                     help="Agree that pods lose what they keep in emptyDir volumes."),
        click.option("--force", is_flag=True,
                     help="Agree that pods without a controller are gone for good."),
        click.option("--timeout", "timeout_s", metavar="SECONDS", type=click.IntRange(1),
                     default=TIMEOUT_S, show_default=True, help="How long pods may take to go."),
    ):  # fmt: skip
        command = option(command)
    return of_cluster(command)


@node.command()
@departing
def remove(spec: Path | None, clusters: Path | None, name: str, **how: Any) -> None:
    """Drain a worker and take its machine out of the cluster, as it was before hardway.

    Take it out of hardway.yaml first: its line in the list, or one from the count.
    """
    from hardway.operations import nodes  # noqa: PLC0415

    _depart(open_project(spec, clusters), nodes.remove, name, how)
    click.echo(say(text("{name} is removed", name=name)))


@node.command()
@departing
def replace(spec: Path | None, clusters: Path | None, name: str, **how: Any) -> None:
    """Put a new machine in a worker's place, with its name, address and pod range."""
    from hardway.operations import nodes  # noqa: PLC0415

    _depart(open_project(spec, clusters), nodes.replace, name, how)
    click.echo(say(text("{name} is replaced", name=name)))


def _depart(project: "Project", operation: "Operation", name: str, how: dict[str, Any]) -> None:
    from hardway.cli.progress import reporting  # noqa: PLC0415
    from hardway.operations.drain import Consent  # noqa: PLC0415
    from hardway.operations.nodes import Departure  # noqa: PLC0415

    departure = Departure(name, lost=how.pop("lost"), consent=Consent(**how))
    with reporting() as report:
        run(operation(project, departure, report))


COMMANDS = (node,)
