"""Commands on the host hardway itself runs on."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from hardway.errors import CommandError

HERE = "this host"
NOT_STARTED = 127
"""The status that a shell has for a command it could not start."""


async def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout_s: float = 120,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command and return what it printed; `env` adds to this process's environment.

    Raises:
        CommandError: its status was not 0, it took too long, or it could not be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(env or {})},
            process_group=0,
        )
    except OSError as error:
        # Missing, not executable (noexec), or built for another architecture.
        raise CommandError(HERE, argv, NOT_STARTED, str(error)) from error
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        raise CommandError(HERE, argv, 124, f"took more than {timeout_s:.0f} s") from None
    finally:
        if process.returncode is None:
            # With its children: one of them that kept a pipe open would be waited for.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise CommandError(HERE, argv, process.returncode, (err or out).decode(errors="replace"))
    return out.decode(errors="replace")


def run_now(argv: Sequence[str], *, stdin: str = "") -> str:
    """Run a short command and wait for it; like `run` for code that has nothing else to do.

    Raises:
        CommandError: its status was not 0, or it could not be started.
    """
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CommandError(HERE, argv, NOT_STARTED, str(error)) from error
    if done.returncode:
        raise CommandError(HERE, argv, done.returncode, done.stderr or done.stdout)
    return done.stdout
