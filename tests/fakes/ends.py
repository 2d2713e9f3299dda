"""What the program talks to in a fake world: machines, the API and the provider."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tests import support
from tests.fakes.world import Host, World, joined, node

from hardway.errors import CommandError
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.objects import identity
from hardway.model.resources import (
    IDENTITY,
    Manifest,
)
from hardway.providers.base import MachineState, Progress
from hardway.steps import etcd
from hardway.transport.base import Completed, Fleet, Process, Reached, Transport


@dataclass
class FakeTransport:
    """A connection to a machine; `effect` is what the command that contains `marks` does."""

    machine: str
    world: World
    marks: str = ""
    effect: Callable[[], None] = lambda: None

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        """Run a command; see `Transport.run`."""
        text = " ".join(argv)
        if self.marks and self.marks in text:
            self.world.command(self.machine, self.marks, self.effect)
            self.marks = ""
            return Completed(0, b"", b"")
        if IDENTITY in argv and isinstance(stdin, bytes) and stdin:
            return self._changed("note", lambda: setattr(self._host, "identity", stdin))
        if argv[:2] == ["sh", "-c"] and IDENTITY in argv:
            self.world.command(self.machine, "claims")
            return Completed(0, self._claims, b"")
        if argv[0] == "stat" and self.world.makes:
            self.world.command(self.machine, "stat")
            # Machines of one host share its store.
            size = next(iter(support.fake_stored().values())).size_bytes
            return Completed(0, "".join(f"{size} {path}\n" for path in argv[3:]).encode(), b"")
        if isinstance(stdin, Path):
            return self._changed("blob", lambda: None)
        return cast(
            Completed, self.world.command(self.machine, "", lambda: self._etcd(list(argv), stdin))
        )

    def _changed(self, text: str, effect: Callable[[], Any]) -> Completed:
        self.world.command(self.machine, text, effect)
        return Completed(0, b"", b"")

    def _etcd(self, argv: list[str], stdin: bytes) -> Completed:
        """Let etcd answer, and let its unit run where its member does."""
        world = self.world
        ran = set(world.etcd.runs)
        done = world.etcd.answer(self.machine, argv, stdin)
        world.log += [(self.machine, f"etcd: {line}") for line in world.etcd.log]
        world.etcd.log.clear()
        for name in ran - world.etcd.runs:
            world.hosts[name].end(etcd.UNIT)
        for name in world.etcd.runs - ran:
            host = world.hosts[name]
            host.begin([u for u in host.wanted.units if u.name == etcd.UNIT], world.commands)
        return done

    @property
    def _host(self) -> Host:
        return self.world.hosts[self.machine]

    @property
    def _claims(self) -> bytes:
        noted = self._host.identity.decode().splitlines()
        return "".join([*(f"noted\t{line}\n" for line in noted), "end\t\n"]).encode()

    @asynccontextmanager
    async def process(self, argv: Sequence[str]) -> AsyncIterator[Process]:
        """Hold the machine's lock."""
        self.world.command(self.machine, "lock")
        yield cast(Process, Holder(self._claims.splitlines(keepends=True)))


@dataclass
class Holder:
    """A process that holds the lock."""

    lines: list[bytes]

    async def readline(self) -> bytes:
        """Return the next line of what the machine says about its cluster."""
        return self.lines.pop(0)

    async def write(self, data: bytes) -> None:
        """Take a sign of life."""


@dataclass
class FakeApi:
    """The API as far as Nodes and their emptying go."""

    world: World

    async def live(self, wanted: Sequence[Manifest]) -> list[Manifest]:
        """Return those of some objects that exist."""
        self.world.command("api", "get")
        there = self.world.objects
        return [deepcopy(there[name]) for name in map(identity, wanted) if name in there]

    async def apply(self, manifests: Sequence[Manifest]) -> None:
        """Make objects be as the manifests say."""

        def apply() -> None:
            for manifest in manifests:
                name = identity(manifest)
                self.world.objects[name] = joined(self.world.objects.get(name), manifest)

        self.world.command("api", "apply", apply)

    async def objects(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """Return a Node."""
        assert kind == "node"
        return await self.live([node(words[0])])

    async def patch(self, manifest: Mapping[str, Any]) -> None:
        """Set a Node's range."""
        name = identity(manifest)
        there = self.world.objects.get(name)
        if there is None:
            raise CommandError("this host", ["kubectl"], 1, "not found")
        self.world.command("api", f"patch {name}", lambda: there["spec"].update(manifest["spec"]))

    async def run(self, *words: str, stdin: bytes = b"", timeout_s: float = 60) -> str:
        """Drain, taint or delete a Node."""
        name = f"Node/{words[1] if words[0] == 'drain' else words[2]}"
        there = self.world.objects
        effects: Mapping[str, Callable[[], Any]] = {
            "drain": lambda: there[name]["spec"].update(unschedulable=True),
            "taint": lambda: there[name]["spec"].update(taints=[words[3]]),
            "delete": lambda: there.pop(name, None),
        }
        dry = "--dry-run=client" in words
        self.world.command("api", f"{words[0]} {name}", None if dry else effects[words[0]])
        return ""


@dataclass
class FakeProvider:
    """Makes the machines."""

    world: World

    @property
    def switches(self) -> bool:
        """Whether it can start what it has stopped."""
        return self.world.makes

    def architectures(self, cluster: Cluster) -> frozenset[str]:
        """Return none."""
        return frozenset()

    def settled(self, cluster: Cluster) -> Cluster:
        """Return the cluster."""
        return cluster

    async def preflight(self, cluster: Cluster) -> None:
        """Find nothing."""

    async def admit(self, *_: object) -> Sequence[Any]:
        """Find nothing."""
        return ()

    async def facts(self, cluster: Cluster, fleet: Fleet) -> dict[str, HostFacts]:
        """Return ordinary machines; those that are made share this host."""
        return dict.fromkeys(fleet, replace(support.HOST, shared=self.world.makes))

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        """Return what each is doing."""

        def state(name: str) -> MachineState:
            host = self.world.hosts.get(name)
            if host is None:
                return MachineState.ABSENT
            return MachineState.RUNNING if host.answers else MachineState.UNREACHABLE

        return {m.name: state(m.name) for m in cluster.machines}

    async def ensure(self, cluster: Cluster, progress: Progress) -> None:
        """Make those that are absent."""
        for machine in cluster.machines:
            if machine.name not in self.world.hosts:
                made = lambda name=machine.name: self.world.hosts.update({name: Host()})  # noqa: E731
                self.world.command("provider", f"make {machine.name}", made)

    @asynccontextmanager
    async def connect(self, cluster: Cluster) -> AsyncIterator[Fleet]:
        """Connect to those that answer."""
        yield Reached({
            m.name: cast(Transport, FakeTransport(m.name, self.world))
            for m in cluster.machines
            if m.name in self.world.hosts and self.world.hosts[m.name].answers
        })  # fmt: skip

    async def remove(self, cluster: Cluster, machine: Machine, progress: Progress) -> None:
        """Take one away."""
        gone = lambda: self.world.destroy(machine.name)  # noqa: E731
        self.world.command("provider", f"remove {machine.name}", gone)
