"""Commands on this host: what is given up is gone, with its children."""

import asyncio
import time
from pathlib import Path

import pytest

from hardway.errors import CommandError
from hardway.host import run


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(CommandError, match=r"took more than 0 s"):
        asyncio.run(run(["sh", "-c", f"sleep 60 & echo $! >{tmp_path}/pid; wait"], timeout_s=0.3))
    assert time.monotonic() - began < 30
    pid = (tmp_path / "pid").read_text().strip()
    stat = Path("/proc", pid, "stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_an_interrupted_command_is_not_waited_for() -> None:
    async def interrupted() -> None:
        task = asyncio.ensure_future(run(["sh", "-c", "sleep 60 & wait"]))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)

    asyncio.run(interrupted())
