"""Asking machines about a thing that somebody wants explained; their silence is no failure."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hardway.atlas.atlas import Atlas
from hardway.errors import HardwayError
from hardway.explain.readers import unit_name
from hardway.explain.scene import NOBODY_ASKED, Running, Scene
from hardway.explain.things import Thing
from hardway.model.resources import File, Unit
from hardway.project import Project
from hardway.text import reason, text
from hardway.transport.base import Fleet, Transport, refused

PATIENCE_S = 4
"""Seconds until the answer is given without the machines: people wait for it."""
PROCESS, FILE = "@ ", "! "
"""Begin the lines about a process and about a file."""


async def scene(project: Project, atlas: Atlas, thing: Thing, machine: str) -> Scene:
    """Return what a thing's machines say about processes and files; read-only, in a moment.

    Of one machine only, where the question names it.
    """
    chosen = tuple(m for m in atlas.cluster.machines
                   if m.name in thing.machines and machine in {"", m.name})  # fmt: skip
    if project.decisions is None or not chosen:
        return replace(NOBODY_ASKED, machine=machine)
    asked = replace(atlas.cluster, machines=chosen)
    try:
        async with asyncio.timeout(PATIENCE_S), project.provider.connect(asked) as fleet:
            seen = await _of_fleet(fleet, atlas, thing, [m.name for m in chosen], machine)
        return replace(seen, given=_given(project, atlas, thing))
    except (HardwayError, TimeoutError, OSError) as error:
        late = text("no answer within {seconds} s", seconds=PATIENCE_S)
        why = reason(error) or late
        return Scene(machine=machine, silent=dict.fromkeys((m.name for m in chosen), why))


def _given(project: Project, atlas: Atlas, thing: Thing) -> dict[tuple[str, str], str]:
    """Return the digests of what machines were last given; rendered here some facts are assumed."""
    return {
        (placed.machine, path): project.workspace.given(placed.machine, placed.item)
        for path in thing.paths
        for placed in atlas.at(path)
        if isinstance(placed.item, File)
    }


async def _of_fleet(
    fleet: Fleet, atlas: Atlas, thing: Thing, chosen: Sequence[str], machine: str
) -> Scene:
    scripts = {name: _script(atlas, name, thing.paths) for name in fleet}
    said = await asyncio.gather(*(_ask(fleet[name], script) for name, script in scripts.items()))
    answers = dict(zip(scripts, said, strict=True))
    processes: dict[tuple[str, str], Running] = {}
    digests: dict[tuple[str, str], str] = {}
    for name, answer in answers.items():
        for part in answer.split("\n" + PROCESS)[1:]:
            head, *argv = part.split("\n" + FILE)[0].splitlines()
            unit, pid = head.split()
            processes[name, unit] = Running(int(pid), tuple(argv))
        for line in answer.splitlines():
            if line.startswith(FILE):
                path, _, digest = line.removeprefix(FILE).partition(" ")
                digests[name, path] = digest
    why = refused(fleet)
    silent: Mapping[str, str] = {
        name: why[name].message if name in why else text("it does not answer")
        for name in chosen
        if not answers.get(name)
    }
    return Scene(asked=True, processes=processes, digests=digests, silent=silent, machine=machine)


async def _ask(transport: Transport, script: str) -> str:
    try:
        done = await transport.run(["sh", "-s"], stdin=script.encode(), timeout_s=PATIENCE_S)
    except HardwayError:
        return ""
    return done.stdout.decode(errors="replace")


def _script(atlas: Atlas, machine: str, paths: Sequence[str]) -> str:
    """Return shell lines that print the units' processes with their words, and files' digests."""
    units = [
        unit_name(placed.item.name)
        for placed in atlas.placed
        if placed.machine == machine and isinstance(placed.item, Unit)
    ]
    own = shlex.join(path for path in paths if atlas.at(path, machine))
    return f"""echo
for unit in {shlex.join(units)}; do
  pid=$(systemctl show --property=MainPID --value "$unit")
  [ "${{pid:-0}}" != 0 ] || continue
  echo "{PROCESS}$unit $pid"
  tr '\\0' '\\n' <"/proc/$pid/cmdline"
done
for path in {own}; do
  echo "{FILE}$path $([ ! -f "$path" ] || sha256sum <"$path" | cut -d' ' -f1)"
done
"""
