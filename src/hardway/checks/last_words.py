"""What units that do not run said last: for an `up` that gives up."""

import asyncio
from collections.abc import Collection

from hardway.checks.ask import of_machine
from hardway.checks.live import Live
from hardway.steps import processes
from hardway.text import joined


async def last_words(live: Live, wrong: Collection[str]) -> dict[str, str]:
    """Return it by machine, of the machines that something is wrong on.

    Where something is wrong with the cluster as a whole, every machine is asked.
    """
    names = [name for name in live.fleet if name in wrong] or list(live.fleet)
    asked = await asyncio.gather(*(of_machine(live.fleet, n, [processes.ASK]) for n in names))
    said = {name: processes.stopped(answer) for name, (answer,) in zip(names, asked, strict=True)}
    return {name: joined("; ", units) for name, units in said.items() if units}
