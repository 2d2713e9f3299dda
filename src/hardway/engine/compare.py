"""What is wanted beside what is, on all machines and in the API. Reads only."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from hardway.checks.live import Live
from hardway.engine import diff, members, nodes, observe, rollouts
from hardway.engine.kinds import manifest
from hardway.engine.render import Rendered, merged
from hardway.errors import CommandError
from hardway.model.objects import identity
from hardway.model.resources import Change, Desired, Manifest, Observed, Unit
from hardway.steps import address, apiserver, balancer, etcd, kubelet, workers
from hardway.steps.data_path import FORMER_RESOLVERS
from hardway.steps.index import STEPS
from hardway.transport.base import on_each

T = TypeVar("T")
ANSWERS = (apiserver.UNIT, balancer.UNIT, address.UNIT, etcd.UNIT)
"""Units of which one of each has to run where there are any, so that the API answers."""


async def compare(
    live: Live, rendered: Rendered, wanted: Mapping[str, tuple[Manifest, ...]]
) -> list[Change]:
    """Return all differences.

    A machine without a connection is taken for an empty one: silent ones are not rendered.
    """
    names = list(rendered)
    objects = [wish for own in wanted.values() for wish in own]
    # Where not all steps are rendered, the others may want what these do not.
    every = all(by_step.keys() == {step.name for step in STEPS} for by_step in rendered.values())
    obsolete = manifest.obsolete(objects) if rendered and every else []
    asked = [*objects, *nodes.references(live.cluster), *obsolete]
    async with _asking(_objects(live, asked)) as answer:
        seen = await on_each(_seen(live, name, rendered[name]) for name in names)
        there = await answer if _api_runs(seen) else None
    changes: list[Change] = []
    for name, observed in zip(names, seen, strict=True):
        changes += diff.changes(name, rendered[name], observed)
    if any(etcd.NAME in by_step for by_step in rendered.values()):
        changes += await members.joining(live, dict(zip(names, seen, strict=True)))
    ill = await _ill(live, objects, there or [], former_resolvers(seen))
    for step, own in wanted.items():
        applied = manifest.manifest_changes(step, own, there or [])
        changes += [*applied, *rollouts.changes(step, own, there or [], ill, applied)]
    if workers.NAME in wanted:
        kubelets = _kubelets(rendered)
        # Without an answer from the API nothing is known of its Nodes: they are not missing.
        busy = nodes.busy(changes) if there is not None else kubelets.keys()
        changes += nodes.changes(live.cluster, there or [], kubelets, busy)
    changes += manifest.removals(STEPS[-1].name, obsolete, there or [])
    return changes


def _kubelets(rendered: Rendered) -> dict[str, Unit]:
    return {
        name: unit
        for name, by_step in rendered.items()
        for unit in by_step[workers.NAME].units
        if unit.name == kubelet.UNIT
    }


async def _seen(live: Live, machine: str, by_step: Mapping[str, Desired]) -> Observed:
    transport = live.fleet.get(machine)
    if transport is None:
        return Observed()
    return await observe.observe(transport, merged(by_step.values()))


def _api_runs(seen: Sequence[Observed]) -> bool:
    """Return whether an API server, its etcd and what leads to it run: else kubectl waits long."""
    servers, *others = (
        [o.units[unit].active == "active" for o in seen if unit in o.units] for unit in ANSWERS
    )
    return any(servers) and all(any(own) for own in others if own)


@asynccontextmanager
async def _asking(question: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Yield a question that is asked meanwhile; nobody may want its answer."""
    task = asyncio.create_task(question)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _objects(live: Live, wanted: Sequence[Manifest]) -> list[Manifest] | None:
    if not wanted or not live.fleet:
        return []
    try:
        return list(await live.kubectl.live(wanted))
    except CommandError:
        # Not to be reached: all is applied then, which changes nothing that is already so.
        return None


def former_resolvers(seen: Sequence[Observed]) -> set[str]:
    """Return the uids of the pods of CoreDNS that do not ask the resolvers their nodes have now."""
    said = "\n".join(o.effects.get(FORMER_RESOLVERS, "") for o in seen)
    return {line.split()[0] for line in said.splitlines() if line.strip()}


async def _ill(
    live: Live, wanted: Sequence[Manifest], there: Sequence[Manifest], former: Collection[str]
) -> dict[str, str]:
    """Return why pods of some Deployments do not serve as they should, by identity."""
    found = {}
    for deployment in rollouts.suspected(wanted, there, former):
        labels = deployment["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        place = f"--namespace={deployment['metadata']['namespace']}"
        with suppress(CommandError):
            pods = await live.kubectl.objects("pods", place, "--selector", selector)
            if why := rollouts.ill(pods, former):
                found[identity(deployment)] = why
    return found
