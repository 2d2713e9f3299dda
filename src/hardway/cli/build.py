"""Commands that describe, build and remove a cluster: init, preflight, plan, up, down."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import DEFAULT_SPEC, OUTPUT, of_cluster, open_project, renew_own
from hardway.cli.output import JSON, cost, emit_json, note, say, table
from hardway.errors import PreflightError, RefusedError, SpecError, UnknownError, VerifyError
from hardway.text import padded, text

if TYPE_CHECKING:
    from hardway.model.resources import Change
    from hardway.pipeline import Plan
    from hardway.providers.base import Outlook

SIGNS = {"issue": ("+", "green"), "install": ("+", "green"), "create": ("+", "green"),
         "start": ("+", "green"), "enable": ("+", "green"), "apply": ("+", "green"),
         "update": ("~", "yellow"), "set": ("~", "yellow"), "restart": ("!", "red"),
         "reload": ("~", "yellow"), "register": ("!", "red"), "join": ("!", "red"),
         "assign": ("+", "green"), "rollout": ("!", "red"), "remove": ("-", "red")}  # fmt: skip
SEVERITIES = {"refuse": "red", "warn": "yellow"}
DELTAS = {"up": ("~", "yellow"), "command": ("?", None), "nobody": ("x", "red")}
"""Signs and colours of differences between hardway.yaml and a living cluster, by who acts."""
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command(cls=Command)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.argument("path", type=click.Path(path_type=Path), default=DEFAULT_SPEC)
def init(path: Path, *, force: bool) -> None:
    """Write a commented hardway.yaml with all defaults."""
    from hardway.spec.load import default_text  # noqa: PLC0415

    if path.exists() and not force:
        raise RefusedError(text("{path} exists already", path=path),
                           hint=text("hardway init --force {path}", path=path))  # fmt: skip
    path.write_text(default_text())
    click.echo(say(text("{path} describes the default cluster; edit it, then: hardway up",
                    path=path)))  # fmt: skip


@click.command(cls=Command)
@of_cluster
@OUTPUT
@click.option("--full", is_flag=True, help="Show the content of new files too.")
def plan(spec: Path | None, clusters: Path | None, output: str, *, full: bool) -> None:
    """Show what `up` would change on each machine; changes nothing."""
    from hardway import pipeline  # noqa: PLC0415

    project = open_project(spec, clusters)
    # Without them the API's objects could not be compared.
    renew_own(project)
    outlook = run(project.provider.outlook(project.cluster))
    planned = run(pipeline.plan(project))
    if output == JSON:
        fields = ("machine", "step", "kind", "path_or_unit", "diff")
        rows = [{**{name: getattr(c, name) for name in fields}, "text_only": c.prose}
                for c in planned.changes]  # fmt: skip
        emit_json({"provider": outlook, "deltas": planned.deltas, "changes": rows,
                   "unknown": planned.unknown})  # fmt: skip
        return
    if outlook:
        _print_outlook(outlook)
    if planned.deltas:
        click.secho("hardway.yaml", bold=True)
    for delta in planned.deltas:
        sign, colour = DELTAS[delta.by]
        click.secho(f"    {sign} {say(delta.line)}", fg=colour)
    _print_plan(planned.changes, full=full)
    for name, why in planned.unknown.items():
        click.echo(click.style(name, bold=True) + say(text(": unknown: {why}", why=why)))
    note(say(leads_to(planned)))


def leads_to(planned: "Plan") -> str:
    """Return what a plan leads to."""
    if refused := sum(delta.by == "nobody" for delta in planned.deltas):
        return text("hardway up refuses {count} of the lines under hardway.yaml, and changes "
                    "nothing before they are taken back", count=refused)  # fmt: skip
    if not planned.changes:
        return text("nothing to change: everything is as it should be")
    if len(planned.changes) == 1:
        return text("1 change; make it: hardway up")
    return text("{count} changes; make them: hardway up", count=len(planned.changes))


def _print_outlook(outlook: "Outlook") -> None:
    click.secho(outlook.where, bold=True)
    for change in outlook.changes:
        click.secho(f"    + {say(change.what)}", fg="green")
    click.echo(f"    {cost(outlook.whole)}")


def _print_plan(changes: Sequence["Change"], *, full: bool) -> None:
    machine = step = ""
    for change in changes:
        if change.machine != machine:
            machine, step = change.machine, ""
            click.secho(machine, bold=True)
        if change.step != step:
            step = change.step
            click.secho(f"  {step}", dim=True)
        sign, colour = SIGNS[change.kind]
        reason = f": {say(change.diff)}" if change.kind == "issue" else ""
        only = f"  ({say(text('the text only: restarts nothing'))})" if change.prose else ""
        kind = padded(say(str(change.kind)), 9)
        click.secho(f"    {sign} {kind}{say(change.path_or_unit)}{reason}{only}", fg=colour)
        if change.diff and not reason and (full or change.kind != "create"):
            for line in say(change.diff).splitlines():
                click.secho(f"        {line}", fg=DIFF_COLOURS.get(line[:1]))


@click.command(cls=Command)
@of_cluster
@OUTPUT
def preflight(spec: Path | None, clusters: Path | None, output: str) -> None:
    """Look whether the machines are fit for the cluster; changes nothing."""
    from hardway.operations import preflight as operation  # noqa: PLC0415

    project = open_project(spec, clusters)
    problems = run(operation.preflight(project))
    refusing = [p for p in problems if p.severity == "refuse"]
    if output == JSON:
        emit_json({"problems": problems})
    elif problems:
        table(("MACHINE", "CHECK", "", "FOUND", "NEEDED", "WHAT TO DO"),
              [(p.machine, p.check, click.style(say(p.severity), fg=SEVERITIES[p.severity]),
                say(p.found), say(p.needed), say(p.cure)) for p in problems])  # fmt: skip
    if refusing:
        raise PreflightError(
            [text("{refusing} of {all} findings stand in the way", refusing=len(refusing),
                  all=len(problems))],
            hint="fix them, then: hardway preflight",
        )  # fmt: skip
    note(say(text("nothing stands in the way on {count} machines: hardway up",
                  count=len(project.cluster.machines))))  # fmt: skip


@click.command(cls=Command)
@of_cluster
@OUTPUT
@click.option("--until", metavar="STEP", help="Stop after this step.")
@click.option(
    "--new-versions", is_flag=True,
    help="Move components to this hardway's versions, as far as their minors stay.",
)  # fmt: skip
@click.option(
    "--bundle", type=click.Path(path_type=Path, dir_okay=False),
    help="Use nothing but this bundle, and prove it.",
)  # fmt: skip
def up(  # noqa: PLR0913 - one parameter for each option
    spec: Path | None,
    clusters: Path | None,
    output: str,
    until: str | None,
    bundle: Path | None,
    *,
    new_versions: bool,
) -> None:
    """Bring the cluster about, or make it whole again; safe to run at any time."""
    from hardway import pipeline, supply  # noqa: PLC0415
    from hardway.cli.progress import reporting  # noqa: PLC0415

    project = replace(open_project(spec, clusters), new_versions=new_versions)
    found = supply.fitting(project, bundle) if bundle else None
    try:
        with reporting() as report:
            findings = run(
                supply.up(project, found, report, until=until)
                if found
                else pipeline.up(project, report, until=until)
            )
    except UnknownError as error:
        if output == JSON:
            emit_json({"cluster": project.cluster.name, "findings": error.findings})
        raise
    if output == JSON:
        emit_json({"cluster": project.cluster.name, "findings": findings})
        return
    name, folder = project.cluster.name, _relative(project.workspace.folder)
    if found and not findings[-1].ok:
        raise VerifyError(findings[-1].found, hint="see docs/offline.md")
    warnings = sum(1 for f in findings if not f.ok)
    click.echo(say(text("{name} is up: {count} checks hold", name=name,
                        count=len(findings) - warnings)))  # fmt: skip
    if warnings:
        _row(say("warnings"), f"{warnings}: hardway verify")
    if found:
        click.echo(f"  {say(findings[-1].found)}")
    if until:
        click.echo(say(text("  stopped after {step}; the rest: hardway up", step=until)))
        return
    _row(say("reach it"), "hardway kubectl get nodes")
    _row(say("its files"), f"{folder}  (kubeconfig: {folder}/kubeconfigs/admin.kubeconfig)")
    _row(say("remove it"), "hardway down")


def _row(label: str, value: str) -> None:
    click.echo(f"  {padded(label, 11)}{value}")


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@click.command(cls=Command)
@of_cluster
@click.option("--name", help="The cluster's name, where its hardway.yaml is lost.")
@click.option(
    "--host", "hosts", multiple=True, metavar="[USER@]HOST[:PORT]",
    help="With --name: a machine of provider ssh. Each one is asked whose it is; may be given "
    "again.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask; with --host the name must be typed.")
def down(
    spec: Path | None,
    clusters: Path | None,
    name: str | None,
    hosts: tuple[str, ...],
    *,
    yes: bool,
) -> None:
    """Remove the cluster, its machines and its keys, and prove that nothing is left."""
    from hardway.cli.progress import reporting  # noqa: PLC0415
    from hardway.model.providers import TRAITS  # noqa: PLC0415
    from hardway.operations import down as operation  # noqa: PLC0415
    from hardway.project import open_named  # noqa: PLC0415

    if hosts:
        _take_back(name, hosts)
        return
    try:
        project = open_named(name, clusters) if name else open_project(spec, clusters)
    except SpecError as error:
        raise SpecError(error.problems, hint="correct it, or: hardway down --name NAME") from error
    name = project.cluster.name
    traits = TRAITS[project.cluster.provider]
    if not yes:
        for line in run(project.provider.belongings(name)):
            note(f"  {say(line)}")
        sure = text("remove cluster {name}: {removes}, all keys?", name=name,
                    removes=traits.removes)  # fmt: skip
        click.confirm(say(sure), abort=True)
    with reporting() as report:
        run(operation.down(project, report))
    click.echo(say(text("{name} is gone: {proves}", name=name, proves=traits.proves)))


def _take_back(name: str | None, hosts: Sequence[str]) -> None:
    """Take hosts of the operator's own back by what they note about themselves."""
    from hardway.cli.progress import reporting  # noqa: PLC0415
    from hardway.project import hosts_of  # noqa: PLC0415
    from hardway.report import Event, Happened  # noqa: PLC0415

    if name is None:
        raise RefusedError("--host needs the cluster's --name", hint="hardway down --help")
    provider = hosts_of(name, hosts)
    note(say(text("takes {name} off {hosts}; its data there cannot be brought back", name=name,
                  hosts=", ".join(hosts))))  # fmt: skip
    if click.prompt(say("type the cluster's name to go on"), err=True) != name:
        raise click.Abort
    with reporting() as report:

        def doing(machine: str, what: str) -> None:
            report(Event(happened=Happened.DOING, machine=machine, text=what))

        run(provider.destroy(name, doing))
    click.echo(say(text("{name} is gone from {count} machines: they are as they were before",
                        name=name, count=len(hosts))))  # fmt: skip


COMMANDS = (init, preflight, plan, up, down)
