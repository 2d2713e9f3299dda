"""What hardway put on one machine's disk, and why; and in which order its units start."""

from collections.abc import Iterator
from posixpath import basename, dirname

from hardway.atlas.atlas import Atlas, Placed
from hardway.errors import RefusedError
from hardway.model.cluster import Machine
from hardway.model.resources import Blob, Block, File, Folder, Unit
from hardway.pictures.model import Branch, Drawing, Tree
from hardway.pictures.view import View
from hardway.text import text


def choices(atlas: Atlas) -> tuple[str, ...]:
    """Return the names of the cluster's machines."""
    return tuple(m.name for m in atlas.cluster.machines)


def machine_of(atlas: Atlas, picture: str, argument: str) -> Machine:
    """Return the machine that a picture is asked about.

    Raises:
        RefusedError: there is none of that name.
    """
    try:
        return atlas.cluster.machine(argument)
    except KeyError:
        names = ", ".join(choices(atlas))
        raise RefusedError(
            text("this cluster has no machine '{machine}'", machine=argument),
            hint=text("hardway picture {picture} MACHINE; the names: {names}", picture=picture,
                      names=names),
        ) from None  # fmt: skip


def draw(view: View, argument: str) -> Drawing:
    """Return a machine's folders and files as a tree, each with its reason."""
    machine = machine_of(view.atlas, "disk", argument)
    placed = [
        p
        for p in view.atlas.placed
        if p.machine == machine.name and isinstance(p.item, File | Blob | Folder | Block)
    ]
    folders: dict[str, list[Placed]] = {}
    for p in sorted(placed, key=lambda p: str(getattr(p.item, "path", ""))):
        if not isinstance(p.item, Folder):
            folders.setdefault(dirname(str(getattr(p.item, "path", ""))), []).append(p)
    return Drawing(
        text("What is on the disk of {machine}", machine=machine.name),
        Tree(tuple(_folder(view, folder, own) for folder, own in folders.items())),
        text("{count} files that hardway put on {machine}, by folder.", count=len(placed),
             machine=machine.name),
        ("Mode and owner stand where others may not read the file.",),
    )  # fmt: skip


def _folder(view: View, folder: str, own: list[Placed]) -> Branch:
    why = next((p.item.why for p in view.atlas.at(folder) if isinstance(p.item, Folder)), "")
    return Branch(folder, why, branches=tuple(_item(p) for p in own), about=folder)


def _item(placed: Placed) -> Branch:
    item = placed.item
    assert isinstance(item, File | Blob | Block)  # noqa: S101 - chosen above
    name = basename(item.path)
    if isinstance(item, File) and item.mode & 0o077 == 0:
        name = f"{name} ({item.mode:04o} {item.owner})"
    return Branch(name, item.why, about=item.path)


def draw_boot(view: View, argument: str) -> Drawing:
    """Return a machine's units in the order in which they start at a boot."""
    machine = machine_of(view.atlas, "boot", argument)
    after = _after(view.atlas, machine)
    branches = []
    for unit in _ordered(after):
        waits = after[unit]
        below = tuple(
            Branch(text("after {units}", units=", ".join(units)), why) for units, why in waits
        )
        branches.append(Branch(unit, "" if below else NOTHING, branches=below, about=unit))
    return Drawing(
        text("What starts when {machine} boots", machine=machine.name),
        Tree(tuple(branches)),
        text("{count} units, in the order in which they start.", count=len(branches)),
    )


NOTHING = "waits for nothing of hardway's"
Waits = dict[str, list[tuple[list[str], str]]]
"""By unit: which units it waits for, and why."""


def _after(atlas: Atlas, machine: Machine) -> Waits:
    own = [
        p.item.name for p in atlas.placed if p.machine == machine.name and isinstance(p.item, Unit)
    ]
    found: Waits = {name: [] for name in dict.fromkeys(own)}
    for entry in atlas.entries:
        name = basename(entry.file.path)
        if entry.machine == machine.name and name in found and entry.name == "After":
            found[name].append((str(entry.row.value).split(), entry.row.why))
    return found


def _ordered(after: Waits) -> Iterator[str]:
    """Yield the units, each behind those that it waits for."""
    done: list[str] = []

    def visit(unit: str) -> Iterator[str]:
        if unit in done or unit not in after:
            return
        done.append(unit)
        for units, _ in after[unit]:
            for before in units:
                yield from visit(before)
        yield unit

    for unit in after:
        yield from visit(unit)
