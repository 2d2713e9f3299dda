"""Commands of provider aws alone: the policy it needs, and clusters in the account."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Group
from hardway.cli.loop import run
from hardway.cli.options import DEFAULT_SPEC, OUTPUT, SPEC, of_cluster, open_project
from hardway.cli.output import JSON, emit_json, note, say, table
from hardway.errors import RefusedError
from hardway.text import text

if TYPE_CHECKING:
    from hardway.providers.aws.provider import AwsProvider


@click.group(cls=Group)
def aws() -> None:
    """Show what provider aws needs, and what it has in the account."""


@aws.command("iam-policy")
@SPEC
def iam_policy(spec: Path | None) -> None:
    """Print the least policy that suffices for hardway, in the spec's region."""
    from hardway.providers.aws.policy import policy  # noqa: PLC0415
    from hardway.spec.load import load  # noqa: PLC0415

    there = spec or (DEFAULT_SPEC if DEFAULT_SPEC.exists() else None)
    click.echo(json.dumps(policy(load(there).spec.aws), indent=2))


@aws.command("list")
@of_cluster
@OUTPUT
def list_(spec: Path | None, clusters: Path | None, output: str) -> None:
    """List all clusters of hardway's in the account and region, whoever made them."""
    from hardway.providers.aws import whose  # noqa: PLC0415

    rows = run(whose.listed(_provider(spec, clusters).api))
    if output == JSON:
        emit_json({"clusters": rows})
        return
    table(
        ("ID", "THINGS", "$/H", "MADE BY"),
        [(r.id, str(r.things), f"{r.per_hour:.2f}", ", ".join(r.made_by)) for r in rows],
    )
    note("\n" + say(text("{count} clusters in the account and region of {spec}",
                         count=len(rows), spec=spec or DEFAULT_SPEC)))  # fmt: skip


@aws.command()
@of_cluster
@click.argument("id_", metavar="ID")
def adopt(spec: Path | None, clusters: Path | None, id_: str) -> None:
    """Say that a cluster in the account is this one; for `down` after its folder was lost."""
    from hardway.providers.aws import whose  # noqa: PLC0415

    provider = _provider(spec, clusters)
    run(whose.adopt(provider.api, provider.folder, id_))
    click.echo(say(text("{id} is this cluster now; remove it: hardway down", id=id_)))


def _provider(spec: Path | None, clusters: Path | None) -> "AwsProvider":
    from hardway.providers.aws.provider import AwsProvider  # noqa: PLC0415

    provider = open_project(spec, clusters).provider
    if not isinstance(provider, AwsProvider):
        raise RefusedError("the provider is not aws", hint="say so in hardway.yaml: provider: aws")
    return provider


COMMANDS = (aws,)
