"""Commands about what a cluster is made of: lock, bundle."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardway.cli.help import Command, Group
from hardway.cli.loop import run
from hardway.cli.options import OUTPUT, of_cluster, open_project
from hardway.cli.output import JSON, emit_json, note, say
from hardway.text import text

if TYPE_CHECKING:
    from hardway.bundle import Contents

ARCHITECTURES = click.option(
    "--architecture", "architectures", type=click.Choice(["amd64", "arm64"]), multiple=True,
    help="For machines of this kind; may be given twice.  [default: theirs, or else this host's]",
)  # fmt: skip
SUITES = click.option(
    "--suite", "suites", metavar="NAME", multiple=True,
    help="Packages for hosts of this release, as trixie or noble (provider ssh); may be given "
    "again.  [default: this host's]",
)  # fmt: skip


@click.command(cls=Command)
@of_cluster
@OUTPUT
@ARCHITECTURES
@click.option("--update", is_flag=True, help="Pin anew what is pinned already.")
def lock(
    spec: Path | None,
    clusters: Path | None,
    output: str,
    architectures: tuple[str, ...],
    *,
    update: bool,
) -> None:
    """Pin the components in hardway.lock: where each comes from, and its SHA-256."""
    from hardway import supply  # noqa: PLC0415
    from hardway.cli.progress import reporting  # noqa: PLC0415

    project = open_project(spec, clusters)
    with reporting() as report:
        rows = run(supply.pin(project, report, asked=architectures, update=update))
    if output == JSON:
        emit_json({"lock": project.lock_file, "files": [row.row for row in rows]})
        return
    counted = Counter(row.source for row in rows)
    click.echo(say(text("{path} pins {count} files", path=project.lock_file, count=len(rows))))
    for source, count in sorted(counted.items()):
        click.echo(f"  {count:>3} {source}")


@click.group(cls=Group)
def bundle() -> None:
    """Pack all that `up` needs into one file, for where there is no internet."""


@bundle.command()
@of_cluster
@OUTPUT
@ARCHITECTURES
@SUITES
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def create(  # noqa: PLR0913, PLR0917 - one parameter for each option
    spec: Path | None,
    clusters: Path | None,
    output: str,
    architectures: tuple[str, ...],
    suites: tuple[str, ...],
    file: Path | None,
) -> None:
    """Write a bundle for the spec; the same contents give the same bytes."""
    from hardway import supply  # noqa: PLC0415
    from hardway.cli.progress import reporting  # noqa: PLC0415

    project = open_project(spec, clusters)
    file = file or Path(f"{project.cluster.name}-{project.cluster.kubernetes_version}.bundle")
    with reporting() as report:
        contents = run(supply.pack(project, file, report, asked=architectures, suites=suites))
    _tell(file, contents, output, text("use it: hardway up --bundle {file}", file=file))


@bundle.command()
@OUTPUT
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def verify(file: Path, output: str) -> None:
    """Check every digest in a bundle, and say what it holds."""
    from hardway import bundle as package  # noqa: PLC0415

    contents = package.verify(file, lambda doing: note(say(doing)))
    _tell(file, contents, output, text("every digest is right"))


def _tell(file: Path, contents: "Contents", output: str, last: str) -> None:
    if output == JSON:
        emit_json(
            {
                "bundle": file,
                "identity": contents.identity,
                "size_bytes": file.stat().st_size,
                "hardway": contents.hardway,
                "kubernetes": contents.kubernetes,
                "provider": contents.provider,
                "architectures": contents.architectures,
                "files": [row.row for row in contents.files.rows],
                "packages": contents.packages,
                "lacking": contents.lacking,
            }
        )
        return
    kinds = ", ".join(contents.architectures)
    click.echo(
        say(
            text(
                "{file}: Kubernetes {version} for {provider}, {kinds}",
                file=file,
                version=contents.kubernetes,
                provider=contents.provider,
                kinds=kinds,
            )
        )
    )
    packages = sum(len(names) for names in contents.packages.values())
    size = f"{file.stat().st_size / 1e6:.0f} MB"
    click.echo(
        say(
            text(
                "  {files} components' files, {packages} packages, {size}",
                files=len(contents.files.rows),
                packages=packages,
                size=size,
            )
        )
    )
    for what in contents.lacking:
        click.echo(say(text("  lacks {what}", what=what)))
    click.echo(say(text("  identity {identity}", identity=contents.identity)))
    click.echo(f"  {say(last)}")


COMMANDS = (lock, bundle)
