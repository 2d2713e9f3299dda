"""Makes the lab what the account says, again and again; what was missed is seen the next time."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.aws.lab import view as views
from tests.aws.lab.haproxy import Balancer
from tests.aws.lab.machines import Machines
from tests.aws.lab.router import HERE, Router
from tests.aws.lab.view import KEPT, PENDING_OR_RUNNING, Boot, Kind, Node, View
from tests.aws.tap import Tap

PAUSE_S = 0.2


class Lab:
    """What of the account is real by now."""

    def __init__(self, tap: Tap, machines: Machines, folder: Path, base: Path) -> None:
        self.tap, self.machines, self.folder, self.base = tap, machines, folder, base
        self.router = Router()
        self.view = views.take(tap.world)
        self.problems: list[str] = []
        self.up: set[str] = set()
        """Instances whose machine was started and not stopped."""
        self.disks: set[str] = set()
        self.answering: set[str] = set()
        self.healthy: set[tuple[str, int]] = set()
        self._balancers: dict[str, Balancer] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}

    def names(self) -> dict[str, list[str]]:
        """Return what the resolver answers."""
        found: dict[str, list[str]] = {}
        for name, address in self.view.names:
            found.setdefault(name.lower(), []).append(address)
        return found

    async def run(self) -> None:
        """Converge for ever."""
        hooks = self.tap.hooks
        hooks.boots = self.answering.__contains__
        hooks.ended = lambda instance: instance not in self.router.plugged
        hooks.healthy = lambda address, port: (address, port) in self.healthy
        await self.router.begin()
        while True:
            await self._pass()
            await asyncio.sleep(PAUSE_S)

    async def _pass(self) -> None:
        with self.tap.held() as account:
            self.view = view = views.take(account.world)
        nodes = {node.id: node for node in view.nodes}
        boots = {boot.id: boot for boot in view.boots}
        for name in (self.router.plugged.keys() | self.disks) - nodes.keys():
            self._do(name, self._end(name, keep=name in boots and boots[name].state in KEPT))
        for node in nodes.values():
            if node.id not in self.router.plugged:
                self._do(node.id, self._begin(node, boots.get(node.id)))
        await self.router.converge(view)
        await self._balance(view)
        for boot in view.boots:
            waiting = boot.state in PENDING_OR_RUNNING and boot.id not in self.answering
            if waiting and boot.id in self.up and await _greets(boot.address):
                self.answering.add(boot.id)

    def _do(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin some work on a node unless some is under way."""
        if name in self._busy:
            work.close()
            return

        async def doing() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - the test is told, and the lab goes on
                self.problems.append(f"{name}: {type(error).__name__}: {error}")
                await asyncio.sleep(1)
            finally:
                del self._busy[name]

        self._busy[name] = asyncio.create_task(doing())

    async def _begin(self, node: Node, boot: Boot | None) -> None:
        await self.router.plug_in(node)
        if boot is not None:
            self.disks.add(boot.id)
            await self.machines.start(boot, HERE)
            self.up.add(boot.id)
        elif node.kind is Kind.BALANCER:
            self._balancers[node.id] = Balancer(node.id, self.folder, self.base)

    async def _end(self, name: str, *, keep: bool) -> None:
        self.answering.discard(name)
        if name in self._balancers:
            await self._balancers.pop(name).stop()
        if name in self.up:
            await self.machines.stop(name)
            self.up.discard(name)
        if not keep and name in self.disks:
            await self.machines.remove(name)
            self.disks.discard(name)
        if name in self.router.plugged:
            await self.router.unplug(name)

    async def _balance(self, view: View) -> None:
        healthy: set[tuple[str, int]] = set()
        for node in view.nodes:
            balancer = self._balancers.get(node.id)
            if balancer is not None and node.id not in self._busy:
                await balancer.converge(node, view.listeners_of(node))
                healthy |= await balancer.healthy()
        self.healthy = healthy


async def _greets(address: str) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(address, 22)
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return line.startswith(b"SSH-")
