"""`verify --inventory`: what there is to say of a cluster that hardway did not make."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.output import JSON, emit_json
from hardway.errors import UnknownError, UnsafeError

if TYPE_CHECKING:
    from hardway.inventory.judged import Judged

INVENTORY = click.option(
    "--inventory", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Look at a cluster that hardway did not make, on the machines of FILE.",
)  # fmt: skip
WORDS = {"unsafe": "unsafe", "differs": "differ", "same": "the same", "unknown": "unknown"}
COLOURS = {"unsafe": "red", "differs": "yellow", "same": "green", "unknown": "yellow"}


def verify_inventory(path: Path, output: str, *, evidence: bool) -> None:
    """Print what deviates and what is unsafe.

    Raises:
        UnsafeError: something is unsafe.
        UnknownError: nothing is, but some machines did not answer.
    """
    from hardway.operations.inventory import verify  # noqa: PLC0415 - spares --help a second

    found = asyncio.run(verify(path))
    counts = Counter(str(one.severity) for one in found.entries)
    if output == JSON:
        emit_json({"machines": found.machines, "entries": found.entries, "counts": counts})
    else:
        for machine, group in groupby(found.entries, key=lambda one: one.machine):
            role = found.machines.get(machine)
            click.secho(f"{machine} ({role})" if role else machine, bold=True)
            _print_machine(list(group), evidence=evidence)
        click.echo(", ".join(f"{counts[name]} {word}" for name, word in WORDS.items()))
    if counts["unsafe"]:
        raise UnsafeError(f"{counts['unsafe']} entries are unsafe",
                          hint="each says what can happen, and how to see it")  # fmt: skip
    if counts["unknown"]:
        raise UnknownError(f"{counts['unknown']} machines did not answer",
                           hint="correct how they are reached in the inventory")  # fmt: skip


def _print_machine(found: Sequence["Judged"], *, evidence: bool) -> None:
    """Print a machine's entries by component, what is unsafe first."""
    components = dict.fromkeys(one.component for one in found)
    for component in components:
        own = [one for one in found if one.component == component]
        same = sum(one.severity == "same" for one in own)
        click.echo(f"  {component}: {same} of {len(own)} entries mean the same")
        for one in sorted(own, key=lambda one: list(COLOURS).index(one.severity)):
            if one.severity != "same" or evidence:
                _print_entry(one)


def _print_entry(one: "Judged") -> None:
    word = click.style(f"{one.severity:<7}", fg=COLOURS[one.severity])
    if one.severity == "same":
        click.echo(f"    {word} {one.at}: {one.found}")
        return
    click.echo(f"    {word} {one.at}")
    click.echo(f"            expected {one.expected}, found {one.found}")
    click.echo(f"            why: {one.why}")
    if one.see and one.severity == "unsafe":
        click.echo(f"            see: {one.see}")
