"""The way of commands into code that talks to machines.

asyncio is loaded with the first such code: `--help` and completion need none of it.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns.

    Raises:
        KeyboardInterrupt: the work was cancelled, most often by an interruption.
    """
    import asyncio  # noqa: PLC0415

    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
