"""`verify --inventory`: what there is to say of a cluster that hardway did not make."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.findings import LABEL, labelled
from hardway.cli.loop import run
from hardway.cli.output import JSON, TEXT, emit_json, say
from hardway.errors import UnknownError, UnsafeError
from hardway.operations.inventory import verify
from hardway.text import joined, padded, text

if TYPE_CHECKING:
    from hardway.inventory.judged import Judged

COLOURS = {"unsafe": "red", "unknown": "yellow", "differs": "yellow", "same": "green"}
"""By severity, the worst first."""


def verify_inventory(path: Path, output: str, *, evidence: bool) -> None:
    """Print what deviates and what is unsafe.

    Raises:
        UnsafeError: something is unsafe.
        UnknownError: nothing is, but some machines did not answer.
    """
    if output not in {TEXT, JSON}:
        raise click.UsageError(text("--inventory prints text or json, not {form}", form=output))
    found = run(verify(path))
    counts = Counter(str(one.severity) for one in found.entries)
    if output == JSON:
        emit_json({"machines": found.machines, "entries": found.entries, "counts": counts})
    else:
        for machine, group in groupby(found.entries, key=lambda one: one.machine):
            role = found.machines.get(machine)
            click.secho(f"{machine} ({say(role)})" if role else say(machine), bold=True)
            for line in _machine(list(group), evidence=evidence):
                click.echo(line)
            click.echo()
        click.echo(say(text(
            "{unsafe} unsafe, {differ} differ, {same} mean the same", unsafe=counts["unsafe"],
            differ=counts["differs"], same=counts["same"],
        )))  # fmt: skip
    _conclude(found.entries)


def _conclude(found: Sequence["Judged"]) -> None:
    unsafe = [one for one in found if one.severity == "unsafe"]
    silent = [one.machine for one in found if one.severity == "unknown"]
    if unsafe:
        names = joined(
            "\n",
            (
                text(
                    "  {machine} {component}: {at}",
                    machine=one.machine,
                    component=one.component,
                    at=one.at,
                )
                for one in unsafe
            ),
        )
        message = text("{count} unsafe:\n{names}", count=len(unsafe), names=names)
        raise UnsafeError(message, hint="read why above; `see` shows the same on the machine")
    if silent:
        raise UnknownError(
            text("nothing is known of {machines}", machines=", ".join(silent)),
            hint="correct how they are reached in the inventory",
        )


def _machine(found: Sequence["Judged"], *, evidence: bool) -> Iterator[str]:
    """Yield a machine's entries by component, the worst first."""
    for component in dict.fromkeys(one.component for one in found):
        own = [one for one in found if one.component == component]
        same = sum(one.severity == "same" for one in own)
        yield say(text("{component}: {same} of {all} entries mean the same", component=component,
                       same=same, all=len(own)))  # fmt: skip
        for one in sorted(own, key=lambda one: list(COLOURS).index(one.severity)):
            if one.severity != "same":
                yield from _entry(one)
            elif evidence:
                yield from labelled(say("same"), f"{say(one.at)}: {say(one.found)}")


def _entry(one: "Judged") -> Iterator[str]:
    word = click.style(padded(say(str(one.severity)), LABEL), fg=COLOURS[one.severity])
    yield f"  {word}{click.style(say(one.at), bold=True)}"
    seen = text("expected {expected}, found {found}", expected=one.expected, found=one.found)
    yield from labelled("", say(seen))
    yield from labelled(say(text("why")), say(one.why))
    if one.see and one.severity == "unsafe":
        # Not wrapped: it is to be pasted.
        yield f"  {padded(say('see'), LABEL)}{one.see}"
