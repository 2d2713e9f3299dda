"""hardway, killed at a moment of its remote operations, which are commands on machines and here.

python fatal.py MOMENT WORD...

Moments are counted from 1: an odd one is before an operation, the even one after it when its effect
is there and hardway has not heard of it. A run that ends before says how many moments it had.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from hardway import host

Operation = Callable[..., Awaitable[Any]]
FATAL = int(sys.argv.pop(1))
MOMENTS = count(1)


def survived() -> None:
    if next(MOMENTS) == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)


def counted(operation: Operation) -> Operation:
    async def run(*args: Any, **how: Any) -> Any:
        survived()
        try:
            return await operation(*args, **how)
        finally:
            survived()

    return run


host.run = counted(host.run)  # type: ignore[assignment]
# From here on: whoever imports it gets this one.
from hardway.cli.app import main  # noqa: E402
from hardway.transport.ssh import SshTransport  # noqa: E402

SshTransport.run = counted(SshTransport.run)  # type: ignore[method-assign]
try:
    main()
finally:
    print(f"moments: {next(MOMENTS) - 1}", file=sys.stderr)
