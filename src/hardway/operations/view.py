"""Looking at a cluster for pictures and the report: what checks say and commands print."""

import asyncio
from collections.abc import Sequence

from hardway.checks.ask import of_machine
from hardway.checks.live import Live
from hardway.model.checks import Sh
from hardway.operations.chart import draw, draw_live
from hardway.pictures.view import Look, View
from hardway.pipeline import look
from hardway.project import Project
from hardway.status import status


async def view(project: Project, looks: Sequence[Look] = ()) -> View:
    """Return what there is to show of a living cluster; makes no trials and changes nothing."""
    async with project.reach(absent_ok=True) as live:
        states = await project.provider.states(project.cluster)
        atlas, found, seen, said = await asyncio.gather(
            draw_live(project, live.fleet),
            look(project, live, (), trials=False),
            status(live, states),
            _said(live, looks),
        )
        return View(atlas, tuple(found), seen, said)


async def _said(live: Live, looks: Sequence[Look]) -> dict[Look, str]:
    names = list(dict.fromkeys(one.machine for one in looks))
    asked = {name: [one for one in looks if one.machine == name] for name in names}
    answers = await asyncio.gather(
        *(of_machine(live.fleet, name, [Sh(one.command) for one in own])
          for name, own in asked.items())
    )  # fmt: skip
    return {
        one: answer.silence or answer.text
        for own, said in zip(asked.values(), answers, strict=True)
        for one, answer in zip(own, said, strict=True)
    }


def without_machines(project: Project) -> View:
    """Return what there is to show without asking anybody."""
    return View(draw(project))
