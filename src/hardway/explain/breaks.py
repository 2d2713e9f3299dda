"""What breaks without a thing, as other rows have it: units, checks and mutations.

`without` has what people notice; here is what follows from the rows that make the cluster.
"""

import re
from collections.abc import Iterator

from hardway.atlas.atlas import Atlas, Placed
from hardway.explain.answer import Aspect, Point
from hardway.explain.kubeconfigs import SUFFIX
from hardway.explain.readers import unit_name
from hardway.explain.things import Kind, Thing, joined
from hardway.model.resources import Blob, File, Folder
from hardway.mutations import CHECKS, MUTATIONS, Mutation
from hardway.render.systemd import UNITS
from hardway.steps import file_checks
from hardway.text import Text, text

GO_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
               "kube-proxy")  # fmt: skip
"""Units that all end with the same words where a file that they read is missing."""
SHOWN = 2
"""Checks that the short answer names."""
WHYS = {check.name: check.why for check in CHECKS}


def points(atlas: Atlas, thing: Thing) -> Iterator[Point]:
    """Yield what does not start without a thing, and what `hardway verify` names first."""
    if thing.kind in {Kind.FILE, Kind.PROGRAM}:
        yield Point(Aspect.WITHOUT, (*_unstarted(atlas, thing.name), *_below(atlas, thing.name)))
    rows = tuple(_named(atlas, thing))
    title = text("What hardway verify names where it is changed")
    yield Point(Aspect.WITHOUT, rows=rows[:SHOWN], title=title)
    yield Point(Aspect.WITHOUT, rows=rows[SHOWN:], title=title, more=True)


def _unstarted(atlas: Atlas, path: str) -> Iterator[Text]:
    """Say in their own words which units do not start where nothing is at a path."""
    units: dict[str, None] = {}
    # Programs' words: no texts, they are the same in all languages.
    said = f"{'stat' if path.endswith(SUFFIX) else 'open'} {path}: no such file or directory"
    for placed in atlas.at(path):
        names = [unit_name(unit.name) for unit in atlas.reading_units(path, placed.machine)]
        if isinstance(placed.item, Blob):
            said = f"Failed at step EXEC spawning {path}: No such file or directory"
            units |= dict.fromkeys(n for n in names if _command(atlas, placed, n).startswith(path))
        else:
            units |= dict.fromkeys(n for n in names if n in GO_PROGRAMS)
    if units:
        yield text("{units} will not start: {said}.", units=joined(units), said=said)


def _command(atlas: Atlas, placed: Placed, name: str) -> str:
    """Return the program that a service starts with, and what stands behind it."""
    return atlas.value(placed.machine, f"{UNITS}/{name}.service", "ExecStart")


def _below(atlas: Atlas, path: str) -> Iterator[Text]:
    """Say what goes with a folder."""
    if any(isinstance(placed.item, Folder) for placed in atlas.at(path)) or not atlas.at(path):
        paths = (getattr(placed.item, "path", "") for placed in atlas.placed)
        below = dict.fromkeys(own for own in paths if own.startswith(f"{path}/"))
        if below:
            yield text("What is in it goes with it: {paths}.", paths=joined(below))


def _named(atlas: Atlas, thing: Thing) -> Iterator[tuple[str, str]]:
    """Yield checks that are wrong where a thing is changed, each with what people notice.

    Of mutations that change just this; where there is none, the check of its kind.
    """
    rows = {row.check: row.symptom for row in MUTATIONS
            if row.machines(atlas.cluster) and _is_made_to(row, thing)}  # fmt: skip
    yield from rows.items()
    for name in _of_kind(atlas, thing) if not rows else ():
        if name in WHYS:
            yield name, WHYS[name]


def _is_made_to(row: Mutation, thing: Thing) -> bool:
    if thing.kind in {Kind.FLAG, Kind.SETTING}:
        named = rf"(?<![\w-]){re.escape(thing.tags[1])}(?![\w-])"
        return bool({*row.keeps}.intersection(thing.tags) and re.search(named, row.do))
    if thing.kind is Kind.UNIT:
        stopped = rf"^systemctl (stop|disable|mask|kill) .*\b{re.escape(thing.short)}(\.\w+)?$"
        return bool(re.search(stopped, row.do, re.MULTILINE))
    if thing.kind is Kind.PORT:
        return bool(re.search(rf"\bdport {thing.aliases[0]}\b", row.do))
    signed = f"certificate {row.slip.certificate}" if row.slip else ""
    return thing.name in row.keeps or signed in thing.tags


def _of_kind(atlas: Atlas, thing: Thing) -> Iterator[str]:
    for tag in thing.tags:
        what, _, unit = tag.partition(" ")
        if what == "flags":
            yield f"{unit}-flags"
        elif what == "unit":
            yield f"{unit}-runs"
    if any(isinstance(p.item, File) and not p.item.secret for p in atlas.at(thing.name)):
        yield file_checks.NAME
