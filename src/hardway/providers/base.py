"""What every provider of machines can do."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.transport.base import Fleet

Progress = Callable[[str, str], None]
"""Called with a machine's name (or the empty string) and what is being done to it."""


class MachineState(StrEnum):
    """What a machine is doing, as its provider sees it."""

    ABSENT = "absent"
    STOPPED = "stopped"
    RUNNING = "running"


class Provider(Protocol):
    """Makes, starts, stops and removes machines; reaches them over SSH."""

    def architectures(self, cluster: Cluster) -> frozenset[str]:
        """Return the architectures that are known before any machine answers; maybe none."""

    def settled(self, cluster: Cluster) -> Cluster:
        """Return the cluster with what is known only once the provider has made it."""

    async def preflight(self, cluster: Cluster) -> None:
        """Check all that `ensure` needs; changes nothing.

        Raises:
            PreflightError: with everything that is missing or taken.
        """

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        """Return the state of each of the cluster's machines."""

    async def ensure(self, cluster: Cluster, progress: Progress) -> None:
        """Make and start the machines that are not running."""

    async def start(self, cluster: Cluster, machine: Machine) -> None:
        """Start a stopped machine with the disk and addresses it had."""

    async def stop(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Shut a machine down; with `force` like pulling its plug."""

    async def destroy(self, name: str, progress: Progress) -> None:
        """Remove all machines of a cluster, from any state, and prove that nothing is left.

        Raises:
            ProviderError: naming what could not be removed.
        """

    def connect(self, cluster: Cluster) -> AbstractAsyncContextManager[Fleet]:
        """Connect to every machine that answers; the others are absent from the fleet."""

    async def facts(self, cluster: Cluster, fleet: Fleet) -> Mapping[str, HostFacts]:
        """Return what each machine's system is like; of one that does not answer, a guess."""

    async def admit(self, cluster: Cluster, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Check that machines are fit for the cluster, before the first change to them.

        Raises:
            PreflightError: with everything that was found on any machine.
        """

    def ssh_command(self, machine: Machine) -> list[str]:
        """Return the argv that opens a shell on a machine, for people."""
