"""The provider `ssh`: hosts of the operator's own. Nothing is made, started or thrown away."""

import shlex
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hardway.errors import ConnectError, PreflightError, ProviderError, RefusedError
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.ownership import agree, claims, require_owner
from hardway.providers import storage
from hardway.providers.base import MachineState, Problem, Progress
from hardway.providers.hosts import facts as host_facts
from hardway.providers.hosts import preflight, removal
from hardway.providers.hosts.password import Password
from hardway.spec.schema import ClusterSpec, Counts, Named
from hardway.spec.ssh import Ssh
from hardway.text import joined, text
from hardway.transport.base import Fleet, Reached, Transport, poll_until
from hardway.transport.target import Target, login
from hardway.workspace import Workspace

ANSWERS_S = 20.0
REBOOT_S = 300.0
ROOT = "root"
BOOT = ["sh", "-c", "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat"]
"""Another answer after each boot, in a container too."""


@dataclass(frozen=True, slots=True)
class SshProvider:
    """Hosts that exist already; see `providers.base.Provider` for the methods."""

    switches: ClassVar[bool] = False

    spec: ClusterSpec
    folder: Path
    cache: Path
    password: Password = field(default_factory=Password)
    named: bool = False
    """Whether the operator named the cluster and its hosts because its folder is lost."""

    def architectures(self, cluster: Cluster) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Return none: the hosts have to be asked."""
        return frozenset()

    def settled(self, cluster: Cluster) -> Cluster:
        """Return the cluster: all of it was decided before."""
        return cluster

    async def preflight(self, cluster: Cluster) -> None:  # noqa: ARG002
        """Check what this host must have to reach them; the rest is for `admit`."""
        problems = [
            text("{machine}: the file {path} is missing", machine=target.machine, path=path)
            for target in self._targets()
            for path in (target.key, target.config)
            if path is not None and not path.expanduser().is_file()
        ]
        if problems:
            raise PreflightError(problems, hint="correct the `ssh:` section of hardway.yaml")
        if unusable := storage.unusable(self.cache):
            raise PreflightError(unusable, hint="use another folder: HARDWAY_CACHE=… hardway …")

    async def outlook(self, cluster: Cluster) -> None:
        """Return nothing: hosts of one's own are not paid by the hour."""

    async def belongings(self, name: str) -> Sequence[str]:  # noqa: ARG002
        """Return nothing: machines say themselves what is on them, when it is removed."""
        return ()

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        """Return which machines answer; of the others nothing is known."""
        async with self.connect(cluster) as fleet:
            return {
                m.name: MachineState.RUNNING if m.name in fleet else MachineState.UNREACHABLE
                for m in cluster.machines
            }

    async def ensure(self, cluster: Cluster, progress: Progress) -> None:
        """Make nothing: the hosts are there."""

    async def start(self, cluster: Cluster, machine: Machine) -> None:
        """Say that a machine answers.

        Raises:
            RefusedError: it does not, and switching it on is not in our power.
        """
        if (await self.states(cluster))[machine.name] is not MachineState.RUNNING:
            raise RefusedError(
                text(
                    "{machine} does not answer, and hardway cannot switch it on",
                    machine=machine.name,
                ),
                hint="switch it on yourself, then: hardway machine list",
            )

    async def stop(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:  # noqa: ARG002
        """Refuse: a machine that is off could not be started again from here."""
        raise RefusedError(
            text("hardway could not switch {machine} on again: it is a host of your own",
                 machine=machine.name),
            hint=text("hardway machine restart {machine}; to shut it down all the same: hardway "
                      "ssh {machine} -- systemctl poweroff", machine=machine.name),
        )  # fmt: skip

    async def restart(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Reboot a machine and wait until it answers; with `force` without a goodbye.

        Raises:
            ConnectError: it does not answer, before or afterwards.
        """
        flags = ["--force", "--force"] if force else []
        async with self.connect(cluster, [machine.name]) as fleet:
            if machine.name not in fleet:
                raise fleet.refused[machine.name]
            await self._require_ours(cluster.name, fleet)
            before = await _boot(fleet[machine.name])
            # It may go down before it can say so.
            with suppress(ConnectError):
                await fleet[machine.name].run(["systemctl", "reboot", *flags], timeout_s=10)

        async def other_boot() -> bool:
            async with self.connect(cluster, [machine.name]) as fleet:
                return machine.name in fleet and await _boot(fleet[machine.name]) not in {
                    "",
                    before,
                }

        if not await poll_until(other_boot, bool, deadline_s=REBOOT_S, interval_s=2):
            raise ConnectError(
                text("it did not come back within {seconds:.0f} s", seconds=REBOOT_S),
                where=machine.name,
                hint="look at its console",
            )

    async def remove(self, cluster: Cluster, machine: Machine, progress: Progress) -> None:
        """Remove what hardway put on a host, and put back what it changed.

        Raises:
            ConnectError: it does not answer.
        """
        async with self.connect(cluster, [machine.name]) as fleet:
            if machine.name not in fleet:
                raise fleet.refused[machine.name]
            await self._require_ours(cluster.name, fleet)
            await removal.remove(fleet, progress)

    async def destroy(self, name: str, progress: Progress) -> None:
        """Remove what hardway put on the hosts, and put back what it changed.

        Raises:
            ProviderError: a host does not answer, so that nothing can be said of it.
        """
        async with self._reach(self._targets()) as fleet:
            await self._require_ours(name, fleet)
            await removal.remove(fleet, progress)
            if fleet.refused:
                silent = [error.message for error in fleet.refused.values()]
                raise ProviderError(
                    text("{name} is removed from the machines that answer, not from these:\n"
                         "  {machines}", name=name, machines=joined("\n  ", silent)),
                    hint="once they answer, run `hardway down` again",
                )  # fmt: skip

    @asynccontextmanager
    async def connect(self, cluster: Cluster, names: Sequence[str] = ()) -> AsyncIterator[Reached]:
        """Connect to every machine that answers, or to those named."""
        chosen = [t for t in self._targets() if not names or t.machine in names]
        gates = [m.name for m in cluster.control_planes]
        async with self._reach(chosen, gates) as fleet:
            yield fleet

    @asynccontextmanager
    async def _reach(
        self, targets: Sequence[Target], gates: Sequence[str] = ()
    ) -> AsyncIterator[Reached]:
        # Imported here: half a second that commands which reach no machine need not spend.
        from hardway.transport import ssh  # noqa: PLC0415

        async with ssh.connect(
            targets, timeout_s=ANSWERS_S, password=self.password, gates=gates
        ) as fleet:
            yield fleet

    async def facts(self, cluster: Cluster, fleet: Fleet) -> dict[str, HostFacts]:
        """Return what each machine that answers says of itself."""
        return await host_facts.facts(cluster, fleet)

    async def admit(
        self,
        cluster: Cluster,
        fleet: Fleet,
        facts: Mapping[str, HostFacts],
        brought: Collection[str] | None,
    ) -> Sequence[Problem]:
        """Return everything that is found on any machine."""
        return await preflight.admit(cluster, fleet, facts, brought)

    def reaches(self, cluster: Cluster) -> set[str]:
        """Return what ~/.ssh/config makes of the hosts, or of the first ones in between."""
        from hardway.transport.dial import way_in  # noqa: PLC0415

        api = set() if self._detour(cluster) else {cluster.api_from_here.host}
        return {way_in(target) for target in self._targets()} | api

    async def within_reach(self, cluster: Cluster) -> bool:
        """Return whether no bastion and no name of ~/.ssh/config's is in between."""
        return not self._detour(cluster)

    def _detour(self, cluster: Cluster) -> bool:
        from hardway.transport.dial import detour  # noqa: PLC0415

        gates = {m.name for m in cluster.control_planes}
        return any(detour(t) for t in self._targets() if t.machine in gates)

    def ssh_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """Return the argv of ssh(1) by the same settings, root by sudo where that is needed."""
        target = next(t for t in self._targets() if t.machine == machine.name)
        argv = login(target)
        if target.user == ROOT:
            return [*argv, *words]
        inner = " ".join(words) or "exec ${SHELL:-/bin/sh} -l"
        become = f"[ $(id -u) = 0 ] || exec sudo -- sh -c {shlex.quote(inner)}; {inner}"
        # sudo may ask for a password, which takes a terminal.
        terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
        return [*argv[:1], *terminal, *argv[1:], f"sh -c {shlex.quote(become)}"]

    async def _require_ours(self, name: str, fleet: Fleet) -> None:
        """Raise RefusedError where a machine is another cluster's, or knows of a later folder."""
        decisions, answers = Workspace(self.folder).decisions, await claims(fleet)
        require_owner(answers, name, decisions.id if decisions else "")
        if not self.named:
            noted = {machine: answer for machine, answer in answers.items() if answer.noted}
            agree(noted, name, decisions, "")

    def _targets(self) -> list[Target]:
        """Return the machines in hardway.yaml, and those that were decided and stand there no more.

        A machine in hardway.yaml is reached as that says now.
        """
        machines = () if isinstance(self.spec.machines, Counts) else self.spec.machines
        listed = {m.name: self._target(m) for m in machines}
        decisions = Workspace(self.folder).decisions
        kept = {m.name: _target(m) for m in (decisions.machines if decisions else ())}
        return list((kept | listed).values())

    def _target(self, machine: Named) -> Target:
        said = {
            name: getattr(machine, name) or getattr(self.spec.ssh, name)
            for name in Ssh.model_fields
        }
        host = machine.host or str(machine.address)
        return Target(machine.name, host, known_hosts=None, **said)


def _target(machine: Machine) -> Target:
    """Return how a machine is reached that hardway.yaml does not describe any more."""
    login = Ssh.model_validate(dict(machine.login))
    said = {name: getattr(login, name) for name in Ssh.model_fields}
    return Target(machine.name, machine.reached_at, known_hosts=None, **said)


async def _boot(transport: Transport) -> str:
    try:
        return (await transport.run(BOOT, timeout_s=10)).stdout.decode()
    except ConnectError:
        return ""
