"""Removing a cluster."""

import shutil

from hardway.report import Event, Happened, Report
from hardway.setup import Setup


async def down(at: Setup, report: Report) -> None:
    """Remove the cluster's machines and its folder, from whatever state, and prove it.

    Raises:
        ProviderError: naming what is left.
    """

    def doing(machine: str, text: str) -> None:
        report(Event(happened=Happened.DOING, machine=machine, text=text))

    with at.workspace.locked():
        await at.provider.destroy(at.cluster.name, doing)
        shutil.rmtree(at.workspace.folder)
