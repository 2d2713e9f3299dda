"""The command that makes every check: verify."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardway.cli.inventory import INVENTORY, verify_inventory
from hardway.cli.options import OUTPUT, of_cluster, open_project, renew_own
from hardway.cli.output import JSON, emit_json, note
from hardway.errors import UnknownError, VerifyError

if TYPE_CHECKING:
    from hardway.model.resources import Finding


@click.command()
@of_cluster
@OUTPUT
@click.option("--ha", is_flag=True, help="Take away each control plane in turn and look again.")
@click.option("--evidence", is_flag=True, help="Show what each check saw, also where it holds.")
@INVENTORY
@click.argument("steps", nargs=-1, metavar="[STEP]...")
def verify(  # noqa: PLR0913 - one parameter for each option
    spec: Path | None,
    clusters: Path | None,
    output: str,
    steps: tuple[str, ...],
    *,
    ha: bool,
    evidence: bool,
    inventory: Path | None,
) -> None:
    """Check that steps hold, with evidence; all of them without a name."""
    if inventory:
        verify_inventory(inventory, output, evidence=evidence)
        return
    from hardway import pipeline  # noqa: PLC0415
    from hardway.cli import findings as shown  # noqa: PLC0415
    from hardway.cli.progress import reporting  # noqa: PLC0415
    from hardway.operations import ha as without_one  # noqa: PLC0415

    project = open_project(spec, clusters)
    renew_own(project)
    if ha:
        asyncio.run(without_one.dispensable(project))
    with reporting() as report:
        found = asyncio.run(pipeline.verify(project, steps))
        lost = []
        whole = not any(f.fails or f.open for f in found)
        if ha and whole:
            lost = asyncio.run(without_one.verify_ha(project, report))
    if output == JSON:
        emit_json({"findings": described([*found, *lost])})
    else:
        shown.show(found, evidence=evidence)
        shown.evidence(lost)
    if ha and not whole:
        note("no control plane was taken away: the cluster is not whole to begin with")
    conclude([*found, *lost])


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
        first = [cause.roots[0].check for cause in grouped(found) if cause.fails]
        raise VerifyError(
            f"{wrong} of {len(found)} checks do not hold; look first at {', '.join(first)}",
            hint="hardway up",
        )
    if unknown:
        raise UnknownError(
            f"{unknown} of {len(found)} checks could not be made; all others hold",
            hint="hardway status",
        )


COMMANDS = (verify,)
