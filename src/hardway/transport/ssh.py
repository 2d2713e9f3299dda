"""SSH by asyncssh: one connection a machine, many commands on it, host keys always checked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from hardway.errors import ConnectError
from hardway.text import text
from hardway.transport.base import Completed, Reached, Transport, Way
from hardway.transport.become import MARK, PASSWORD_WANTED, PROBE, Become, begun
from hardway.transport.dial import Dialer
from hardway.transport.lean import asyncssh
from hardway.transport.refusals import CAUGHT, RUNS, connect_error
from hardway.transport.target import Target

BLOCK_BYTES = 1 << 18
"""Of a file at once. By asyncssh's own 8 kB, a packet each, it takes three times as long."""
CHANNELS = 8
"""Commands at once on one connection; sshd's MaxSessions is 10 by default."""
ENDS_S = 5.0
"""How long a command may take to end once its stdin has ended."""
SUDO_S = 60.0
"""sudo looks its host's own name up: where a name server is out of reach, that takes 40 s."""

Ask = Callable[[], str]
"""Returns the password for sudo.

Raises:
    ConnectError: there is nobody to ask.
"""


def _nobody() -> str:
    raise ConnectError("sudo wants a password")


@dataclass(slots=True, eq=False)
class SshTransport:
    """A connection to one machine, as root."""

    target: Target
    connection: asyncssh.SSHClientConnection
    become: Become = field(default_factory=Become)
    detour: bool = False
    """The machine's addresses are not in reach of this host, or may not be."""
    _channels: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHANNELS))

    @property
    def machine(self) -> str:
        """Name of the machine."""
        return self.target.machine

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        """Run a command there; see `Transport.run`."""
        done = await self._exchange(argv, stdin, timeout_s)
        output = begun(done.stdout)
        if output is None:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise ConnectError(
                text(
                    "this login runs no commands: {reason}", reason=said or text("no reason given")
                ),
                where=self.target.where,
                hint="log in there by ssh(1) to see why; `ssh: {user: NAME}` in hardway.yaml sets "
                "another user to log in as",
            )
        return replace(done, stdout=output)

    async def _exchange(
        self, argv: Sequence[str], stdin: bytes | Path, timeout_s: float
    ) -> Completed:
        """Return all that the login printed, whether or not it came to start the command."""
        before, command = self.become.before(), self.become.command(argv)
        try:
            async with self._channels, asyncio.timeout(timeout_s):
                done = await self._run(command, before, stdin)
        except TimeoutError as error:
            raise ConnectError(
                text(
                    "`{command}` gave no answer within {seconds:.0f} s",
                    command=argv[0],
                    seconds=timeout_s,
                ),
                where=self.machine,
                hint="see whether the machine is alive: hardway status",
            ) from error
        except CAUGHT as error:
            raise connect_error(self.machine, error) from error
        # A command ended by a signal has no status; a shell would say 128 and more.
        status = done.returncode if done.returncode is not None else 255
        return Completed(status, _bytes(done.stdout), _bytes(done.stderr))

    async def _run(
        self, command: str, before: bytes, stdin: bytes | Path
    ) -> asyncssh.SSHCompletedProcess:
        if isinstance(stdin, Path):
            # Streamed, never whole in memory.
            with stdin.open("rb") as file:
                content = _After(before, file)
                return await self.connection.run(
                    command, stdin=content, bufsize=BLOCK_BYTES, encoding=None
                )
        if before or stdin:
            return await self.connection.run(command, input=before + stdin, encoding=None)
        # An empty input alone would not end: a command that reads on would wait for ever.
        return await self.connection.run(command, stdin=asyncssh.DEVNULL, encoding=None)

    @asynccontextmanager
    async def process(self, argv: Sequence[str]) -> AsyncIterator["SshProcess"]:
        """Start a command there; see `Transport.process`."""
        before, command = self.become.before(), self.become.command(argv)
        try:
            process = await self.connection.create_process(command, encoding=None)
            if before:
                process.stdin.write(before)
        except CAUGHT as error:
            raise connect_error(self.machine, error) from error
        try:
            yield SshProcess(self.machine, process)
            # Ended and not only told to: what it held is free when this returns.
            process.stdin.write_eof()
            with suppress(TimeoutError, *CAUGHT):
                async with asyncio.timeout(ENDS_S):
                    await process.wait_closed()
        finally:
            process.close()

    async def wants_password(self) -> bool:
        """Find out how commands become root's here; say whether sudo wants a password for it.

        Raises:
            ConnectError: this login cannot become root.
        """
        seen = await self.run(["sh", "-c", PROBE], timeout_s=SUDO_S)
        uid = seen.stdout.decode(errors="replace").strip()
        said = seen.stderr.decode(errors="replace")
        self.become = Become(sudo=uid != "0")
        if uid == "0" or seen.status == 0:
            return False
        if any(words in said for words in PASSWORD_WANTED):
            return True
        raise ConnectError(
            text("this login is not root, and sudo does not work: {reason}", reason=said.strip()),
            where=self.target.where,
            hint="log in as root, or give the user sudo: `ssh: {user: NAME}` in hardway.yaml",
        )

    async def use_password(self, password: str) -> None:
        """Become root by sudo with a password from now on, once sudo has accepted it.

        Raises:
            ConnectError: it did not.
        """
        self.become = Become(sudo=True, password=password)
        seen = await self._exchange(["true"], b"", SUDO_S)
        if seen.status:
            said = seen.stderr.decode(errors="replace").strip().splitlines()
            raise ConnectError(
                text(
                    "sudo refuses: {reason}", reason=said[-1] if said else text("no reason given")
                ),
                where=self.target.where,
                hint="hardway uses one password for all machines; let users with other passwords "
                "run sudo without one (NOPASSWD in sudoers(5))",
            )


@dataclass(slots=True)
class SshProcess:
    """A command that runs on a machine; see `transport.base.Process`."""

    machine: str
    process: asyncssh.SSHClientProcess[bytes]
    _begun: bool = False

    async def readline(self) -> bytes:
        """Return the next line of its output; nothing at the end."""
        line = await self._next()
        while line and not self._begun:
            self._begun = line.endswith(MARK)
            line = await self._next()
        return line

    async def _next(self) -> bytes:
        try:
            return await self.process.stdout.readline()
        except CAUGHT as error:
            raise connect_error(self.machine, error) from error

    async def write(self, data: bytes) -> None:
        """Write to its stdin; does nothing once the command has ended."""
        if not self.process.stdin.is_closing():
            self.process.stdin.write(data)


@asynccontextmanager
async def connect(
    targets: Sequence[Target],
    *,
    timeout_s: float,
    password: Ask = _nobody,
    gates: Sequence[str] = (),
) -> AsyncIterator[Reached]:
    """Connect to every target that answers; those that do not are absent, with the reason.

    `gates` names machines that can lead to the API where it is out of this host's own reach.
    """
    async with AsyncExitStack() as stack:
        dialer = Dialer(stack)

        async def one(target: Target) -> SshTransport | ConnectError:
            try:
                return await _connect_one(dialer, target, timeout_s)
            except ConnectError as error:
                return error

        outcomes = await asyncio.gather(*(one(target) for target in targets))
        reached = [o for o in outcomes if isinstance(o, SshTransport)]
        refused = {
            target.machine: outcome
            for target, outcome in zip(targets, outcomes, strict=True)
            if isinstance(outcome, ConnectError)
        }
        refused |= await _become_root(reached, password)
        fleet: dict[str, Transport] = {t.machine: t for t in reached if t.machine not in refused}
        leading = [t for t in reached if t.detour and t.machine in gates and t.machine in fleet]
        way = await _open(stack, leading[0]) if leading else None
        yield Reached(fleet, refused, way)


async def _connect_one(dialer: Dialer, target: Target, timeout_s: float) -> SshTransport:
    try:
        async with asyncio.timeout(timeout_s):
            connection, detour = await dialer.dial(target)
    except TimeoutError as error:
        raise ConnectError(
            text("no answer within {seconds:.0f} s", seconds=timeout_s),
            where=target.where,
            hint=RUNS,
        ) from error
    return SshTransport(target, connection, detour=detour)


async def _become_root(reached: Sequence[SshTransport], password: Ask) -> dict[str, ConnectError]:
    """Find out how to become root where that is not ours to know; return what stands against it.

    The password is asked for once, after all have answered: nobody waits for a person meanwhile.
    """

    async def attempt(transport: SshTransport, word: str | None) -> bool | ConnectError:
        try:
            if word is None:
                return await transport.wants_password()
            await transport.use_password(word)
        except ConnectError as error:
            return error
        return False

    foreign = [t for t in reached if t.target.known_hosts is None]
    found = dict(
        zip(foreign, await asyncio.gather(*(attempt(t, None) for t in foreign)), strict=True)
    )
    wanting = [t for t, outcome in found.items() if outcome is True]
    if wanting:
        word = password()
        found |= dict(
            zip(wanting, await asyncio.gather(*(attempt(t, word) for t in wanting)), strict=True)
        )
    return {t.machine: outcome for t, outcome in found.items() if isinstance(outcome, ConnectError)}


async def _open(stack: AsyncExitStack, transport: SshTransport) -> Way:
    """Open a SOCKS server on this host's loopback that dials from the machine."""
    listener = await transport.connection.forward_socks("127.0.0.1", 0)
    stack.callback(listener.close)
    return Way(transport.machine, f"socks5://127.0.0.1:{listener.get_port()}")


@dataclass(slots=True)
class _After:
    """A file with something before its content, as asyncssh reads a stdin that is no real file."""

    before: bytes
    file: BinaryIO

    async def read(self, size: int) -> bytes:
        """Return the next bytes; none at the end."""
        head, self.before = self.before, b""
        return head or self.file.read(size)

    async def close(self) -> None:
        """Leave the file to whoever opened it."""


def _bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else b""
