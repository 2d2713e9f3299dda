"""A cluster's machines, etcd and Nodes on fakes, of which any command can be fatal."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, cast

from tests.fakes.etcd import Etcd

from hardway.model.cluster import Cluster
from hardway.model.resources import (
    Before,
    Blob,
    Block,
    Change,
    Desired,
    Effect,
    File,
    Folder,
    Observed,
    Obsolete,
    SeenPath,
    SeenUnit,
    Unit,
)
from hardway.steps import etcd, kubelet


class Killed(BaseException):
    """The program was killed; nothing of it runs any more, its handlers of errors neither."""


@dataclass
class Host:
    """What a machine has."""

    answers: bool = True
    seen: Observed = field(default_factory=Observed)
    wanted: Desired = field(default_factory=Desired)
    """What it was looked at for last: of a unit that starts, what its file says."""
    effects: tuple[Effect, ...] = ()
    """Those that its files say, and that come about when their units start."""
    identity: bytes = b""

    def put(self, changes: Sequence[Change], now: float) -> None:
        """Put files, folders, lines and links."""
        paths, blocks = dict(self.seen.paths), dict(self.seen.blocks)
        put = dict(self.seen.put)
        for item in (c.item for c in changes):
            if isinstance(item, File):
                paths[item.path] = SeenPath("f", item.mode, item.owner, len(item.content), now,
                                            digest=item.digest)  # fmt: skip
                put[item.path] = Before.ABSENT
            elif isinstance(item, Folder):
                paths[item.path] = SeenPath("d", item.mode, item.owner, 0, now)
            elif isinstance(item, Blob):
                paths[item.path] = SeenPath("l", 0o777, "root", 0, now, target=item.stored)
                paths[item.stored] = SeenPath("f", 0o755, "root", item.size_bytes, now)
                put[item.path] = Before.ABSENT
            elif isinstance(item, Block):
                blocks[item.path] = item.text
                put[item.path] = Before.LINES
        self.effects = self.wanted.effects
        self.seen = replace(self.seen, paths=paths, blocks=blocks, put=put)

    def install(self, names: Sequence[str]) -> None:
        """Install packages."""
        self.seen = replace(self.seen, packages=self.seen.packages | set(names))

    def begin(self, units: Sequence[Unit], now: float) -> None:
        """Start units, with what their files say."""
        known = {unit.name: unit for unit in self.wanted.units}
        running = {
            unit.name: SeenUnit("active", enabled=True, digest=known[unit.name].digest,
                                started_at=now, reload_needed=False,
                                executable=unit.executable, reload_digest=unit.reload_digest)
            for unit in units
        }  # fmt: skip
        self.seen = replace(self.seen, units={**self.seen.units, **running})
        self.set([e for e in self.effects if e.unit in running])

    def end(self, unit: str) -> None:
        """Let a unit end, if it is there."""
        units = dict(self.seen.units)
        if unit in units:
            units[unit] = replace(units[unit], active="failed", digest="", started_at=0.0)
        self.seen = replace(self.seen, units=units)

    def set(self, effects: Sequence[Effect]) -> None:
        """Bring effects about."""
        values = {effect.name: effect.value for effect in effects}
        self.seen = replace(self.seen, effects={**self.seen.effects, **values})

    def remove(self, items: Sequence[Obsolete]) -> None:
        """Take files away."""
        gone = {item.path for item in items}
        paths, put = (
            {path: value for path, value in there.items() if path not in gone}
            for there in (self.seen.paths, self.seen.put)
        )
        self.seen = replace(self.seen, paths=paths, put=put)


@dataclass
class World:
    """The machines of a cluster, its etcd and its Nodes."""

    makes: bool = True
    """Whether machines are made and destroyed; else they stay, as they were before hardway."""
    hosts: dict[str, Host] = field(default_factory=dict)
    etcd: Etcd = field(default_factory=lambda: Etcd(cast(Cluster, None)))
    objects: dict[str, Any] = field(default_factory=dict)
    """What the API has."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """Machine and command, of all that may have changed something."""
    commands: int = 0
    fatal: int = 0
    """At which command the program is killed."""
    after: bool = False
    """Killed once the command has had its effect, without hearing of it."""
    dead: bool = False
    round_trips: dict[str, int] = field(default_factory=dict)
    """How many commands each machine got."""

    def copy(self, *, fatal: int = 0, after: bool = False) -> "World":
        """Return a world like this one, in which a command is fatal."""
        of = self.etcd
        members = replace(of, rows=deepcopy(of.rows), data=set(of.data), runs=set(of.runs),
                          joined=dict(of.joined), log=[], fresh=set())  # fmt: skip
        return World(
            self.makes,
            {name: replace(host) for name, host in self.hosts.items()},
            members,
            deepcopy(self.objects),
            fatal=fatal,
            after=after,
        )

    def command(self, where: str, text: str, effect: Callable[[], Any] | None = None) -> Any:
        """Run a command somewhere."""
        if self.dead:
            raise Killed
        self.commands += 1
        self.dead = self.commands == self.fatal
        if self.dead and not self.after:
            raise Killed
        self.round_trips[where] = self.round_trips.get(where, 0) + 1
        if effect and text:
            self.log.append((where, text))
        result = effect() if effect else None
        assert not self.etcd.rows or self.etcd.has_quorum, f"no quorum after {where}: {text}"
        if self.dead:
            raise Killed
        return result

    def begin(self, cluster: Cluster, machine: str, units: Sequence[Unit]) -> None:
        """Start units on a machine, with what that means for etcd and the Nodes."""
        names = {unit.name for unit in units}
        self.hosts[machine].begin(units, self.commands)
        if etcd.UNIT in names:
            self.etcd.begin(cluster.machine(machine))
        if kubelet.UNIT in names:
            self.objects.setdefault(f"Node/{machine}", node(machine))

    def silence(self, machine: str) -> None:
        """Let a machine be off; the API notices."""
        self.hosts[machine].answers = False
        self.etcd.runs.discard(machine)
        if there := self.objects.get(f"Node/{machine}"):
            there["status"]["conditions"][0]["status"] = "Unknown"

    def lose_disk(self, machine: str) -> None:
        """Take a machine away behind hardway's back."""
        del self.hosts[machine]
        self.etcd.runs.discard(machine)
        self.etcd.data.discard(machine)

    def destroy(self, machine: str) -> None:
        """Take a machine away, or all of hardway's from it."""
        assert machine not in self.etcd.rows, "it is a member still"
        for names in (self.etcd.data, self.etcd.runs):
            names.discard(machine)
        self.etcd.joined.pop(machine, None)
        if self.makes:
            self.hosts.pop(machine, None)
        else:
            self.hosts[machine] = Host()


def joined(there: Any, applied: Any) -> Any:
    """Return an object with what is applied to it."""
    if not isinstance(there, Mapping) or not isinstance(applied, Mapping):
        return deepcopy(applied)
    return {**there, **{key: joined(there.get(key), value) for key, value in applied.items()}}


def node(name: str) -> dict[str, Any]:
    """Return a Node as its kubelet registers it."""
    conditions = [{"type": "Ready", "status": "True", "message": ""}]
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name}, "spec": {},
            "status": {"conditions": conditions}}  # fmt: skip
