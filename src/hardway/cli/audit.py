"""The command `audit`: the CIS Kubernetes Benchmark, rule by rule."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project, renew_own
from hardway.cli.output import JSON, emit_json, mark, note, say, table
from hardway.errors import HardwayError, UnknownError
from hardway.text import text

if TYPE_CHECKING:
    from hardway.audit.results import Result
    from hardway.model.resources import Finding

COLOURS = {"holds": "green", "wrong": "red", "unknown": "yellow"}
WORDS = {
    "holds": text("holds"),
    "stricter": text("stricter"),
    "declined": text("declined"),
    "not applicable": text("not applicable"),
    "yours": text("yours"),
    "wrong": text("wrong"),
    "unknown": text("unknown"),
}
"""Outcomes as people read them."""
INDENT = " " * 8
FOUND_SHOWN = 200
"""Characters of what was found that are shown unless everything is."""


@click.command(cls=Command)
@of_cluster
@OUTPUT
@click.option("--plan", is_flag=True, help="Judge what would be rendered; no machine is asked.")
@click.option("--all", "everything", is_flag=True, help="Show every rule, with its reason.")
@click.option(
    "--kube-bench",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write kube-bench's configuration for this layout there, and do nothing else.",
)
def audit(  # noqa: PLR0913 - one parameter for each option
    spec: Path | None, clusters: Path | None, output: str, kube_bench: Path | None,
    *, plan: bool, everything: bool,
) -> None:  # fmt: skip
    """Judge the cluster by the CIS Kubernetes Benchmark; changes nothing."""
    from hardway.audit.results import Outcome, counts, described  # noqa: PLC0415
    from hardway.operations import audit as operation  # noqa: PLC0415

    if kube_bench:
        for path in operation.write_kube_bench(kube_bench):
            note(say(text("wrote {path}", path=path)))
        return
    project = open_project(spec, clusters)
    if plan:
        found = operation.plan(project)
    else:
        renew_own(project)
        found = run(operation.audit(project))
    if output == JSON:
        emit_json(described(found))
    else:
        _print(found, everything=everything)
        note(say("Other answers than `holds` have a reason: hardway audit --all."))
        if plan:
            note(say("Of objects hardway's own alone were judged: people's are in the API."))
    counted = counts(found)
    if wrong := counted.get(Outcome.WRONG):
        raise HardwayError(
            text("{wrong} of {all} rules are wrong", wrong=wrong, all=len(found)),
            hint=text("what hardway.yaml asks for, change there; all else: hardway up"),
        )
    if unknown := counted.get(Outcome.UNKNOWN):
        raise UnknownError(
            text("{unknown} of {all} rules could not be judged; none of the others is wrong",
                 unknown=unknown, all=len(found)),
            hint="hardway status",
        )  # fmt: skip


def _print(found: Sequence["Result"], *, everything: bool) -> None:
    from hardway.audit import SECTIONS  # noqa: PLC0415

    rows = []
    for section, group in groupby(found, key=lambda result: result.rule.section):
        own = list(group)
        rows.append((_state(own), section, say(SECTIONS[section]), *_counted(own)))
    table(("", "", say("RULES"), say("HOLD"), say("OTHER")), rows)
    for result in found if everything else _worth_a_look(found):
        click.echo()
        _print_rule(result, everything=everything)
    if not everything:
        _print_unknown(found)
    hold, other = _counted(found)
    click.echo()
    click.echo(
        say(text("{all} rules: {hold} hold, {other}", all=len(found), hold=hold, other=other))
    )


def _state(found: Sequence["Result"]) -> str:
    """Return the word for a section: the worst of its rules."""
    outcomes = {result.outcome for result in found}
    if "unknown" in outcomes and "wrong" not in outcomes:
        return _word("unknown")
    return mark(ok="wrong" not in outcomes)


def _worth_a_look(found: Sequence["Result"]) -> list["Result"]:
    """Return what is wrong, then what is the operator's and was found."""
    return [r for outcome in ("wrong", "yours") for r in found if r.outcome == outcome and r.amiss]


def _print_unknown(found: Sequence["Result"]) -> None:
    """Say each reason once: most often it is a silent machine, or one unit that does not run."""
    open_ = [(f.machine, f.found, r.rule.id) for r in found for f in r.findings if f.open]
    for reason in dict.fromkeys((machine, why) for machine, why, _ in open_):
        ids = ", ".join(id_ for *of, id_ in open_ if tuple(of) == reason)
        seen = text("{machine}: {why}", machine=reason[0], why=reason[1])
        click.echo(f"\n{_word('unknown')} {ids}\n{INDENT}{say(seen)}")


def _counted(found: Sequence["Result"]) -> tuple[str, str]:
    """Return how many rules hold, and how many have which other outcome."""
    from hardway.audit.results import counts  # noqa: PLC0415

    counted = counts(found)
    others = {outcome: number for outcome, number in counted.items() if outcome != "holds"}
    hold = sum(counted.values()) - sum(others.values())
    return str(hold), ", ".join(f"{number} {_word(name)}" for name, number in others.items())


def _word(outcome: str) -> str:
    return click.style(say(WORDS[outcome]), fg=COLOURS.get(outcome))


def _print_rule(result: "Result", *, everything: bool) -> None:
    rule = result.rule
    click.echo(f"{rule.id:<7} {_word(result.outcome)}: {say(rule.title)}")
    for machines, finding in _alike(result.findings if everything else result.amiss):
        where = f"{', '.join(machines)}: " if len(machines) < len(result.findings) else ""
        found = finding.found
        if len(found) > FOUND_SHOWN and not everything:
            found = f"{found[:FOUND_SHOWN]} …"
        seen = text("expected {expected}, found {found}", expected=finding.expected, found=found)
        click.echo(f"{INDENT}{where}{say(seen)}")
        if finding.fails:
            click.echo(f"{INDENT}{say(text('see: {command}', command=finding.see))}")
    if everything or result.outcome == "wrong":
        click.echo(f"{INDENT}{say(text('why: {why}', why=rule.why))}")


def _alike(findings: Sequence["Finding"]) -> Iterator[tuple[list[str], "Finding"]]:
    """Yield findings that say the same once, with the machines that they are about."""
    for said_same in dict.fromkeys((f.expected, f.found) for f in findings):
        own = [f for f in findings if (f.expected, f.found) == said_same]
        yield [f.machine for f in own], own[0]


COMMANDS = (audit,)
