"""What the rest of the program knows of a connection to a machine."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

from hardway.errors import CommandError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended."""

    status: int
    stdout: bytes
    stderr: bytes


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


Fleet = Mapping[str, Transport]
"""Connections by machine name; machines that do not answer are absent."""


async def run_checked(
    transport: Transport, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
) -> str:
    """Run a command on a machine and return what it printed.

    Raises:
        CommandError: its status was not 0.
        ConnectError: the connection broke, or it took too long.
    """
    done = await transport.run(argv, stdin=stdin, timeout_s=timeout_s)
    if done.status:
        output = (done.stderr or done.stdout).decode(errors="replace")
        raise CommandError(transport.machine, argv, done.status, output)
    return done.stdout.decode(errors="replace")


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
