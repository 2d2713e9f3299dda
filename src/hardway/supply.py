"""What a cluster is made of: pinning it, packing it, and making a cluster of what was packed."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

from hardway import __version__, bundle, isolation, pipeline
from hardway import components as package
from hardway.bundle import Contents
from hardway.components import Lock, Stored
from hardway.components.cache import workplace
from hardway.components.lock import compare
from hardway.errors import PreflightError, RefusedError
from hardway.model.checks import Claim, Subject, judged
from hardway.model.cluster import Cluster
from hardway.model.providers import TRAITS
from hardway.model.resources import Finding
from hardway.project import Project
from hardway.report import Event, Happened, Report
from hardway.text import joined, text


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that is to be used, and what is in it."""

    file: Path
    contents: Contents


def _doing(report: Report) -> Callable[[str], None]:
    return lambda doing: report(Event(happened=Happened.DOING, text=doing))


def architectures(project: Project, asked: Iterable[str]) -> tuple[str, ...]:
    """Return the machines' architectures: those asked for, else those known, else this host's."""
    known = project.provider.architectures(project.cluster) or {package.architecture()}
    return tuple(sorted(set(asked) or known))


async def pin(
    project: Project, report: Report, *, asked: Iterable[str], update: bool
) -> tuple[Stored, ...]:
    """Get the components, write down in hardway.lock what they are, and return that.

    What it pins already stays as it is; with `update` all is pinned again.

    Raises:
        ComponentError: a component is unavailable, or not the one that is pinned.
    """
    lock = None if update else project.lock
    rows = {_key(row): row for row in (lock.rows if lock else ())}
    for name, some in project.needed(architectures(project, asked)).items():
        for row in (await _have(project, some, name, lock, report)).values():
            rows[_key(row)] = row
    package.save_lock(project.lock_file, tuple(rows.values()))
    return tuple(rows.values())


def _key(row: Stored) -> tuple[str, str, str, str]:
    return row.component, row.version, row.architecture, row.file


async def _have(
    project: Project,
    wanted: Sequence[package.Component],
    architecture: str,
    lock: Lock | None,
    report: Report,
) -> dict[str, Stored]:
    """Get the components: those that the lock pins as it says, the others as they are now."""
    found: dict[str, Stored] = {}
    pinned = [c for c in wanted if lock and lock.has(c, architecture)]
    free = [c for c in wanted if c not in pinned]
    for some, by in ((pinned, lock), (free, None)):
        found |= await package.ensure(
            some,
            architecture,
            progress=lambda _, doing: _doing(report)(doing),
            cache=project.cache,
            lock=by,
        )
    return found


async def pack(
    project: Project, file: Path, report: Report, *, asked: Iterable[str], suites: Iterable[str]
) -> Contents:
    """Write one file with all that `up` needs for this spec, and return what is in it.

    Raises:
        ComponentError: a component is unavailable, or not the one that hardway.lock pins.
    """
    _refuse_outside(project)
    wanted, doing = architectures(project, asked), _doing(report)
    with workplace(project.cache) as folder:
        place = bundle.Place(project.cache, folder, doing)
        extras = bundle.EXTRAS[project.cluster.provider]
        more = await extras(bundle.Wanted(wanted, tuple(dict.fromkeys(suites))), place)
        found = await project.ensure(wanted, lambda _, said: doing(said))
        stored = [row for files in found.values() for row in files.values()]
        contents = Contents(
            hardway=__version__,
            kubernetes=project.cluster.kubernetes_version,
            provider=project.cluster.provider,
            architectures=wanted,
            files=Lock(file.name, tuple(stored)),
            packages=more.packages,
            lacking=more.lacking,
            members=(),
        )
        return await asyncio.to_thread(bundle.pack, file, contents, stored, more.members, doing)


def _refuse_outside(project: Project) -> None:
    if outside := TRAITS[project.cluster.provider].outside:
        raise RefusedError(
            text("provider {provider} needs {outside}, and no bundle can replace that",
                 provider=project.cluster.provider, outside=outside),
            hint="hardway lock pins what machines get there",
        )  # fmt: skip


def fitting(project: Project, file: Path) -> Bundle:
    """Return a bundle, having compared what it was made for with the spec.

    Raises:
        RefusedError: it was made for something else.
        ComponentError: it is not a bundle, or has other files than hardway.lock pins.
    """
    cluster = project.cluster
    _refuse_outside(project)
    contents = bundle.read(file)
    wrong = [
        text(
            "its {field} is {found}, hardway.yaml says {wanted}",
            field=field,
            found=has,
            wanted=wanted,
        )
        for field, has, wanted in (
            ("kubernetes", contents.kubernetes, cluster.kubernetes_version),
            ("provider", contents.provider, cluster.provider),
        )
        if has != wanted
    ]
    needed = project.needed({*project.provider.architectures(cluster), *contents.architectures})
    wrong += [
        text(
            "it has no {component} {version} ({architecture})",
            component=component.name,
            version=component.version,
            architecture=name,
        )
        for name, some in needed.items()
        for component in some
        if not contents.files.has(component, name)
    ]
    if wrong:
        flags = "".join(f" --architecture {name}" for name in architectures(project, ()))
        raise RefusedError(
            text("{file} was made for something else:\n  {problems}",
                 file=file, problems=joined("\n  ", wrong)),
            hint=text("where there is internet, with this hardway.yaml: hardway bundle "
                      "create{flags}", flags=flags),
        )  # fmt: skip
    if lock := project.lock:
        for name, some in needed.items():
            for component in some:
                digests = {f: r.sha256 for f, r in contents.files.of(component, name).items()}
                compare(digests, lock.of(component, name), lock.name)
    return Bundle(file, contents)


async def up(
    project: Project, found: Bundle, report: Report, *, until: str | None
) -> list[Finding]:
    """Bring the cluster about from a bundle alone; the last finding proves that.

    Raises:
        HardwayError: as in `pipeline.up`.
    """
    cluster = project.cluster
    machines = (cluster.node_cidr, cluster.pod_cidr)
    ways = _ways(project)
    inside = [cluster.node_cidr, *(ip_network(m.address) for m in cluster.machines)]
    inside += [ip_network(address) for found in ways.values() for address in found]
    with isolation.confined(inside, machines, ways) as watch:
        await asyncio.to_thread(bundle.unpack, found.file, project.cache, _doing(report))
        project = replace(project, bundled=found.contents)
        findings = await pipeline.up(project, report, until=until)
        return [*findings, proof(cluster, watch.seen())]


def _ways(project: Project) -> dict[str, list[isolation.Address]]:
    """Return the addresses of whatever this host reaches the machines by.

    Raises:
        PreflightError: a name that a name server would have to be asked for.
    """
    found = {name: isolation.addresses(name) for name in project.provider.reaches(project.cluster)}
    unknown = [name for name, addresses in found.items() if not addresses]
    if unknown:
        raise PreflightError(
            [text("{name} is not in /etc/hosts, and with --bundle no name server may be asked",
                  name=name)
             for name in sorted(unknown)],
            hint="echo 'ADDRESS NAME' >>/etc/hosts; or set an address in place of the name, in "
            "hardway.yaml or ~/.ssh/config",
        )  # fmt: skip
    return found


NO_OTHER = text("no connection elsewhere")
ALONE = Claim(
    name="nothing-from-elsewhere", step="components",
    why="with --bundle everything comes from the bundle; what leads elsewhere is refused",
    see="hardway log",
)  # fmt: skip


def proof(cluster: Cluster, seen: isolation.Seen) -> Finding:
    """Return what was seen of a run's connections, as a finding."""
    children = (
        text("its children were not watched: {why}", why=seen.why_not)
        if seen.why_not
        else text("the kernel counted {count} packets of this program and its children to the "
                  "cluster", count=seen.packets)
    )  # fmt: skip
    (judgement,) = judged(
        NO_OTHER,
        text(
            "{tried} ({count} to the cluster; {children}; machines' packets to elsewhere, dropped: "
            "{dropped})",
            tried=joined(", ", seen.elsewhere) if seen.elsewhere else NO_OTHER,
            count=seen.inside, children=children,
            dropped=joined(", ", seen.machines) if seen.machines else text("none"),
        ),
        holds=not seen.elsewhere,
    )  # fmt: skip
    return ALONE.finding(Subject("host", "this host", cluster), judgement)
