"""Looking at all machines at once and judging what was seen."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from time import time

from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.providers.base import Problem
from hardway.providers.hosts import checks, probe
from hardway.steps import endpoint
from hardway.steps.packages import ROWS
from hardway.transport.base import Fleet, Transport, run_checked

CLOCK_LOOKS = 3
PROBE_S = 180.0
"""apt's lists may have to be fetched."""


async def admit(
    cluster: Cluster,
    fleet: Fleet,
    facts: Mapping[str, HostFacts],
    brought: Collection[str] | None,
) -> Sequence[Problem]:
    """Return what is found on the machines that answer; changes nothing that lasts."""

    async def one(machine: Machine) -> probe.Seen:
        transport = fleet[machine.name]
        script = probe.script(cluster, machine, packages(cluster, machine), brought)
        argv, stdin = ["sh", "-s"], script.encode()
        text = await run_checked(transport, argv, stdin=stdin, timeout_s=PROBE_S)
        seen = probe.parse(text)
        if cluster.name in seen["ledger"]:
            return seen
        return probe.Seen(seen.rows, await skew_s(transport))

    machines = [m for m in cluster.machines if m.name in fleet]
    found = await asyncio.gather(*(one(m) for m in machines))
    seen = {m.name: row for m, row in zip(machines, found, strict=True)}
    return checks.judge(cluster, seen, facts)


def packages(cluster: Cluster, machine: Machine) -> list[str]:
    """Return the packages that the steps will install on a machine."""
    kind = cluster.endpoint.kind
    without = set() if machine.role in endpoint.BALANCED[kind] else {"haproxy"}
    if kind.name != "VIP":
        without.add("keepalived")
    names = {row.name for row in ROWS if machine.role in row.roles}
    return sorted(names - without)


async def skew_s(transport: Transport) -> float:
    """Return how far a machine's clock is ahead of this host's, in seconds.

    Halfway through a round trip it said what it said; the median of a few spares us the one that
    was held up.
    """
    offsets = []
    for _ in range(CLOCK_LOOKS):
        before = time()
        there = float(await run_checked(transport, ["date", "+%s.%N"]))
        offsets.append(there - (before + time()) / 2)
    return median(offsets)
