"""Removing a cluster."""

import shutil

from hardway.project import Project
from hardway.report import Event, Happened, Report


async def down(project: Project, report: Report) -> None:
    """Remove the cluster's machines and its folder, from whatever state, and prove it.

    Raises:
        ProviderError: naming what is left.
    """

    def doing(machine: str, text: str) -> None:
        report(Event(happened=Happened.DOING, machine=machine, text=text))

    with project.workspace.locked():
        await project.provider.destroy(project.cluster.name, doing)
        shutil.rmtree(project.workspace.folder)
