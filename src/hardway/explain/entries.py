"""Flags and settings: every entry of every rendered file."""

from collections.abc import Iterator, Mapping
from functools import partial
from posixpath import basename

from hardway.atlas.atlas import Atlas
from hardway.atlas.entries import Entry
from hardway.explain import uses
from hardway.explain.answer import Aspect, Point
from hardway.explain.places import by_step, standing
from hardway.explain.readers import processes, unit_name, units_of
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.explain.uses import End, Use
from hardway.text import text

SHOWN = 3
"""Values of one entry that the short answer shows, where machines have different ones."""


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield a thing for each flag and setting, whatever the number of machines that have it."""
    groups: dict[tuple[str, tuple[str, ...], str], list[Entry]] = {}
    for entry in atlas.entries:
        groups.setdefault((entry.file.path, entry.sections, entry.name), []).append(entry)
    used = uses.by_entry(atlas)
    for (path, sections, _), own in groups.items():
        yield _thing(atlas, own, units_of(atlas, path, own[0].machine), sections, used)


def _thing(
    atlas: Atlas,
    own: list[Entry],
    units: tuple[str, ...],
    sections: tuple[str, ...],
    used: Mapping[tuple[str, str], tuple[Use, ...]],
) -> Thing:
    first = own[0]
    path, file = first.file.path, unit_name(basename(first.file.path))
    leaves = [full for full, _ in first.values()]
    named = tuple(use for leaf in leaves for use in used.get((path, leaf), ()))
    within = " ".join([file, *sections, first.name])
    name = f"{file} {first.name}" if first.is_flag else within
    aliases = dict.fromkeys((
        f"{file} {first.name}", first.name, first.name.removeprefix("--"), within,
        f"{path} {first.name}",
        *(alias for leaf in leaves[1:] + leaves[:1] if leaf != first.name
          for alias in (leaf, f"{file} {leaf}", leaf.rsplit(".", 1)[-1])),
    ))  # fmt: skip
    return Thing(
        kind=Kind.FLAG if first.is_flag else Kind.SETTING,
        name=name,
        aliases=tuple(aliases),
        tags=(f"{file} {first.name}", first.name, *(use.connection.name for use in named),
              *(f"section {section}" for section in sections),
              *(f"flags {unit}" for unit in units if first.is_flag), *units, path, first.step),
        summary=first.row.why,
        machines=tuple(dict.fromkeys(entry.machine for entry in own)),
        points=partial(_points, atlas, tuple(own), units, named),
    )  # fmt: skip


def _points(
    atlas: Atlas, own: tuple[Entry, ...], units: tuple[str, ...], named: tuple[Use, ...],
    scene: Scene,
) -> Iterator[Point]:  # fmt: skip
    first = own[0]
    yield Point(Aspect.WHAT, (first.row.why,), rows=_values(own, scene))
    if first.file.secret:
        yield Point(Aspect.WHAT, (text("Its value is secret and is not shown."),))
    section = () if first.is_flag or not first.sections else ((
        text("section"), " / ".join(first.sections)),)  # fmt: skip
    yield Point(Aspect.MADE, (by_step(first.step),), rows=((text("in"), first.file.path), *section))
    machines = list(dict.fromkeys(entry.machine for entry in own))
    yield Point(Aspect.READERS, rows=tuple(
        (unit, processes(scene, (unit,), machines)) for unit in units
    ) or ((text("the machine"), joined(machines)),))  # fmt: skip
    if first.is_flag:
        yield Point(Aspect.READERS, tuple(_running(own, units[0], scene)), title=text("Runs with"))
    shown = [use for use in named if use.end is not End.DIALS]
    yield from uses.told(atlas, shown)
    yield Point(Aspect.HANDSHAKE, rows=tuple(
        (use.connection.name, use.sentence) for use in named if use.end is End.DIALS
    ))  # fmt: skip
    yield Point(Aspect.CONTENT, rows=tuple(_behind(atlas, first)), title="The file it names")
    yield Point(Aspect.WITHOUT, tuple(dict.fromkeys(use.connection.without for use in named)))
    yield Point(Aspect.SEE, commands=(_see(first, units),))


def _values(own: tuple[Entry, ...], scene: Scene) -> tuple[tuple[str, str], ...]:
    """Return the values, single ones of nested values each for itself, with their machines."""
    by_value: dict[tuple[str, str], list[str]] = {}
    for entry in own:
        if entry.machine in scene.chosen(e.machine for e in own):
            for full, value in entry.values() if not entry.file.secret else ():
                by_value.setdefault((full, _plain(value)), []).append(entry.machine)
    everywhere = {entry.machine for entry in own}
    return tuple(
        (name, value if set(machines) == everywhere else f"{value}  ({joined(machines)})")
        for (name, value), machines in by_value.items()
    )


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _running(own: tuple[Entry, ...], unit: str, scene: Scene) -> Iterator[str]:
    """Compare the flag with what processes really run with."""
    flag = own[0].name
    for machine in scene.chosen(entry.machine for entry in own):
        running = scene.processes.get((machine, unit))
        if running is None:
            continue
        wanted = [f"{e.name}={_plain(e.row.value)}" for e in own if e.machine == machine]
        found = [word for word in running.argv if word.split("=", 1)[0] == flag]
        if found == wanted:
            yield text("On {machine} the process runs with this value.", machine=machine)
        else:
            yield text("On {machine} the process runs with {found}, not with {wanted}.",
                       machine=machine, found=joined(found) or text("no such flag"),
                       wanted=joined(wanted))  # fmt: skip


def _behind(atlas: Atlas, entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield what is at the paths that the value names."""
    for full, value in entry.values():
        for path in atlas.paths_in(f"{full} {value}"):
            for placed in atlas.at(path, entry.machine)[:1]:
                material = atlas.materials[entry.machine].get(path)
                why = standing(placed).why
                yield (
                    path,
                    text("{kind}: {why}", kind=text(material.kind.value), why=why)
                    if material
                    else why,
                )


def _see(entry: Entry, units: tuple[str, ...]) -> str:
    if entry.is_flag:
        show = (
            f"tr '\\0' '\\n' </proc/$(systemctl show --property=MainPID --value {units[0]})/cmdline"
        )
        return f'hardway ssh {entry.machine} -- "{show} | grep -e {entry.name}"'.replace(
            "$(", "\\$("
        )
    word = entry.name.split()[0].split("[")[0]
    return f"hardway ssh {entry.machine} -- grep -n -e '{word}' {entry.file.path}"
