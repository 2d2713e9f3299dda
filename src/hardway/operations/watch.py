"""Looking at a cluster again and again."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from hardway import pipeline
from hardway.model.resources import Finding, Verdict
from hardway.project import Project

PAUSE_S = 3
"""Between the end of one look and the beginning of the next."""
ANSWERS = "machine-answers"
"""The check that is unknown where a connection is lost."""


async def watch(project: Project, names: Sequence[str] = ()) -> AsyncIterator[list[Finding]]:
    """Yield what the checks see, over the same connections as long as they last; no trial is made.

    Machines that broke off, as at a reboot, are connected to again.
    """
    while True:
        async with project.reach() as live:
            lost = False
            while not lost:
                found = await pipeline.look(project, live, names, trials=False)
                yield found
                await asyncio.sleep(PAUSE_S)
                lost = any(f.check == ANSWERS and f.verdict is Verdict.UNKNOWN for f in found)
