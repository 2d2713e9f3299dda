"""Units that end again and again with the same words: an `up` need not wait for them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hardway.checks.last_words import seen_units
from hardway.checks.live import Live
from hardway.steps import probe
from hardway.steps.processes import Seen

LOOK_S = 10.0
ENDS = 2
"""How often a unit ends between two looks, at least: it lives no longer than a few seconds."""
LOOKS = 2
"""So many looks in a row: what only waits for another program has found it by then."""
PATIENT = frozenset({f"{probe.NAMESPACE}.service"})
"""A pod that is about to end may have the probe's address for half a minute."""

Key = tuple[str, str]
"""A machine and a unit."""


@dataclass(frozen=True, slots=True)
class Loop:
    """How a unit went on since it was first looked at."""

    restarts: int
    said: str
    looks: int = 0
    """How many in a row found it ended again, and with the same words."""

    @property
    def hopeless(self) -> bool:
        """Whether nobody has to wait for it any more."""
        return self.looks >= LOOKS and bool(self.said)


def followed(before: Mapping[Key, Loop], seen: Mapping[Key, Seen]) -> dict[Key, Loop]:
    """Return how units went on.

    One that is caught while it runs has no last words: those of the look before count.
    """
    now: dict[Key, Loop] = {}
    for key, unit in seen.items():
        was = before.get(key, Loop(unit.restarts, unit.said))
        same = not was.said or unit.said in {"", was.said}
        again = same and unit.restarts >= was.restarts + ENDS
        now[key] = Loop(unit.restarts, unit.said or was.said, was.looks + 1 if again else 0)
    return now


@asynccontextmanager
async def watched(live: Live, machines: Collection[str]) -> AsyncIterator[Callable[[], bool]]:
    """Look at machines' units meanwhile; yields what says whether one of them is hopeless."""

    async def until_one_is() -> None:
        loops: dict[Key, Loop] = {}
        while not any(loop.hopeless for loop in loops.values()):
            await asyncio.sleep(LOOK_S)
            found = await seen_units(live, machines)
            loops = followed(loops, {
                (machine, name): unit for machine, units in found.items()
                for name, unit in units.items() if name not in PATIENT
            })  # fmt: skip

    task = asyncio.ensure_future(until_one_is())
    try:
        yield task.done
    finally:
        task.cancel()
        # Awaited alone, its cancellation could not be told from that of the waiter.
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
