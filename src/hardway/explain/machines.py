"""Machines and what is on them beside files: units, packages, users, effects."""

from collections.abc import Iterator
from functools import partial

from hardway.atlas.atlas import Atlas, Placed
from hardway.atlas.connections import having
from hardway.explain.answer import Aspect, Point
from hardway.explain.places import by_hand, by_step, made
from hardway.explain.readers import unit_name
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.model.cluster import Machine, Role
from hardway.model.ports import PORTS
from hardway.model.resources import Effect, File, Package, Unit
from hardway.model.users import USERS, User
from hardway.render.systemd import UNITS
from hardway.text import text

ROLES = {
    Role.CONTROL_PLANE: text("A control plane: it runs etcd, the API server, the controller "
                             "manager and the scheduler. It runs no pods."),
    Role.WORKER: text("A worker: it runs pods, by containerd, kubelet and kube-proxy. Kubernetes "
                      "calls it a node."),
}  # fmt: skip


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield machines, units, packages, effects and users."""
    for machine in atlas.cluster.machines:
        yield _machine(atlas, machine)
    yield from _units(atlas)
    for kind, type_ in ((Kind.PACKAGE, Package), (Kind.EFFECT, Effect)):
        named: dict[str, list[Placed]] = {}
        for placed in atlas.placed:
            if isinstance(placed.item, type_):
                named.setdefault(placed.item.name, []).append(placed)
        for name, found in named.items():
            yield _plain(kind, name, found)
    for user in USERS:
        if atlas.cluster.having(user.role):
            yield _user(atlas, user)


def _machine(atlas: Atlas, machine: Machine) -> Thing:
    units = [p for p in atlas.placed if p.machine == machine.name and isinstance(p.item, Unit)]

    def points(scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (ROLES[machine.role],), rows=(
            (text("address"), str(machine.address)),
            *(((text("pods' range"), str(machine.pod_cidr)),) if machine.pod_cidr else ()),
            (text("reached at"), machine.reached_at),
        ))  # fmt: skip
        provider = atlas.cluster.provider
        yield Point(Aspect.MADE, (
            text("The provider {provider}; name, address and ranges are kept in cluster.json.",
                 provider=provider),
        ))  # fmt: skip
        yield Point(Aspect.READERS, rows=tuple(
            (p.item.name, scene.process(machine.name, unit_name(p.item.name)) if
             (machine.name, unit_name(p.item.name)) in scene.processes else p.item.why)
            for p in units if isinstance(p.item, Unit)
        ), title="What runs on it")  # fmt: skip
        files = [p for p in atlas.placed if p.machine == machine.name and isinstance(p.item, File)]
        yield Point(Aspect.CONTENT, rows=tuple(
            (p.item.path, p.item.why) for p in files if isinstance(p.item, File)
        ), more=True)  # fmt: skip
        yield Point(Aspect.SEE, commands=(
            f"hardway ssh {machine.name} -- systemctl list-units --type=service --state=running",
            *((f"hardway kubectl describe node {machine.name}",) if machine.pod_cidr else ()),
        ))  # fmt: skip

    return Thing(
        kind=Kind.MACHINE, name=machine.name,
        aliases=tuple(dict.fromkeys((str(machine.address), machine.reached_at,
                                     f"machine {machine.name}", f"node {machine.name}",
                                     f"node/{machine.name}"))),
        tags=(f"machine {machine.role.value}", "machine", "machines"),
        summary=ROLES[machine.role], machines=(machine.name,), points=points,
    )  # fmt: skip


def _units(atlas: Atlas) -> Iterator[Thing]:
    named: dict[str, list[Placed]] = {}
    for placed in atlas.placed:
        if isinstance(placed.item, File) and placed.item.path.startswith(f"{UNITS}/"):
            named.setdefault(placed.item.path, []).append(placed)
    for path, found in named.items():
        unit = path.removeprefix(f"{UNITS}/")
        assert isinstance(found[0].item, File)  # noqa: S101 - as chosen above
        yield Thing(
            kind=Kind.UNIT,
            name=unit,
            short=unit_name(unit),
            aliases=(path, f"unit {unit_name(unit)}", f"{unit_name(unit)} unit"),
            tags=(f"unit {unit_name(unit)}", unit_name(unit), "unit", found[0].step),
            summary=found[0].item.why,
            machines=tuple(placed.machine for placed in found),
            paths=(path,),
            points=partial(_of_unit, atlas, unit, path, found),
        )


def _of_unit(
    atlas: Atlas, unit: str, path: str, found: list[Placed], scene: Scene
) -> Iterator[Point]:
    chosen = [p for p in found if p.machine in scene.chosen(q.machine for q in found)]
    first, name = chosen[0], unit_name(unit)
    assert isinstance(first.item, File)  # noqa: S101 - as chosen by the caller
    yield Point(Aspect.WHAT, (first.item.why,))
    yield from made(atlas, chosen)
    known = [p.item for p in atlas.units(unit) if isinstance(p.item, Unit)]
    yield Point(Aspect.READERS, rows=(
        ("systemd", joined(scene.process(p.machine, name) for p in chosen)),
        *((text("listens on"), text("{port}: {why}", port=port.number, why=port.why))
          for port in PORTS if port.service == name),
    ))  # fmt: skip
    yield Point(
        Aspect.READERS,
        rows=tuple(_reads(known[0], path)) if known else (),
        title="What it reads",
        more=True,
    )
    connections = [c for c in having(atlas.cluster) if name in {c.client, c.server}]
    yield Point(Aspect.HANDSHAKE, rows=tuple((c.name, c.why) for c in connections),
                title="Its connections")  # fmt: skip
    yield Point(Aspect.CONTENT, rows=tuple(
        (f"{e.name}={e.row.value}" if e.row.value != "" else e.name, e.row.why)
        for e in atlas.entries
        if e.machine == first.machine and e.file.path == path and e.is_flag
    ), more=True, title="Its flags")  # fmt: skip
    yield Point(Aspect.SEE, commands=(
        f"hardway ssh {first.machine} -- systemctl status --no-pager {unit}",
        f"hardway ssh {first.machine} -- journalctl --unit {unit} --lines 20 --no-pager",
    ))  # fmt: skip
    yield Point(Aspect.CONTENT, rows=tuple(
        (p.machine, said) for p in chosen if isinstance(p.item, File)
        and (said := scene.state(p.machine, path))
    ))  # fmt: skip


def _reads(unit: Unit, path: str) -> Iterator[tuple[str, str]]:
    """Yield what a unit's process reads, by when it does."""
    again: dict[str, list[str]] = {}
    for row in unit.rereads:
        again.setdefault(row.why, []).append(row.path)
    yield text("at its start; a change restarts it"), joined(p for p in unit.reads if p != path)
    for why, paths in again.items():
        yield text("again by itself"), joined(paths)
        yield "", why


def _plain(kind: Kind, name: str, found: list[Placed]) -> Thing:
    item = found[0].item
    assert isinstance(item, Package | Effect)  # noqa: S101 - as chosen by the caller

    def points(scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (item.why,))
        yield Point(Aspect.MADE, (by_step(found[0].step),),
                    rows=((text("on"), joined(p.machine for p in found)),))  # fmt: skip
        yield Point(Aspect.MADE, commands=tuple(by_hand(found[0])), title="By hand", more=True)
        machine = scene.chosen(p.machine for p in found)[0]
        if isinstance(item, Effect):
            yield Point(Aspect.READERS, rows=((item.unit, text("brings it about")),))
            yield Point(Aspect.CONTENT, tuple(item.value.rstrip().splitlines()))
            lines = item.see.replace("'", "'\\''")
            yield Point(Aspect.SEE, commands=(f"hardway ssh {machine} -- '{lines}'",))
        else:
            yield Point(Aspect.SEE, commands=(f"hardway ssh {machine} -- dpkg --status {name}",))

    return Thing(kind=kind, name=name, aliases=(f"{kind.value} {name}",),
                 tags=(f"{kind.value} {name}", name, kind.value, found[0].step), summary=item.why,
                 points=points)  # fmt: skip


def _user(atlas: Atlas, row: User) -> Thing:
    machines = [m.name for m in atlas.cluster.having(row.role)]

    def points(_scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (text("A system user: {why}", why=row.why),))
        yield Point(Aspect.MADE, (
            text("The package {package}.", package=row.package) if row.package
            else text("hardway up, in its step machines, by /etc/sysusers.d/hardway.conf."),
        ), rows=((text("on"), joined(machines)),))  # fmt: skip
        files = [p.item for p in atlas.placed if isinstance(p.item, File)]
        owned = dict.fromkeys(file.path for file in files if file.owner == row.name)
        yield Point(Aspect.READERS, rows=tuple((path, text("is its own")) for path in owned)
                    or ((row.name, text("owns no file of hardway's")),))  # fmt: skip
        yield Point(Aspect.SEE, commands=(f"hardway ssh {machines[0]} -- id {row.name}",))

    return Thing(
        kind=Kind.USER,
        name=f"user {row.name}",
        aliases=(f"{row.name} user",),
        tags=(f"user {row.name}", "user", "machines"),
        summary=row.why,
        points=points,
    )
