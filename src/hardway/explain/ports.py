"""Ports: which process listens where, who may come, and by which certificate."""

from collections.abc import Iterator
from functools import partial
from posixpath import basename

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import having
from hardway.explain.answer import Aspect, Point
from hardway.explain.places import by_step
from hardway.explain.readers import units_of
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.explain.uses import End, ends, lost
from hardway.model.ports import PORTS, SSH, Listens, Port
from hardway.text import text


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield a thing for each port that a service of the cluster listens on."""
    for row in (*PORTS, SSH):
        having_it = _having(atlas, row)
        if not having_it:
            continue
        connections = tuple(c.name for c in having(atlas.cluster) if c.port == row)
        yield Thing(
            kind=Kind.PORT,
            name=f"port {row.number}",
            aliases=(str(row.number), f":{row.number}", f"{row.service}:{row.number}",
                     f"{row.service} port", f"{row.number}/tcp"),
            tags=(f"port {row.number}", *connections, row.service, "port"),
            summary=row.why,
            machines=having_it,
            points=partial(_points, atlas, row, having_it),
        )  # fmt: skip


def _having(atlas: Atlas, row: Port) -> tuple[str, ...]:
    """Return the machines on which a port's service runs."""
    running = {placed.machine for placed in atlas.units(f"{row.service}.service")}
    return tuple(m.name for m in atlas.cluster.machines
                 if m.role in row.roles and (row is SSH or m.name in running))  # fmt: skip


def _points(atlas: Atlas, row: Port, having_it: tuple[str, ...], scene: Scene) -> Iterator[Point]:
    where: str = {Listens.LOOPBACK: text("127.0.0.1 only: no other machine reaches it")}.get(
        row.listens, row.listens.value
    )
    yield Point(Aspect.WHAT, (
        text("TCP port {number} of {service}: {why}.", number=row.number, service=row.service,
             why=row.why),
    ), rows=((text("listens on"), where),))  # fmt: skip
    first = having_it[0]
    steps = [placed.step for placed in atlas.units(f"{row.service}.service")]
    yield Point(Aspect.MADE, tuple(by_step(step) for step in steps[:1]) or (
        text("Not hardway's: the machine had it before."),
    ))  # fmt: skip
    for own in (True, False):
        yield Point(Aspect.MADE, rows=tuple(_naming(atlas, row, first, own=own)), more=not own,
                    title="" if own else "Who else names it")  # fmt: skip
    yield Point(Aspect.READERS, rows=(
        (text("listens"), joined(scene.process(m, row.service) for m in scene.chosen(having_it))),
        *((text("from {peer}", peer=text(peer.value)), why) for peer, why in row.allows),
    ))  # fmt: skip
    found = [c for c in having(atlas.cluster) if c.port == row]
    yield Point(Aspect.HANDSHAKE, tuple(dict.fromkeys(
        text("{server} shows the certificate behind {entry}.", server=c.server,
             entry=use.ref.entry)
        for c in found for use in ends(c) if use.end is End.SERVER_SHOWS
    )), rows=((text("connections"), joined(c.name for c in found)),) if found else ())  # fmt: skip
    yield Point(Aspect.HANDSHAKE, rows=tuple((c.name, c.why) for c in found), more=True)
    yield from lost(found)
    see = f"ss -ltnp 'sport = :{row.number}'"
    yield Point(Aspect.SEE, commands=(f'hardway ssh {first} -- "{see}"',))


def _naming(atlas: Atlas, row: Port, machine: str, *, own: bool) -> Iterator[tuple[str, str]]:
    """Yield the entries on a machine that have the number: the service's own, or others'."""
    for entry in atlas.entries:
        if entry.machine != machine or entry.name.startswith("Exec"):
            continue
        units = units_of(atlas, entry.file.path, machine)
        for _, value in entry.values():
            if str(row.number) in _numbers(str(value)) and (row.service in units) is own:
                yield f"{basename(entry.file.path)} {entry.name.split(' ', 1)[0]}", str(value)


def _numbers(value: str) -> set[str]:
    for mark in "/:,'[]{}":
        value = value.replace(mark, " ")
    return set(value.split())
