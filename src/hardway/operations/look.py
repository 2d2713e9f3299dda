"""How each part of the cluster is."""

from dataclasses import replace

from hardway.issuing import due
from hardway.providers.base import MachineState
from hardway.setup import Setup
from hardway.status import Status, status


async def look(at: Setup) -> Status:
    """Return how each part of the cluster is."""
    states = await at.provider.states(at.cluster)
    there = any(state is not MachineState.ABSENT for state in states.values())
    outlook = await at.provider.outlook(at.cluster) if there else None
    async with at.reach(absent_ok=True) as live:
        seen = await status(live, states)
    return replace(seen, cost=outlook.now if outlook else None, renewals=due(at))
