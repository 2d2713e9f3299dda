"""What the rest of the program knows of a connection to a machine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

from hardway.errors import CommandError, ConnectError, FleetError, RemoteError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended."""

    status: int
    stdout: bytes
    stderr: bytes


class Process(Protocol):
    """A command that runs on a machine while this program does other things."""

    async def readline(self) -> bytes:
        """Return the next line of its output; nothing at the end."""

    async def write(self, data: bytes) -> None:
        """Write to its stdin; does nothing once the command has ended."""


class Transport(Protocol):
    """A connection to one machine, as root."""

    @property
    def machine(self) -> str:
        """Name of the machine."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        """Run a command there, with bytes or a file of this host on its stdin.

        Raises:
            ConnectError: the connection broke, or the command took longer than `timeout_s`.
        """

    def process(self, argv: Sequence[str]) -> AbstractAsyncContextManager[Process]:
        """Start a command there, and end it by closing its stdin.

        Raises:
            ConnectError: the connection broke.
        """


Fleet = Mapping[str, Transport]
"""Connections by machine name; machines that do not answer are absent."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the API over a machine, for a host that does not reach it by itself."""

    machine: str
    """A control plane."""
    proxy: str
    """URL of a SOCKS server at this host's loopback."""


@dataclass(frozen=True, slots=True)
class Reached(Mapping[str, Transport]):
    """A fleet over real connections, with what is to be known of the machines that are absent."""

    transports: Mapping[str, Transport]
    refused: Mapping[str, ConnectError] = field(default_factory=dict)
    """Why a machine is absent."""
    way: Way | None = None

    def __getitem__(self, machine: str) -> Transport:
        return self.transports[machine]

    def __iter__(self) -> Iterator[str]:
        return iter(self.transports)

    def __len__(self) -> int:
        return len(self.transports)


def way(fleet: Fleet) -> Way | None:
    """Return the way to the API over a machine, where there is need of one."""
    return fleet.way if isinstance(fleet, Reached) else None


def refused(fleet: Fleet) -> Mapping[str, ConnectError]:
    """Return why machines that exist are absent from a fleet, as far as that is known."""
    return fleet.refused if isinstance(fleet, Reached) else {}


async def run_checked(
    transport: Transport, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
) -> str:
    """Run a command on a machine and return what it printed.

    Raises:
        CommandError: its status was not 0.
        ConnectError: the connection broke, or it took too long.
    """
    raw = await run_raw(transport, argv, stdin=stdin, timeout_s=timeout_s)
    return raw.decode(errors="replace")


async def run_raw(
    transport: Transport, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
) -> bytes:
    """Run a command on a machine and return the bytes it printed; see `run_checked`."""
    done = await transport.run(argv, stdin=stdin, timeout_s=timeout_s)
    if done.status:
        output = (done.stderr or done.stdout).decode(errors="replace")
        raise CommandError(transport.machine, argv, done.status, output)
    return done.stdout


async def on_each(work: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for what is done on several machines, also where it fails on some.

    The first error alone would break off the others in the middle of what they write.

    Raises:
        RemoteError: with what went wrong on each machine.
    """
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in failed:
        if not isinstance(error, RemoteError):
            raise error
    errors = [error for error in failed if isinstance(error, RemoteError)]
    if errors:
        raise errors[0] if len(errors) == 1 else FleetError(errors)
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


async def poll_until(
    probe: Callable[[], Awaitable[T]],
    holds: Callable[[T], bool],
    *,
    deadline_s: float,
    interval_s: float = 0.25,
) -> T:
    """Probe until the answer holds, or the deadline passes; return the last answer."""
    end = monotonic() + deadline_s
    while True:
        answer = await probe()
        if holds(answer) or monotonic() >= end:
            return answer
        await asyncio.sleep(interval_s)
