"""A living cluster on fakes: machines, etcd's members and Nodes, of which any command can be fatal.

The program itself runs, from `pipeline.up` to the scripts it sends; the machines know which scripts
put which things, and show what they have when they are looked at. What a step checks, certificates
and components are left out.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from tests import support
from tests.fakes.ends import FakeApi, FakeProvider, FakeTransport
from tests.fakes.world import World

from hardway import pipeline, salvage
from hardway.checks.live import Live
from hardway.engine import converge, members, observe, packages
from hardway.engine.render import Rendered
from hardway.engine.render import render as really_render
from hardway.model.resolve import resolve
from hardway.model.resources import (
    Change,
    Desired,
    Effect,
    Kind,
    Observed,
    Obsolete,
    Unit,
)
from hardway.operations import nodes
from hardway.project import Project
from hardway.providers.base import Provider
from hardway.providers.clocks import Clock
from hardway.spec.load import parse
from hardway.steps import etcd
from hardway.steps.base import Given, Step
from hardway.steps.index import STEPS
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Fleet
from hardway.workspace import Workspace

BARE = tuple(replace(step, checks=(), trial=None, settles_s=1) for step in STEPS)
"""The steps with all that they put on machines and into the API, and nothing that they ask."""


def project(folder: Path, world: World, spec: str) -> Project:
    """Return the project as each run reads it from the disk."""
    workspace = Workspace(folder)
    loaded = parse(spec, "hardway.yaml")
    decided = workspace.decisions
    cluster = resolve(loaded, support.VERSION, decided.machines if decided else ())
    provider = cast(Provider, FakeProvider(world))
    return Project(cluster, loaded.spec, decided, provider, workspace, folder, folder / "none")


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def install(patch: pytest.MonkeyPatch) -> None:
    """Put the fakes in place of what a run asks beside machines."""
    files = {support.HOST.architecture: support.fake_stored()}

    async def ensure(_at: Project, _machines: object, _progress: object) -> Any:
        return files

    async def clock(*_: object) -> Clock:
        return Clock(datetime.now(UTC))

    async def unneeded(*_: object) -> tuple[()]:
        return ()

    def issue(at: Project, *_: object, **__: object) -> Any:
        ca = at.workspace.pki / "kubernetes/ca.crt"
        ca.parent.mkdir(parents=True, exist_ok=True)
        ca.write_text(PEM)
        return support.fake_secrets(at.cluster)

    def live(at: Project, fleet: Fleet, *, absent_ok: bool = False) -> Live:
        world = cast(FakeProvider, at.provider).world
        world.etcd.cluster = at.cluster
        api = cast(Kubectl, FakeApi(world))
        return Live(at.cluster, fleet, api, api, snapshots=at.workspace.snapshots)

    def write_tree(at: Workspace, machine: str, _wanted: Desired) -> None:
        (at.folder / "nodes" / machine).mkdir(parents=True, exist_ok=True)

    patch.setattr(Workspace, "write_tree", write_tree)
    patch.setattr(Project, "stored", lambda *_, **__: files)
    patch.setattr(Project, "ensure", ensure)
    patch.setattr(Project, "ask_components", lambda _: None)
    patch.setattr(Project, "live", live)
    patch.setattr(pipeline, "STEPS", BARE)
    patch.setattr(nodes, "STEPS", BARE)
    patch.setattr(pipeline, "issue", issue)
    patch.setattr(pipeline, "clock", clock)
    patch.setattr(pipeline, "render", render)
    patch.setattr(salvage, "unneeded", unneeded)
    # A fake answers at once or never.
    patch.setattr(members, "JOINS_S", 0.0)
    _let_machines_know(patch)


RENDERED: dict[tuple[object, ...], Rendered] = {}


def render(steps: Sequence[Step], given: Given) -> Rendered:
    """Render as `engine.render` does, once for each set of machines."""
    key = (given.cluster.machines, *given.hosts.items())
    if key not in RENDERED:
        RENDERED[key] = really_render(steps, given)
    return RENDERED[key]


def _let_machines_know(patch: pytest.MonkeyPatch) -> None:
    """Tell machines what a script of `converge` does, while it is sent."""

    def knows(
        module: Any, name: str, marks: str, effect: Callable[[World, str, Any], None]
    ) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(module, name)

        async def call(transport: FakeTransport, items: Any, *more: Any, **how: Any) -> None:
            transport.marks = marks
            transport.effect = lambda: effect(transport.world, transport.machine, items)
            await real(transport, items, *more, **how)
            transport.marks = ""

        patch.setattr(module, name, call)

    def start(world: World, machine: str, changes: Sequence[Change]) -> None:
        of = [c.item for c in changes if c.kind in {Kind.START, Kind.RELOAD}]
        world.begin(world.etcd.cluster, machine, [i for i in of if isinstance(i, Unit)])

    def set_effects(world: World, machine: str, changes: Sequence[Change]) -> None:
        effects = [c.item for c in changes if isinstance(c.item, Effect)]
        world.hosts[machine].set(effects)
        if any(e.name == etcd.WAY_IN for e in effects) and world.etcd.votes(machine):
            world.etcd.joined.pop(machine, None)

    def remove(world: World, machine: str, changes: Sequence[Change]) -> None:
        gone = [c.item for c in changes if isinstance(c.item, Obsolete)]
        world.hosts[machine].remove(gone)

    knows(converge, "put", "tar --extract", lambda w, m, items: w.hosts[m].put(items, w.commands))
    knows(converge, "start", "daemon-reload", start)
    knows(converge, "set_effects", "set -e\n", set_effects)
    knows(converge, "remove", "set -eu", remove)
    knows(converge, "restart", "systemctl restart", lambda w, m, u: w.begin(w.etcd.cluster, m, u))
    knows(packages, "install", "apt", lambda w, m, names: w.hosts[m].install(names))

    async def look(transport: FakeTransport, desired: Desired) -> Observed:
        observe.script(desired)
        transport.world.command(transport.machine, "look")
        host = transport.world.hosts[transport.machine]
        host.wanted = desired
        joining = transport.world.etcd.joined.get(transport.machine, "")
        return replace(host.seen, effects={**host.seen.effects, etcd.WAY_IN: joining})

    patch.setattr(observe, "observe", look)
