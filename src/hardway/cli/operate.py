"""Commands that go into a cluster: machine, ssh, kubectl, kubeconfig."""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command, Group
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project, renew_own
from hardway.cli.output import JSON, emit_json, note, say, table
from hardway.errors import RefusedError
from hardway.text import text

if TYPE_CHECKING:
    from hardway.model.cluster import Cluster, Machine
    from hardway.project import Project

PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def _machine(project: "Project", name: str) -> "Machine":
    try:
        return project.cluster.machine(name)
    except KeyError:
        names = ", ".join(m.name for m in project.cluster.machines)
        raise RefusedError(text("there is no machine {machine}", machine=name),
                           hint=text("the machines: {names}", names=names)) from None  # fmt: skip


@click.group(cls=Group)
def machine() -> None:
    """List, stop and start machines."""


@machine.command("list")
@of_cluster
@OUTPUT
def machine_list(spec: Path | None, clusters: Path | None, output: str) -> None:
    """List the machines and whether they run."""
    project = open_project(spec, clusters)
    states = run(project.provider.states(project.cluster))
    rows = [
        {"name": m.name, "role": m.role, "address": m.address, "state": states[m.name]}
        for m in project.cluster.machines
    ]
    if output == JSON:
        emit_json({"machines": rows})
        return
    table(("MACHINE", "ROLE", "ADDRESS", "STATE"),
          [[say(str(value)) for value in row.values()] for row in rows])  # fmt: skip


@machine.command()
@of_cluster
@click.option("--force", is_flag=True, help="Like pulling the plug.")
@click.argument("names", nargs=-1, required=True, metavar="MACHINE...")
def stop(spec: Path | None, clusters: Path | None, names: tuple[str, ...], *, force: bool) -> None:
    """Shut machines down; their disks and addresses stay theirs."""
    project = open_project(spec, clusters)
    _on_each(project, names, text("stopping"), partial(project.provider.stop, force=force))
    click.echo(say(text("stopped: {machines}", machines=", ".join(names))))


@machine.command()
@of_cluster
@click.argument("names", nargs=-1, required=True, metavar="MACHINE...")
def start(spec: Path | None, clusters: Path | None, names: tuple[str, ...]) -> None:
    """Start machines and wait until they answer."""
    project = open_project(spec, clusters)
    _on_each(project, names, text("starting"), project.provider.start)
    click.echo(say(text("started: {machines}", machines=", ".join(names))))


@machine.command()
@of_cluster
@click.option("--force", is_flag=True, help="Like pulling the plug.")
@click.argument("names", nargs=-1, required=True, metavar="MACHINE...")
def restart(
    spec: Path | None, clusters: Path | None, names: tuple[str, ...], *, force: bool
) -> None:
    """Stop machines and start them again; hosts of your own are rebooted."""
    project = open_project(spec, clusters)
    _on_each(project, names, text("restarting"), partial(project.provider.restart, force=force))
    click.echo(say(text("restarted: {machines}", machines=", ".join(names))))


def _on_each(
    project: "Project",
    names: Sequence[str],
    doing: str,
    action: Callable[["Cluster", "Machine"], Awaitable[None]],
) -> None:
    chosen = [_machine(project, name) for name in names]
    states = run(project.provider.states(project.cluster))
    absent = [name for name in names if states[name] == "absent"]
    if absent:
        raise RefusedError(text("not made yet: {machines}", machines=", ".join(absent)),
                           hint="hardway up")  # fmt: skip

    async def together() -> None:
        import asyncio  # noqa: PLC0415 - spares --help

        await asyncio.gather(*(action(project.cluster, m) for m in chosen))

    note(say(text("{doing}: {machines}", doing=doing, machines=", ".join(names))))
    with project.workspace.locked():
        run(together())


@click.command(cls=Command, context_settings=PASSED_ON)
@of_cluster
@click.argument("name", metavar="MACHINE")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def ssh(spec: Path | None, clusters: Path | None, name: str, command: tuple[str, ...]) -> None:
    """Open a shell on a machine, or run a command there."""
    project = open_project(spec, clusters)
    target = _machine(project, name)
    if run(project.provider.states(project.cluster))[name] in {"absent", "stopped"}:
        raise RefusedError(text("{machine} does not run", machine=name),
                           hint=text("hardway machine start {machine}", machine=name))  # fmt: skip
    words = command[1:] if command[:1] == ("--",) else command
    argv = project.provider.ssh_command(target, words)
    os.execvp(argv[0], argv)  # noqa: S606 - becomes ssh, so that its terminal is ours


@click.command(cls=Command, context_settings=PASSED_ON)
@of_cluster
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="WORDS...")
def kubectl(spec: Path | None, clusters: Path | None, words: tuple[str, ...]) -> None:
    """Run kubectl, of the cluster's version, as its admin."""
    from hardway.operations import kubectl as operation  # noqa: PLC0415

    project = open_project(spec, clusters)
    renew_own(project)
    sys.exit(run(operation.kubectl(project, words)))


@click.command(cls=Command)
@of_cluster
@click.option("--content", is_flag=True, help="Print the file itself. It holds a private key.")
def kubeconfig(spec: Path | None, clusters: Path | None, *, content: bool) -> None:
    """Print where the admin kubeconfig is, for KUBECONFIG."""
    path = open_project(spec, clusters).workspace.admin_kubeconfig
    if not path.exists():
        raise RefusedError("there is no cluster yet", hint="hardway up")
    click.echo(path.read_text() if content else str(path), nl=not content)


@click.command(cls=Command)
@of_cluster
@OUTPUT
@click.option(
    "--remove",
    multiple=True,
    metavar="NAMESPACE/NAME",
    help="Give one up for lost: it is removed from etcd. May be given several times.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def unreadable(
    spec: Path | None, clusters: Path | None, output: str, remove: tuple[str, ...], *, yes: bool
) -> None:
    """List Secrets that no key reads any more, and remove those that are given up.

    One of them keeps API servers from getting ready and listing Secrets from working.
    """
    from hardway import pipeline  # noqa: PLC0415
    from hardway import unreadable as lost  # noqa: PLC0415

    project = open_project(spec, clusters)
    renew_own(project)
    found = run(lost.look(project, run(pipeline.plan(project)).changes))
    if output == JSON:
        emit_json({"unreadable": found})
    else:
        for secret in found:
            click.echo(str(secret))
    if strange := set(remove) - {str(secret) for secret in found}:
        raise RefusedError(text("not among them: {secrets}", secrets=", ".join(sorted(strange))),
                           hint="nothing was done")  # fmt: skip
    chosen = [secret for secret in found if str(secret) in remove]
    if not chosen:
        note(say(text("{count} Secrets that no key reads", count=len(found))))
        return
    if not yes:
        sure = text("remove {count} Secrets for ever? A backup may have them", count=len(chosen))
        click.confirm(say(sure), abort=True)
    run(lost.give_up(project, chosen))
    note(say(text("removed: {secrets}", secrets=", ".join(map(str, chosen)))))


COMMANDS = (machine, ssh, kubectl, kubeconfig, unreadable)
