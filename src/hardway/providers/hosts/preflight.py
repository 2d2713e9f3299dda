"""Looking at all machines at once and judging what was seen."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from time import time

from hardway.checks.ask import of_machine
from hardway.errors import ConnectError
from hardway.model.checks import Subject
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.providers.base import Problem
from hardway.providers.hosts import checks, probe
from hardway.providers.hosts.look import question
from hardway.transport.base import Fleet, Transport, run_checked

CLOCK_LOOKS = 3


async def admit(
    cluster: Cluster,
    fleet: Fleet,
    facts: Mapping[str, HostFacts],
    brought: Collection[str] | None,
) -> Sequence[Problem]:
    """Return what is found on the machines that answer; changes nothing that lasts."""
    words = {} if brought is None else {"BROUGHT": " ".join(brought)}

    async def one(machine: Machine) -> str:
        subject = Subject("machine", machine.name, cluster, words)
        (answer,) = await of_machine(fleet, machine.name, [question(subject)])
        if answer.silence:
            raise ConnectError(answer.silence, where=machine.name, hint="hardway preflight")
        text = answer.text + of_facts(facts[machine.name])
        if cluster.name in probe.parse(text)["ledger"]:
            return text
        return f"{text}skew\t{await skew_s(fleet[machine.name])}\n"

    machines = [m for m in cluster.machines if m.name in fleet]
    said = await asyncio.gather(*(one(m) for m in machines))
    return checks.judge(cluster, {m.name: text for m, text in zip(machines, said, strict=True)})


def of_facts(host: HostFacts) -> str:
    """Return what is known of a machine already as rows of its answer."""
    return (
        f"architecture\t{host.architecture}\ncgroup\t{host.cgroup}\n"
        f"memory\t{host.memory_bytes}\ncpus\t{host.cpus}\n"
        f"nameserver\t{' '.join(host.nameservers)}\n"
    )


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
