"""What is no component's: kernel settings, the pod network, files of people, files on disk."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from hardway.atlas.atlas import Atlas
from hardway.engine.kinds import effect
from hardway.inventory.component import Component, entries
from hardway.inventory.identities import MASTERS, MASTERS_WHY
from hardway.inventory.judged import Judged, Severity
from hardway.inventory.look import BRIDGE, RUNTIME, Seen, bridge
from hardway.meaning import formats, kubeconfig, unit
from hardway.meaning.base import ABSENT
from hardway.meaning.commands import flags
from hardway.meaning.document import at as held
from hardway.meaning.document import load_yaml, mapping
from hardway.meaning.settings import routes, sysctls
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Effect
from hardway.model.rows import Note, Setting
from hardway.pki.inspect import read
from hardway.spec.inventory import Places
from hardway.steps import machines, network, pod_network
from hardway.text import reason, text

BRIDGE_OPTIONS = ("ipMasq", "isGateway", "hairpinMode")
MASQUERADED = text(
    "Pods of other nodes, and policies and logs there, see the node's address in place of the "
    "pod's; routes back that are missing go unnoticed (docs/adr/0006)."
)


def judge(atlas: Atlas, machine: Machine, seen: Seen, places: Places) -> Iterator[Judged]:
    """Yield what is to be said of a machine itself."""
    yield from _effects(atlas, machine, seen)
    if machine.role is Role.WORKER:
        yield from _pod_network(atlas, machine, seen)
    yield from _of_people(machine, seen, places)


def _machine(machine: str, at: str, expected: str, found: str, why: str, **more: Any) -> Judged:
    severity = Severity.SAME if expected == found else Severity.DIFFERS
    return Judged(machine=machine, component="machine", at=at, expected=expected, found=found,
                  **({"severity": severity, "why": why} | more))  # fmt: skip


def _effects(atlas: Atlas, machine: Machine, seen: Seen) -> Iterator[Judged]:
    """Yield which kernel settings and routes are not there, or not so."""
    file = atlas.file(machine.name, machines.SYSCTL_FILE)
    whys = {row.name: row.why for row in file.rows if isinstance(row, Setting)}
    wanted = {p.item.name: p.item for p in atlas.placed
              if p.machine == machine.name and isinstance(p.item, Effect)}  # fmt: skip
    for name, content, parse in (
        (machines.KERNEL_SETTINGS, seen.sysctls, sysctls),
        (network.ROUTES, seen.routes, routes),
    ):
        if of := wanted.get(name):
            deviations = {d.at: d for d in effect.deviations(of, content)}
            for at, values in parse(of.value.encode()).items():
                expected = " ".join(values)
                found = deviations[at].found if at in deviations else expected
                yield _machine(machine.name, at, expected, found, whys.get(at, of.why))


def _pod_network(atlas: Atlas, machine: Machine, seen: Seen) -> Iterator[Judged]:
    """Yield how the pod network deviates, where it is a bridge as hardway's."""
    file = atlas.file(machine.name, pod_network.CONFLIST)
    ours = load_yaml(file.content)["plugins"][0]
    whys = {row.name: row.why for row in file.rows if isinstance(row, Note)}
    path, theirs = bridge(seen)
    if not theirs:
        yield _machine(machine.name, text("pod network"), BRIDGE, text("another plugin, or none"),
                       whys["plugins[0].type"])  # fmt: skip
        return
    for name in BRIDGE_OPTIONS:
        expected, found = (str(one.get(name, False)).lower() for one in (ours, theirs))
        why = MASQUERADED if name == "ipMasq" else whys[f"plugins[0].{name}"]
        at = text("pod network: {name}", name=name)
        yield _machine(machine.name, at, expected, found, why, where=path)


def _of_people(machine: Machine, seen: Seen, places: Places) -> Iterator[Judged]:
    """Yield what lies on the machine and gives whoever takes it all rights."""
    for path in places.authority_keys:
        if path in seen.files:
            yield _machine(
                machine.name, text("CA key"), ABSENT, path,
                text("A process that takes over this machine can issue any identity, for as long "
                     "as the CA is trusted. Hardway's CA keys never leave the operator's host."),
                where=path,
            )  # fmt: skip
    for path in places.kubeconfigs:
        if file := seen.files.get(path):
            yield _kubeconfig(machine, seen, path, file.content)


def _kubeconfig(machine: Machine, seen: Seen, path: str, content: bytes) -> Judged:
    def other(at: str) -> bytes | None:
        return seen.files[at].content if at in seen.files else None

    at = text("kubeconfig for people")
    try:
        who = kubeconfig.parse(content, other, path)
        said = read(who.certificate)
    except ValueError as error:
        return _machine(machine.name, at, ABSENT, reason(error), text("It names nobody."),
                        where=path)  # fmt: skip
    masters = said.organization == MASTERS
    return _machine(
        machine.name, at, ABSENT, who.identity,
        MASTERS_WHY if masters else
        text("A process that takes over this machine has these rights."),
        where=path, severity=Severity.UNSAFE if masters else Severity.DIFFERS,
    )  # fmt: skip


def runtime(kubelet: Component, seen: Seen, driver: str) -> Iterator[Judged]:
    """Yield whether kubelet and containerd leave cgroups to the same manager."""
    file = seen.files.get(RUNTIME)
    if not file or not driver:
        return
    try:
        config = tomllib.loads(file.content.decode())
    except ValueError:
        return
    systemd = next(_named(config, "SystemdCgroup"), False)
    there = "systemd" if systemd else "cgroupfs"
    yield _machine(
        kubelet.machine, text("cgroup driver of containerd"), driver, there,
        text("Two managers of one tree of cgroups: pods are killed and restarted."), where=RUNTIME,
        severity=Severity.SAME if there == driver else Severity.UNSAFE,
    )  # fmt: skip


def _named(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for inner in value.values():
            yield from _named(inner, name)


def data(component: Component) -> Iterator[Judged]:
    """Yield who may enter etcd's folder."""
    for path in component.flags.get("--data-dir", ()):
        folder = component.process.files.get(path)
        if folder:
            found = text("mode {mode:04o}", mode=folder.mode)
            yield component.judged(text("data folder"), text("mode {mode:04o}", mode=0o700), found,
                                   text("etcd's log and database: all of the cluster's data."),
                                   where=path)  # fmt: skip


def unit_settings(component: Component, seen: Seen) -> Iterator[Judged]:
    """Yield the settings of a component's unit that matter and mean something else."""
    text_there = seen.units.get(component.name)
    own = entries(component)
    if not text_there or not own:
        return
    file = own[0].file
    deviations = {d.at: d for d in formats.of(file.path).deviations(file.content, text_there)}
    for entry in own:
        at = f"[{entry.sections[0]}] {entry.name}"
        if entry.row.quiet or entry.is_flag or entry.name.startswith(UNIT_OWN):
            continue
        found = deviations[at].found if at in deviations else str(entry.row.value)
        yield component.judged(at, str(entry.row.value), found, entry.row.why,
                               where=file.path)  # fmt: skip


UNIT_OWN = ("After", "Environment", "Exec", "OOMScoreAdjust", "Timeout", "User", "Wants")
"""Beginnings of settings that each layout has of its own, or that are judged elsewhere."""


def on_disk(component: Component, seen: Seen, places: Places) -> Iterator[Judged]:
    """Yield the flags of a unit or manifest that the running process does not have."""
    path = places.sources.get(component.name, "")
    written = _written(component.name, path, seen)
    for name, values in written.items():
        running = component.flags.get(name)
        if running != values:
            yield component.judged(
                text("{name} since the start", name=name), " ".join(values),
                " ".join(running or ()) or ABSENT,
                text("The file was changed after the process started: the next start will be "
                     "another."),
                where=path,
            )  # fmt: skip


def _written(name: str, path: str, seen: Seen) -> Mapping[str, tuple[str, ...]]:
    """Return the flags as they stand on disk; none where they are put together elsewhere."""
    if name in seen.units:
        meaning = unit.parse(seen.units[name].decode(errors="replace"))
        start = "[Service] ExecStart "
        found = {k.removeprefix(start): v for k, v in meaning.items() if k.startswith(start)}
        expanded = "$" in " ".join(
            " ".join(v) for v in (meaning.get(start.strip(), ()), *found.values())
        )
        return {} if expanded else found
    file = seen.files.get(path)
    container = held(mapping(file.content) if file else {}, "spec", "containers", 0)
    argv = [str(word) for part in ("command", "args") for word in held(container, part) or ()]
    return flags(argv)[1]
