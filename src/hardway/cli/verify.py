"""The command that makes every check: verify."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import of_cluster, open_project, renew_own
from hardway.cli.output import JSON, TEXT, emit_json, note, say
from hardway.errors import UnknownError, VerifyError
from hardway.text import text

if TYPE_CHECKING:
    from hardway.checks.causes import Cause
    from hardway.model.resources import Finding
    from hardway.project import Project

JUNIT = "junit"
UP = "hardway up"


@click.command(cls=Command)
@of_cluster
@click.option(
    "--output",
    "-o",
    type=click.Choice([TEXT, JSON, JUNIT]),
    default=TEXT,
    show_default=True,
    help="For people, for programs, or for CI systems (XML).",
)
@click.option(
    "--no-trials", is_flag=True, help="Leave out what makes pods: changes nothing at all."
)
@click.option("--watch", is_flag=True, help="Look again every few seconds, without trials.")
@click.option("--ha", is_flag=True, help="Take away each control plane in turn and look again.")
@click.option("--evidence", is_flag=True, help="Show what each check saw, also where it holds.")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Look at a cluster that hardway did not make, on the machines of FILE.",
)
@click.argument("steps", nargs=-1, metavar="[STEP]...")
def verify(  # noqa: PLR0913 - one parameter for each option
    spec: Path | None,
    clusters: Path | None,
    output: str,
    steps: tuple[str, ...],
    *,
    no_trials: bool,
    watch: bool,
    ha: bool,
    evidence: bool,
    inventory: Path | None,
) -> None:
    """Check that steps hold, with evidence; all of them without a name.

    Ends with 0 where all holds (warnings change nothing), with 7 where something is wrong, with 11
    where nothing is wrong but not everything could be asked.
    """
    if inventory:
        from hardway.cli.inventory import verify_inventory  # noqa: PLC0415

        verify_inventory(inventory, output, evidence=evidence)
        return
    from hardway import pipeline  # noqa: PLC0415
    from hardway.cli import findings as shown  # noqa: PLC0415
    from hardway.cli.progress import reporting  # noqa: PLC0415
    from hardway.operations import ha as without_one  # noqa: PLC0415

    project = open_project(spec, clusters)
    renew_own(project)
    if watch:
        found = _watched(project, steps, output)
        shown.show(found, evidence=evidence)
        conclude(found)
        return
    if ha:
        run(without_one.dispensable(project))
    with reporting() as report:
        found = run(pipeline.verify(project, steps, trials=not no_trials))
        lost = []
        whole = not any(f.fails or f.open for f in found)
        if ha and whole:
            lost = run(without_one.verify_ha(project, report))
    if output == JSON:
        emit_json({"findings": described([*found, *lost])})
    elif output == JUNIT:
        from hardway.cli import junit  # noqa: PLC0415

        click.echo(junit.xml([*found, *lost]), nl=False)
    else:
        shown.show(found, evidence=evidence)
        shown.evidence(lost)
        if not steps:
            shown.later(pipeline.reached(project))
    if ha and not whole:
        note(say("no control plane was taken away: the cluster is not whole to begin with"))
    conclude([*found, *lost])


def _watched(project: "Project", steps: Sequence[str], output: str) -> list["Finding"]:
    if output != TEXT or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            text("--watch is for a terminal; programs ask again: --output json"))  # fmt: skip
    from hardway.cli import watch  # noqa: PLC0415 - rich takes a tenth of a second to load

    return run(watch.show(project, steps))


def described(found: Sequence["Finding"]) -> list[dict[str, Any]]:
    """Return findings for programs: each with the findings that it follows from at once."""
    from hardway.checks.causes import causes_of  # noqa: PLC0415

    return [
        {**asdict(f),
         "follows_from": [{"check": c.check, "machine": c.machine} for c in causes_of(f, found)]}
        for f in found
    ]  # fmt: skip


def conclude(found: Sequence["Finding"]) -> None:
    """Raise what the command ends with, where anything is wrong or unknown (docs/output.md).

    Raises:
        VerifyError: something is wrong.
        UnknownError: nothing is wrong, but not everything could be asked.
    """
    from hardway.checks.causes import grouped  # noqa: PLC0415

    wrong = sum(f.fails for f in found)
    unknown = sum(f.open for f in found)
    if wrong:
        failing = [cause for cause in grouped(found) if cause.fails]
        raise VerifyError(
            text("{wrong} of {all} checks do not hold; look first at {checks}", wrong=wrong,
                 all=len(found), checks=_names(failing)),
            hint=_helps(failing),
        )  # fmt: skip
    if unknown:
        raise UnknownError(
            text("{unknown} of {all} checks could not be made; all others hold", unknown=unknown,
                 all=len(found)),
            hint="hardway status",
        )  # fmt: skip


def _names(causes: Sequence["Cause"]) -> str:
    return ", ".join(cause.roots[0].check for cause in causes)


def _helps(causes: Sequence["Cause"]) -> str:
    """Return what puts causes right: `hardway up`, a person, or first the one and then the other.

    Of what only people put right it is the first; each finding has its own.
    """
    by_people = [cause for cause in causes if cause.roots[0].cure]
    by_up = [cause for cause in causes if not cause.roots[0].cure]
    if not by_people:
        return UP
    roots = by_people[0].roots
    on = ", ".join(dict.fromkeys(f.machine for f in roots))
    cure = text("{check} on {machines}: {cure}", check=roots[0].check, machines=on,
                cure=roots[0].cure)  # fmt: skip
    return text("{cure}; then {up} for {checks}", cure=cure, up=UP,
                checks=_names(by_up)) if by_up else cure  # fmt: skip


COMMANDS = (verify,)
