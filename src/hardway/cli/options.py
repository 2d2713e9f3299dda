"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from hardway.cli.loop import run
from hardway.cli.output import note, say
from hardway.errors import HardwayError
from hardway.text import text

if TYPE_CHECKING:
    from hardway.project import Project
    from hardway.report import Event

F = TypeVar("F", bound=Callable[..., object])
DEFAULT_SPEC = Path("hardway.yaml")

SPEC = click.option(
    "--spec", "-f", type=click.Path(path_type=Path, dir_okay=False), envvar="HARDWAY_SPEC",
    help="The cluster's description.  [default: hardway.yaml, or the defaults without one]",
)  # fmt: skip
CLUSTERS = click.option(
    "--clusters", type=click.Path(path_type=Path, file_okay=False), envvar="HARDWAY_CLUSTERS",
    help="Folder in which each cluster has its own.  [default: clusters/ beside hardway.yaml]",
)  # fmt: skip
OUTPUT = click.option(
    "--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="For people, or for programs.",
)  # fmt: skip


def of_cluster(command: F) -> F:
    """Give a command the options that say which cluster it is about."""
    return SPEC(CLUSTERS(command))


def open_project(spec: Path | None, clusters: Path | None) -> "Project":
    """Return what the options mean; see `hardway.project`."""
    from hardway.project import open_project as of  # noqa: PLC0415 - spares --help a second

    if spec is None and DEFAULT_SPEC.exists():
        spec = DEFAULT_SPEC
    return of(spec, clusters)


def renew_own(project: "Project") -> None:
    """Renew this host's certificates if they have ended, and say so; see `issuing.renew_own`.

    Where that is not possible, the command goes on: much can be seen without the API.
    """
    from hardway import issuing  # noqa: PLC0415
    from hardway.report import Happened  # noqa: PLC0415

    def report(event: "Event") -> None:
        if event.happened is Happened.DOING:
            note(say(event.text))

    try:
        run(issuing.renew_own(project, report))
    except HardwayError as error:
        note(say(text("this host's certificates have ended and were not renewed: {error}\n{hint}",
                      error=error.message, hint=error.hint)))  # fmt: skip
