"""Findings as people read them: causes first, what follows from them folded, then the rest."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from hardway.checks.causes import Cause, grouped
from hardway.cli.output import say, verdict
from hardway.model.resources import Finding, Verdict
from hardway.text import padded, text, wrapped

if TYPE_CHECKING:
    from hardway.steps.base import Step

NARROW, WIDE = 60, 110
"""Columns that a finding is written in, whatever the terminal's width."""
LABEL = 11


def show(found: Sequence[Finding], *, evidence: bool) -> None:
    """Print what checks saw."""
    for line in lines(found, evidence=evidence):
        click.echo(line)


def lines(found: Sequence[Finding], *, evidence: bool = False) -> Iterator[str]:
    """Yield what people read of findings, line by line."""
    causes = grouped(found)
    failing = [cause for cause in causes if cause.fails]
    folded = {id(f) for cause in failing for f in (*cause.roots, *cause.follows)}
    rest = [f for f in found if id(f) not in folded and not f.ok]
    yield from _summary(found, failing)
    for cause in failing:
        yield ""
        yield from _cause(cause)
    yield from _unknown([f for f in rest if f.verdict is Verdict.UNKNOWN])
    warnings = [Cause(tuple(own), ()) for own in _by_check(rest, Verdict.WRONG)]
    for warning in warnings:
        yield ""
        yield from _cause(warning)
    if any(not f.ok for f in found):
        yield ""
    yield from _right_here([f for f in found if f.due])
    yield from _holding(found, evidence=evidence)


def _summary(found: Sequence[Finding], failing: Sequence[Cause]) -> Iterator[str]:
    red = sum(f.fails for f in found)
    if red:
        one = len(failing) == 1
        line = (text("{red} red, 1 cause", red=red) if one else
                text("{red} red, {causes} causes", red=red, causes=len(failing)))  # fmt: skip
        yield click.style(say(line), fg="red", bold=True)


def _cause(cause: Cause) -> Iterator[str]:
    """Yield a cause: each thing seen with its machines, why it matters, what follows from it."""
    first = cause.roots[0]
    machines = ", ".join(dict.fromkeys(f.machine for f in cause.roots))
    name = click.style(first.check, bold=True)
    yield f"{verdict(first)}  {name}  {machines}  " + say(text("(step {step})", step=first.step))
    seen = dict.fromkeys((f.expected, f.found) for f in cause.roots)
    for expected, found in seen:
        own = [f for f in cause.roots if (f.expected, f.found) == (expected, found)]
        whose = ", ".join(f.machine for f in own) if len(seen) > 1 else ""
        yield from labelled(say(text("expected")), say(expected))
        yield from labelled(say(text("found")), say(found) + (f"  [{whose}]" if whose else ""))
    yield from labelled(say(text("why")), say(first.why))
    # Not wrapped: it is to be pasted.
    yield f"  {padded(say('see'), LABEL)}{first.see}"
    if first.cure:
        yield from labelled(say(text("fix")), say(first.cure))
    yield from _folded(
        say(text("follows")), [f for f in cause.follows if f.verdict is Verdict.WRONG]
    )
    yield from _folded(
        say(text("unknown")), [f for f in cause.follows if f.verdict is Verdict.UNKNOWN]
    )
    # Of a process that ended, its own words tell what the cause did to it.
    for words in dict.fromkeys(f.said for f in cause.follows if f.said):
        yield from labelled(say(text("last words")), words)


def _folded(label: str, follows: Sequence[Finding]) -> Iterator[str]:
    """Yield one line for each check that follows."""
    for check in dict.fromkeys(f.check for f in follows):
        machines = ", ".join(dict.fromkeys(f.machine for f in follows if f.check == check))
        yield from labelled(label, f"{check}: {machines}")
        label = ""


def labelled(label: str, words: str) -> Iterator[str]:
    """Yield words beside their label, wrapped."""
    width = min(WIDE, max(NARROW, shutil.get_terminal_size((WIDE, 24)).columns))
    head = f"  {padded(label, LABEL)}"
    first, *others = wrapped(words, width - LABEL - 2) or [""]
    yield head + first
    yield from (" " * (LABEL + 2) + line for line in others)


def _right_here(found: Sequence[Finding]) -> Iterator[str]:
    """Yield what would be wrong of a cluster that has come further."""
    for f in found:
        here = text("right here: {step} brings it", step=f.due)
        yield f"{verdict(f)}  {f.machine}: {say(f.found)}, {say(here)} ({f.check})"


def later(reached: "Sequence[Step]") -> None:
    """Print which steps the cluster has not come to yet, if there are any."""
    from hardway.steps.index import STEPS  # noqa: PLC0415 - spares --help a second

    names = [step.name for step in STEPS if step not in reached]
    if names:
        here = text("come to the step {step}; the rest is not there yet, and right so: {steps}",
                    step=reached[-1].name, steps=", ".join(names))  # fmt: skip
        click.echo(say(here))


def _by_check(found: Iterable[Finding], kind: Verdict) -> list[list[Finding]]:
    own = [f for f in found if f.verdict is kind]
    return [[f for f in own if f.check == check] for check in dict.fromkeys(f.check for f in own)]


def _unknown(found: Sequence[Finding]) -> Iterator[str]:
    """Yield each reason once: most often it is a silent machine, or one need of a trial."""
    if found:
        yield ""
    for why in dict.fromkeys(f.found for f in found):
        own = [f for f in found if f.found == why]
        machines = ", ".join(dict.fromkeys(f.machine for f in own))
        yield f"{verdict(own[0])}  {machines}: {say(why)}"
        yield from labelled("", ", ".join(dict.fromkeys(f.check for f in own)))


def _holding(found: Sequence[Finding], *, evidence: bool) -> Iterator[str]:
    """Yield what holds: how many checks of each step, or each check with what it saw."""
    good = [f for f in found if f.ok]
    counts = Counter(f.step for f in good)
    steps = ", ".join(f"{step} {count}" for step, count in counts.items())
    if good:
        total = say(text("{holding} of {all} checks hold", holding=len(good), all=len(found)))
        yield click.style(total, fg="green" if len(good) == len(found) else None)
        yield from labelled("", steps)
    if evidence:
        yield from _evidence(good)


def evidence(found: Sequence[Finding]) -> None:
    """Print one line for each finding: what was seen beside what was expected."""
    for line in _evidence(found):
        click.echo(line)


def _evidence(found: Sequence[Finding]) -> Iterator[str]:
    for f in found:
        # Single words too: as values of a text they would be names.
        seen = say(text("{found} (expected {expected})", found=say(f.found),
                        expected=say(f.expected)))  # fmt: skip
        yield f"  {verdict(f)} {f.machine:<14} {f.check}: {seen}"
