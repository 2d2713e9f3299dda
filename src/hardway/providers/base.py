"""What every provider of machines can do."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.resources import Severity
from hardway.text import Text, text
from hardway.transport.base import Fleet

Progress = Callable[[str, str], None]
"""Called with a machine's name (or the empty string) and what is being done to it."""


class MachineState(StrEnum):
    """What a machine is doing, as its provider sees it."""

    ABSENT = "absent"
    STOPPED = "stopped"
    RUNNING = "running"
    UNREACHABLE = "unreachable"
    """It does not answer, and whether it runs is not ours to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something about a machine that a cluster would suffer from."""

    machine: str
    check: str
    severity: Severity
    found: str
    needed: str
    cure: str

    @property
    def text(self) -> Text:
        """The problem as a line."""
        return text(
            "{machine}: {check}: found {found}; needed {needed}: {cure}",
            machine=self.machine, check=self.check, found=self.found, needed=self.needed,
            cure=self.cure,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars an hour, without tax and without data that is sent."""

    per_hour: float
    at_most: float
    """With everything busy all the time."""
    unknown: tuple[str, ...]
    """What no price is known of, and what is therefore not counted."""
    as_of: str
    """When these were the list prices."""


@dataclass(frozen=True, slots=True)
class ProviderChange:
    """Something that `ensure` would make."""

    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a provider that is paid would make, and what that costs."""

    where: str
    """As whom, in which account and region."""
    changes: tuple[ProviderChange, ...]
    now: Cost
    """Of what is there."""
    whole: Cost
    """Of all of the cluster."""


class Provider(Protocol):
    """Makes, starts, stops and removes machines; reaches them over SSH."""

    switches: ClassVar[bool]
    """Whether it can start what it has stopped."""

    def architectures(self, cluster: Cluster) -> frozenset[str]:
        """Return the architectures that are known before any machine answers; maybe none."""

    def settled(self, cluster: Cluster) -> Cluster:
        """Return the cluster with what is known only once the provider has made it."""

    async def preflight(self, cluster: Cluster) -> None:
        """Check all that `ensure` needs; changes nothing.

        Raises:
            PreflightError: with everything that is missing or taken.
        """

    async def outlook(self, cluster: Cluster) -> Outlook | None:
        """Return what `ensure` would make and what it costs; None where nothing is paid."""

    async def belongings(self, name: str) -> Sequence[str]:
        """Return a line for each thing that `destroy` would remove, for people to agree to."""

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        """Return the state of each of the cluster's machines."""

    async def ensure(self, cluster: Cluster, progress: Progress) -> None:
        """Make and start the machines that are not running."""

    async def start(self, cluster: Cluster, machine: Machine) -> None:
        """Start a stopped machine with the disk and addresses it had."""

    async def stop(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Shut a machine down; with `force` like pulling its plug.

        Raises:
            RefusedError: it could not be started again from here.
        """

    async def restart(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Stop a machine, start it and wait until it answers."""

    async def remove(self, cluster: Cluster, machine: Machine, progress: Progress) -> None:
        """Take one machine away from the cluster, from any state; it is as it was before.

        Raises:
            ProviderError: naming what could not be removed.
        """

    async def destroy(self, name: str, progress: Progress) -> None:
        """Remove all machines of a cluster, from any state, and prove that nothing is left.

        Raises:
            ProviderError: naming what could not be removed.
        """

    def connect(self, cluster: Cluster) -> AbstractAsyncContextManager[Fleet]:
        """Connect to every machine that answers; the others are absent from the fleet."""

    async def facts(self, cluster: Cluster, fleet: Fleet) -> Mapping[str, HostFacts]:
        """Return what each machine's system is like; one that does not answer may be absent."""

    async def admit(
        self,
        cluster: Cluster,
        fleet: Fleet,
        facts: Mapping[str, HostFacts],
        brought: Collection[str] | None,
    ) -> Sequence[Problem]:
        """Return what is found on any machine that a cluster on it would suffer from.

        `brought` is for which `<suite>-<architecture>` a bundle has packages; None without one,
        when machines' own apt has to have them.
        """

    def reaches(self, cluster: Cluster) -> Collection[str]:
        """Return the names and addresses this host dials besides the machines' own addresses.

        Raises:
            RefusedError: that cannot be known.
        """

    async def within_reach(self, cluster: Cluster) -> bool:
        """Return whether this host reaches the API by itself; else over a machine (`Fleet.way`).

        Raises:
            RefusedError: no machine runs.
        """

    def ssh_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """Return the argv that opens a shell on a machine as root, or runs a command there."""
