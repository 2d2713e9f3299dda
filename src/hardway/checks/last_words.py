"""What units that do not run said last: for an `up` that gives up."""

import asyncio
from collections.abc import Collection, Mapping

from hardway.checks.ask import of_machine
from hardway.checks.live import Live
from hardway.steps import processes
from hardway.steps.processes import Seen
from hardway.text import joined


async def seen_units(live: Live, machines: Collection[str]) -> dict[str, Mapping[str, Seen]]:
    """Return hardway's units as systemd has them, by machine and name; none of a silent machine."""
    names = [name for name in live.fleet if name in machines]
    asked = await asyncio.gather(*(of_machine(live.fleet, n, [processes.ASK]) for n in names))
    return {n: processes.units(answer.text) for n, (answer,) in zip(names, asked, strict=True)}


async def last_words(live: Live, wrong: Collection[str]) -> dict[str, str]:
    """Return it by machine, of the machines that something is wrong on.

    Where something is wrong with the cluster as a whole, every machine is asked.
    """
    names = [name for name in live.fleet if name in wrong] or list(live.fleet)
    seen = await seen_units(live, names)
    said = {name: processes.stopped(units) for name, units in seen.items()}
    return {name: joined("; ", units) for name, units in said.items() if units}
