"""The provider `local`: machines on this host, each a systemd-nspawn container with its own IP."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import ClassVar

from hardway import components
from hardway.errors import ConnectError, RefusedError
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.providers import identity
from hardway.providers.base import MachineState, Problem, Progress
from hardway.providers.local import (
    cleanup,
    disk,
    facts,
    kernel,
    names,
    network,
    nspawn,
    preflight,
    registry,
    rootfs,
)
from hardway.spec.schema import ClusterSpec
from hardway.text import text
from hardway.transport.base import Fleet, Reached, poll_until
from hardway.transport.target import Target

SSH_ANSWERS_S = 60.0
"""How long a machine may take from its start until sshd answers; 2 s on an idle host."""
ANSWERS_S = 10.0
"""How long one that has been running for longer may take."""


@dataclass(frozen=True, slots=True)
class LocalProvider:
    """Machines on this host; see `providers.base.Provider` for the methods."""

    switches: ClassVar[bool] = True

    spec: ClusterSpec
    folder: Path
    """The cluster's own folder; SSH keys are in its `ssh`."""
    cache: Path
    """Where the base root and the components' objects are."""

    @property
    def keys(self) -> Path:
        """Where the SSH keys are."""
        return self.folder / "ssh"

    @property
    def _store(self) -> Path:
        """What the machines see as their store of components."""
        return self.cache / "objects"

    def architectures(self, cluster: Cluster) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Return this host's."""
        return frozenset({components.architecture()})

    def settled(self, cluster: Cluster) -> Cluster:
        """Return the cluster: all of it was decided before."""
        return cluster

    async def preflight(self, cluster: Cluster) -> None:
        """Check that this host can carry the cluster."""
        preflight.check(cluster, self.folder, self.cache)

    async def outlook(self, _cluster: Cluster) -> None:
        """Return nothing: this host is there already."""

    async def belongings(self, name: str) -> list[str]:
        """Return the machines of which anything is left; where there is none, what else is."""
        machines = cleanup.machine_names(name)
        return [text("machine {machine}, with its disk", machine=m) for m in machines] or (
            cleanup.leftovers(name)
        )

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        """Return the state of each machine."""
        machines = [m.name for m in cluster.machines]
        there = [name for name in machines if names.folder(cluster.name, name).exists()]
        states = dict.fromkeys(machines, MachineState.ABSENT)
        states |= dict.fromkeys(there, MachineState.STOPPED)
        return states | dict.fromkeys(nspawn.leaders(cluster.name, there), MachineState.RUNNING)

    async def ensure(self, cluster: Cluster, progress: Progress) -> None:
        """Build the base root, the bridge and the machines; boot those that do not run."""
        base = await rootfs.ensure_base(self.cache, lambda doing: progress("", doing))
        self._store.mkdir(parents=True, exist_ok=True)
        registry.register(cluster, self.folder)
        identity.ensure(self.keys, cluster)
        kernel.load_modules()
        kernel.raise_limits()
        await network.ensure_bridge(cluster)

        leaders = nspawn.leaders(cluster.name, [m.name for m in cluster.machines])

        async def boot(machine: Machine) -> None:
            leader = leaders.get(machine.name)
            if leader:
                await network.keep_plugged_in(cluster, machine)
            # One that is shutting down runs, answers nobody and is stopped in a moment.
            if leader and (nspawn.lets_in(leader) or not await _stops(cluster, machine, leader)):
                return
            progress(machine.name, text("booting"))
            disk.prepare(cluster, machine, self.keys, base)
            await nspawn.start(cluster, machine, self._store)

        await asyncio.gather(*(boot(m) for m in cluster.machines))

    async def start(self, cluster: Cluster, machine: Machine) -> None:
        """Start a stopped machine and wait until it answers."""
        if nspawn.leader(cluster.name, machine.name) is None:
            await network.ensure_bridge(cluster)
            await nspawn.start(cluster, machine, self._store)
        for error in (await self._silent(cluster, [machine])).values():
            raise error

    async def stop(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Stop a machine; its disk stays. With `force` the others are not even told."""
        if force:
            await network.cut(cluster, machine)
        await nspawn.stop(cluster.name, machine.name, force=force)
        await nspawn.clear(cluster.name, machine.name)

    async def restart(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Stop a machine and start it again."""
        await self.stop(cluster, machine, force=force)
        await self.start(cluster, machine)

    async def remove(self, cluster: Cluster, machine: Machine, progress: Progress) -> None:
        """Stop a machine and delete its disk and its keys."""
        await cleanup.remove(cluster.name, machine.name, progress)
        identity.forget(self.keys, machine.name)

    async def destroy(self, name: str, progress: Progress) -> None:
        """Remove all of a cluster's machines and what carried them.

        Raises:
            RefusedError: the cluster of this name is another folder's.
        """
        owner = registry.folders().get(name)
        if owner is not None and owner.exists() and owner.resolve() != self.folder.resolve():
            raise RefusedError(
                text("the cluster {name} of this host has another folder: {folder}; nothing was "
                     "changed", name=name, folder=owner),
                hint=text("run it where that folder is, or: hardway down --name {name}", name=name),
            )  # fmt: skip
        await cleanup.destroy(name, progress)

    @asynccontextmanager
    async def connect(self, cluster: Cluster) -> AsyncIterator[Fleet]:
        """Connect to every machine that answers; without the cluster's bridge there is none."""
        # Imported here: half a second that commands which reach no machine need not spend.
        from hardway.transport import ssh  # noqa: PLC0415

        states = await self.states(cluster)
        leaders = nspawn.leaders(cluster.name, [m.name for m in cluster.machines])
        # A packet to a machine would leave by the default route if there were no bridge.
        if not network.has_link(names.bridge(cluster.name)):
            leaders = {}
        running = [m for m in cluster.machines if m.name in leaders]
        async with AsyncExitStack() as stack:

            async def dial(machines: Sequence[Machine], timeout_s: float) -> Reached:
                targets = [
                    Target(m.name, str(m.address), "root", self.keys / "operator",
                           self._known_hosts) for m in machines
                ]  # fmt: skip
                connecting = ssh.connect(targets, timeout_s=timeout_s)
                return await stack.enter_async_context(connecting)

            began = monotonic()
            first = await dial([m for m in running if nspawn.lets_in(leaders[m.name])], ANSWERS_S)
            late = [m for m in running if m.name not in first]
            silent = dict[str, ConnectError]()
            if late:
                silent = await self._silent(cluster, late, spent_s=monotonic() - began)
                states = await self.states(cluster)  # one may have stopped meanwhile
            then = await dial([m for m in late if m.name not in silent], SSH_ANSWERS_S)
            refused = {**then.refused, **silent, **_stopped(states)}
            yield Reached({**first, **then}, refused)

    async def facts(self, cluster: Cluster, fleet: Fleet) -> dict[str, HostFacts]:  # noqa: ARG002
        """Return this host's facts for each machine: it has the same kernel."""
        here = facts.host_facts()
        return {m.name: here for m in cluster.machines}

    async def admit(
        self,
        cluster: Cluster,  # noqa: ARG002 - the protocol's
        fleet: Fleet,  # noqa: ARG002
        facts: Mapping[str, HostFacts],  # noqa: ARG002
        brought: Collection[str] | None,  # noqa: ARG002
    ) -> Sequence[Problem]:
        """Admit all machines: they are as this provider made them."""
        return ()

    def reaches(self, cluster: Cluster) -> set[str]:
        """Return the endpoint: it may be a load balancer elsewhere."""
        return {cluster.api_from_here.host}

    async def within_reach(self, cluster: Cluster) -> bool:
        """Return that it is.

        Raises:
            RefusedError: without a machine the endpoint's address would lead out of this host.
        """
        if MachineState.RUNNING not in (await self.states(cluster)).values():
            raise RefusedError("no machine of this cluster runs", hint="hardway up")
        return True

    @property
    def _known_hosts(self) -> Path:
        return self.keys / "known_hosts"

    async def _silent(
        self, cluster: Cluster, machines: Sequence[Machine], *, spent_s: float = 0.0
    ) -> dict[str, ConnectError]:
        """Return which of some running machines do not answer, and why.

        `spent_s` is for how long they have been waited for before.
        """
        leaders = nspawn.leaders(cluster.name, [m.name for m in machines])

        def error(machine: Machine) -> ConnectError:
            console = names.folder(cluster.name, machine.name) / "console.log"
            return ConnectError(
                "its SSH server does not answer",
                where=machine.name,
                hint=text("see what it printed while booting: {file}", file=console),
            )

        heard = await asyncio.gather(
            *(_answers(cluster, m, leaders.get(m.name), spent_s) for m in machines)
        )
        return {m.name: error(m) for m, yes in zip(machines, heard, strict=True) if not yes}

    def ssh_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """Return the argv of ssh(1) to a machine, host key checked."""
        options = {
            "UserKnownHostsFile": str(self._known_hosts),
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return ["ssh", *flags, "-i", str(self.keys / "operator"), f"root@{machine.address}", *words]


def _stopped(states: Mapping[str, MachineState]) -> dict[str, ConnectError]:
    return {
        name: ConnectError("it is stopped", where=name, hint="start it: hardway up")
        for name, state in states.items()
        if state is MachineState.STOPPED
    }


async def _answers(
    cluster: Cluster, machine: Machine, leader: int | None, spent_s: float = 0.0
) -> bool:
    """Return whether a running machine answers within its time; one that stops does not."""
    boots_s = SSH_ANSWERS_S - (nspawn.age_s(leader) if leader else 0.0)
    answered = False

    async def decided() -> bool:
        nonlocal answered
        answered = await _banner(str(machine.address))
        return answered or nspawn.leader(cluster.name, machine.name) is None

    await poll_until(decided, bool, deadline_s=max(ANSWERS_S - spent_s, boots_s))
    return answered


async def _stops(cluster: Cluster, machine: Machine, leader: int) -> bool:
    """Return whether a running machine stops before it answers."""
    answers = await _answers(cluster, machine, leader)
    return not answers and nspawn.leader(cluster.name, machine.name) is None


async def _banner(host: str) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, 22)
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return line.startswith(b"SSH-")
