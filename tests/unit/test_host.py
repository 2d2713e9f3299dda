"""Commands on this host: what is given up is gone, with its children."""

import asyncio
import os
import subprocess
import time
from itertools import count, takewhile

import pytest

from hardway.errors import CommandError
from hardway.host import run


def test_a_command_that_takes_too_long_is_ended_with_its_children() -> None:
    began = time.monotonic()
    # By its words: on a busy host there may be no child yet whose id could be told.
    child = f"sleep 60.{os.getpid()}"
    with pytest.raises(CommandError, match=r"took more than 0 s"):
        asyncio.run(run(["sh", "-c", f"{child} & wait"], timeout_s=0.3))
    assert time.monotonic() - began < 30
    shown = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True)
    ours = [line for line in shown.stdout.splitlines() if child in line]
    assert [line for line in ours if not line.startswith("Z")] == []


def test_an_interrupted_command_is_not_waited_for() -> None:
    async def interrupted() -> None:
        task = asyncio.ensure_future(run(["sh", "-c", "sleep 60 & wait"]))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)

    asyncio.run(interrupted())


def test_no_interruption_is_lost_at_whatever_moment_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = asyncio.events.Handle._run

    def interrupted_before(nth: int) -> bool:
        """Cancel it before the event loop's nth step; say whether it was still at work then."""
        at_work = False

        async def interrupted() -> None:
            task = asyncio.ensure_future(run(["true"]))
            steps = iter(range(nth))

            def counted(handle: asyncio.Handle) -> None:
                nonlocal at_work
                if next(steps, None) == nth - 1:
                    at_work = task.cancel()
                step(handle)

            with monkeypatch.context() as patched:
                patched.setattr(asyncio.events.Handle, "_run", counted)
                await asyncio.wait([task])
            assert task.cancelled() == at_work, f"before step {nth}"

        asyncio.run(interrupted())
        return at_work

    moments = takewhile(interrupted_before, count(1))
    assert len(list(moments)) > 5
