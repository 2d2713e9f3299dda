"""SSH by asyncssh: one connection a machine, many commands on it, host keys always checked."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from hardway.errors import ConnectError
from hardway.transport.base import Completed, Fleet

CHANNELS = 8
"""Commands at once on one connection; sshd's MaxSessions is 10 by default."""


@dataclass(frozen=True, slots=True)
class Target:
    """How one machine is reached."""

    machine: str
    host: str
    user: str
    key: Path
    known_hosts: Path
    port: int = 22


class SshTransport:
    """A connection to one machine."""

    def __init__(self, machine: str, connection: asyncssh.SSHClientConnection) -> None:
        self.machine = machine
        self._connection = connection
        self._channels = asyncio.Semaphore(CHANNELS)

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        """Run a command there; see `Transport.run`."""
        try:
            async with self._channels, asyncio.timeout(timeout_s):
                command = shlex.join(argv)
                if isinstance(stdin, Path):
                    # Streamed, never whole in memory.
                    done = await self._connection.run(command, stdin=str(stdin), encoding=None)
                else:
                    done = await self._connection.run(command, input=stdin, encoding=None)
        except TimeoutError as error:
            raise ConnectError(
                f"{self.machine}: `{argv[0]}` gave no answer within {timeout_s:.0f} s",
                hint="see whether the machine is alive: hardway status",
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise _connect_error(self.machine, error) from error
        # A command ended by a signal has no status; a shell would say 128 and more.
        status = done.returncode if done.returncode is not None else 255
        return Completed(status, _bytes(done.stdout), _bytes(done.stderr))


async def connect_one(target: Target, *, timeout_s: float) -> SshTransport:
    """Connect to a machine whose host key is in `known_hosts`.

    Raises:
        ConnectError: it does not answer, is not the machine we know, or refuses our key.
    """
    try:
        async with asyncio.timeout(timeout_s):
            connection = await asyncssh.connect(
                target.host,
                port=target.port,
                username=target.user,
                client_keys=[str(target.key)],
                known_hosts=str(target.known_hosts),
                agent_path=None,
                config=[],
                keepalive_interval=5,
                # Files are pushed once, over a LAN: compression costs more than it saves.
                compression_algs=None,
            )
    except TimeoutError as error:
        raise ConnectError(
            f"{target.machine} ({target.host}): no answer within {timeout_s:.0f} s",
            hint="see whether it runs: hardway machine list",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise _connect_error(f"{target.machine} ({target.host})", error) from error
    return SshTransport(target.machine, connection)


@asynccontextmanager
async def connect(targets: Sequence[Target], *, timeout_s: float) -> AsyncIterator[Fleet]:
    """Connect to every target that answers; those that do not are absent from the fleet."""
    async with AsyncExitStack() as stack:
        outcomes = await asyncio.gather(
            *(connect_one(target, timeout_s=timeout_s) for target in targets),
            return_exceptions=True,
        )
        fleet: dict[str, SshTransport] = {}
        for outcome in outcomes:
            if isinstance(outcome, SshTransport):
                fleet[outcome.machine] = outcome
                stack.callback(outcome._connection.close)  # noqa: SLF001
            elif not isinstance(outcome, ConnectError):
                raise outcome
        yield _frozen(fleet)


def _frozen(fleet: Mapping[str, SshTransport]) -> Fleet:
    return dict(fleet)


def _connect_error(where: str, error: Exception) -> ConnectError:
    hint = "see whether it runs: hardway machine list"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        hint = "this is not the machine hardway made; do not go on before you know why"
    return ConnectError(f"{where}: {str(error) or type(error).__name__}", hint=hint)


def _bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else b""
