"""Commands that look and change nothing: status, steps, components, log."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project, renew_own
from hardway.cli.output import JSON, cost, emit_json, mark, note, say, table
from hardway.text import padded, text

if TYPE_CHECKING:
    from hardway.report import Event


BROUGHT: Mapping[str, Callable[[str], str]] = {
    "vip": lambda holder: text("held by {machine}", machine=holder or text("nobody")),
    "proxy": lambda _: text("at every machine's own haproxy"),
    "given": lambda _: text("at a load balancer of yours"),
    "made": lambda _: text("at the provider's load balancer"),
}
"""How clients get to the API, by the kind of endpoint."""


@click.command(cls=Command)
@of_cluster
@OUTPUT
def status(spec: Path | None, clusters: Path | None, output: str) -> None:
    """Show how each part of the cluster is right now."""
    from hardway.operations.look import look  # noqa: PLC0415

    project = open_project(spec, clusters)
    renew_own(project)
    seen = run(look(project))
    if output == JSON:
        emit_json(seen)
        return
    well = {c.name: mark(ok=c.healthy) for c in seen.control_planes}
    nodes = {n.name: mark(ok=n.ready) + (f" {n.version}" if n.version else "") for n in seen.nodes}
    rows = [(m.name, say(m.role), m.address, say(m.state),
             well.get(m.name) or nodes.get(m.name, "")) for m in seen.machines]  # fmt: skip
    table(("MACHINE", "ROLE", "ADDRESS", "STATE", "SERVICES"), rows)
    etcd, end = seen.etcd, seen.endpoint
    click.echo()
    members = text("{healthy} of {all} members healthy, leader {leader}", healthy=etcd.healthy,
                   all=etcd.members, leader=etcd.leader or text("none"))  # fmt: skip
    _part("etcd", f"{mark(ok=etcd.healthy == etcd.members)} {say(members)}")
    how = say(BROUGHT[end.kind](end.holder))
    _part(say("endpoint"), f"{mark(ok=end.healthy)} {end.address} {how}")
    for due in seen.renewals:
        whose = text("{name} of {machine}", name=due.name, machine=due.machine)
        _part(say("renewal"), say(text("{certificate}: {why}; hardway up issues it again",
              certificate=whose if due.machine else due.name, why=due.why)))  # fmt: skip
    if seen.cost:
        _part(say("cost"), cost(seen.cost))
    if not seen.healthy:
        note("\n" + say("what is wrong: hardway verify; make it whole: hardway up"))


def _part(name: str, state: str) -> None:
    click.echo(f"{padded(name, 12)}{state}")


@click.command(cls=Command)
@OUTPUT
def steps(output: str) -> None:
    """List the steps from plain machines to a cluster."""
    from hardway.steps.index import STEPS  # noqa: PLC0415

    if output == JSON:
        emit_json({"steps": [{"name": s.name, "title": s.title, "why": s.why} for s in STEPS]})
        return
    rows = [(s.name, say(s.title), say(s.why)) for s in STEPS]
    table(("STEP", "TITLE", "WHY"), rows)


@click.command(cls=Command)
@OUTPUT
def components(output: str) -> None:
    """List the components in the cache: version, where from, digest."""
    from hardway import components as package  # noqa: PLC0415

    rows = package.cached(package.cache_folder())
    if output == JSON:
        emit_json({"components": rows})
        return
    lines = [
        (s.file, s.version, s.architecture, f"{s.size_bytes / 1e6:.1f} MB", s.sha256[:16], s.source)
        for s in rows
    ]
    table(("FILE", "VERSION", "FOR", "SIZE", "SHA-256", "SOURCE"), lines)
    folder = package.cache_folder()
    note("\n" + say(text("{count} files in {folder}", count=len(rows), folder=folder)))


@click.command(cls=Command)
@of_cluster
@OUTPUT
@click.option("--changes", is_flag=True, help="Show each change too.")
def log(spec: Path | None, clusters: Path | None, output: str, *, changes: bool) -> None:
    """Show what was done when, and how long each step took."""
    events = list(open_project(spec, clusters).workspace.journal.events())
    if output == JSON:
        emit_json({"events": events})
        return
    for event in events:
        line = _log_line(event, changes=changes)
        if line:
            at = datetime.fromtimestamp(event.at).astimezone()
            click.echo(f"{at:%Y-%m-%d %H:%M:%S}  {line}")
    if not events:
        note(say("nothing was done yet"))


def _log_line(event: "Event", *, changes: bool) -> str:
    match event.happened:
        case "begun":
            return click.style(f"hardway {event.text}", bold=True)
        case "held":
            return f"  {event.step:<14} {event.seconds:6.1f} s"
        case "changed" if changes:
            return f"    {event.machine}: {event.text}"
        case "ended":
            return say(text("  ended well after {seconds:.1f} s", seconds=event.seconds))
        case "failed":
            return click.style(say(text("  failed: {why}", why=event.text)), fg="red")
        case _:
            return ""


COMMANDS = (status, steps, components, log)
