"""Certificates: a list of all of them, and the map of where each is used."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project
from hardway.cli.output import JSON, emit_json, indented, note, say, table
from hardway.text import padded, text

if TYPE_CHECKING:
    from hardway.atlas.usage import CertificateMap, Leaf, Side, Use
    from hardway.project import Project


@click.command(cls=Command)
@of_cluster
@OUTPUT
@click.option(
    "--map",
    "mapped",
    is_flag=True,
    help="Which connection uses which certificate, by which flag; and what is presented.",
)
@click.option("--offline", is_flag=True, help="With --map: ask no machine.")
def certs(
    spec: Path | None, clusters: Path | None, output: str, *, mapped: bool, offline: bool
) -> None:
    """List every certificate: whose, signed by whom, for which names, until when."""
    from hardway.pki import store  # noqa: PLC0415
    from hardway.pki.decide import decide  # noqa: PLC0415

    project = open_project(spec, clusters)
    if mapped:
        _show_map(_map(project, offline=offline), output)
        return
    rows = store.described(project.workspace.pki, project.cluster)
    if output == JSON:
        emit_json({"certificates": rows})
        return
    now = datetime.now(UTC)
    lines = [
        (r.name, r.machine or "-", r.issuer, r.subject, _days(r.not_after, now),
         ", ".join(r.sans) or "-")
        for r in rows
    ]  # fmt: skip
    table(("CERTIFICATE", "MACHINE", "SIGNED BY", "SUBJECT", "VALID", "NAMES"), lines)
    due = decide(store.read(project.workspace.pki), project.cluster, now)
    if due:
        note("\n" + say(text("{count} are due, the first {name} ({why}): hardway up",
                             count=len(due), name=due[0].name, why=due[0].why)))  # fmt: skip


def _days(until: datetime, now: datetime) -> str:
    days = (until - now).days
    left = say(text("{days} days", days=days) if days >= 0 else text("expired"))
    return left if days >= 2 else click.style(left, fg="red")


def _map(project: "Project", *, offline: bool) -> "CertificateMap":
    from hardway.operations import certificates  # noqa: PLC0415

    if offline or project.decisions is None:
        return certificates.offline(project)
    return run(certificates.live(project))


def _show_map(found: "CertificateMap", output: str) -> None:
    if output == JSON:
        emit_json(_json(found))
        return
    for use in found.uses:
        _show_use(use)
    click.echo(click.style(say("Each certificate: which connections show it"), bold=True))
    _show_certificates(found)
    click.echo(
        "\n" + click.style(say("Each CA file: which flags and settings go by it"), bold=True)
    )
    for path, entries in found.cas.items():
        click.echo(f"{path}\n{indented(entries)}")
    for fingerprint, user in found.strangers.items():
        note(say(text("{user} used a certificate that is not of this folder: {fingerprint}…",
                      user=user, fingerprint=fingerprint[:16])))  # fmt: skip


SIDE = 15
"""Columns of what a side of a connection does, in any language."""


def _show_use(use: "Use") -> None:
    row = use.connection
    port = f" :{row.port.number}" if row.port else ""
    pair = f"{say(row.client)} -> {say(row.server)}{port}"
    click.echo(click.style(pair, bold=True) + f"  {row.name}")
    if use.server:
        _show_side(say("server shows"), use.server)
    if use.client:
        _show_side(say("client shows"), use.client)
    if not (use.server or use.client):
        click.echo(f"  {say('no TLS')}: {say(row.authorizes)}")
    click.echo()


def _show_side(word: str, side: "Side") -> None:
    name = side.certificate or say("a token signed with")
    click.echo(f"  {padded(word, SIDE)} {name}  {side.file}  ({say(side.shown_by)})")
    ca = f"{side.ca}  " if side.ca else ""
    checked = f"{padded(say('checked with'), SIDE)} {ca}{side.ca_file}"
    click.echo(f"  {checked}  ({say(side.checked_by)})")


def _show_certificates(found: "CertificateMap") -> None:
    now = datetime.now(UTC)
    for name, connections in found.connections.items():
        own = [leaf for leaf in found.certificates if leaf.name == name]
        if not own:
            continue
        first = min(own, key=lambda leaf: leaf.not_after)
        facts = [_days(first.not_after, now), *_presented(own), *_used(own)]
        places = ", ".join(leaf.machine for leaf in own if leaf.machine) or say("this host")
        click.echo(f"{name:<25} {places}: {'; '.join(facts)}")
        click.echo(indented(connections, by=26))
    note(say(USED_MEANS))


def _presented(own: "Sequence[Leaf]") -> list[str]:
    """Return whether machines present what is on their disks; nothing where nobody was asked."""
    asked = [leaf for leaf in own if leaf.presented]
    wrong = [f"{leaf.machine}: {say(leaf.presented)}" for leaf in asked if leaf.presented != "yes"]
    if wrong:
        return [click.style(f"{say('presented')}: {', '.join(wrong)}", fg="red")]
    return [say("presented as on disk")] if asked else []


def _used(own: "Sequence[Leaf]") -> list[str]:
    counted = [str(leaf.requests) for leaf in own if leaf.requests is not None]
    return [say(text("used {counts} times", counts=", ".join(counted)))] if counted else []


USED_MEANS = (
    "Used: requests that API servers logged with it in the last 11 minutes. The audit policy logs "
    "no health checks, leases and events; etcd and kubelets log no clients."
)


def _json(found: "CertificateMap") -> dict[str, object]:
    return {
        "connections": [
            {
                "name": use.connection.name, "client": use.connection.client,
                "server": use.connection.server,
                "port": use.connection.port.number if use.connection.port else None,
                "serverShows": use.server, "clientShows": use.client,
                "authorizes": use.connection.authorizes,
            }
            for use in found.uses
        ],
        "certificates": found.certificates, "usedBy": found.connections, "caFiles": found.cas,
        "strangers": found.strangers,
    }  # fmt: skip


COMMANDS = (certs,)
