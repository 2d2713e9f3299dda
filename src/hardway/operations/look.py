"""How each part of the cluster is."""

from dataclasses import replace

from hardway.issuing import due
from hardway.project import Project
from hardway.providers.base import MachineState
from hardway.status import Status, status


async def look(project: Project) -> Status:
    """Return how each part of the cluster is."""
    states = await project.provider.states(project.cluster)
    there = any(state is not MachineState.ABSENT for state in states.values())
    outlook = await project.provider.outlook(project.cluster) if there else None
    async with project.reach(absent_ok=True) as live:
        seen = await status(live, states)
    return replace(seen, cost=outlook.now if outlook else None, renewals=due(project))
