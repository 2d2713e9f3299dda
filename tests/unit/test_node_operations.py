"""Workers that are removed or replaced: what is refused, and a run broken off at every command."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from tests import support

from hardway.errors import CommandError, ConnectError, HardwayError, RefusedError
from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import Finding
from hardway.operations import drain, nodes
from hardway.operations.drain import Consent
from hardway.operations.nodes import Departure
from hardway.pki import store
from hardway.project import Project
from hardway.providers.base import MachineState, Progress, Provider
from hardway.report import Event
from hardway.spec.load import parse
from hardway.steps.base import Step
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed, Fleet, Process, Reached, Transport
from hardway.workspace import Workspace

NOTED = "noted\tid c-1\nnoted\tname c\nnoted\tserial 0\nend\t\n"
GONE = "worker-1"


@dataclass
class World:
    """A cluster's machines, its Nodes and their pods; the k-th remote command can break off."""

    machines: dict[str, bool] = field(default_factory=dict)
    """Whether each machine that exists answers."""
    taken_apart: set[str] = field(default_factory=set)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, set[str]] = field(default_factory=dict)
    """By node; those whose name begins with `alone` have no controller."""
    budget_allows: bool = True
    names_on: dict[str, set[str]] = field(default_factory=dict)
    """Which machines each machine knows."""
    commands: int = 0
    breaks_at: int = 0
    after: bool = False
    """The command that breaks off has had its effect."""
    log: list[str] = field(default_factory=list)

    def command(self, text: str, effect: Callable[[], None]) -> None:
        self.commands += 1
        if self.commands == self.breaks_at and not self.after:
            raise ConnectError(f"broke off before: {text}")
        effect()
        self.log.append(text)
        if self.commands == self.breaks_at:
            raise ConnectError(f"broke off after: {text}")


def node(name: str, ready: str = "True") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "message": ""}]
    return {"kind": "Node", "metadata": {"name": name}, "spec": {},
            "status": {"conditions": conditions}}  # fmt: skip


@dataclass
class FakeKubectl:
    world: World

    async def objects(self, kind: str, *words: str) -> list[dict[str, Any]]:
        if kind == "poddisruptionbudgets":
            allowed = int(self.world.budget_allows)
            meta = {"namespace": "default", "name": "web"}
            spec = {"selector": {"matchLabels": {"app": "web"}}}
            return [{"metadata": meta, "spec": spec, "status": {"disruptionsAllowed": allowed}}]
        if kind == "pods":
            on = words[-1].rpartition("=")[2]
            meta = {"namespace": "default", "labels": {"app": "web"}}
            return [{"metadata": meta} for _ in self.world.pods.get(on, ())]
        return [deepcopy(n) for n in self.world.nodes.values() if n["metadata"]["name"] == words[0]]

    async def run(self, *words: str, stdin: bytes = b"", timeout_s: float = 60) -> str:
        verb, name, world = words[0], words[-1], self.world
        effects: Mapping[str, Callable[[], None]] = {
            "drain": lambda: self._drain(words[1], words),
            "uncordon": lambda: world.nodes[name]["spec"].pop("unschedulable"),
            "taint": lambda: world.nodes[words[2]]["spec"].update(taints=[words[3]]),
            "delete": lambda: (world.nodes.pop(words[2], None), None)[1],
        }
        world.command(" ".join(words[:3]), effects[verb])
        return ""

    def _drain(self, name: str, words: Sequence[str]) -> None:
        pods = self.world.pods.get(name, set())
        if any(p.startswith("alone") for p in pods) and "--force" not in words:
            raise CommandError("this host", ["kubectl"], 1, "use --force to override: alone")
        if "--dry-run=client" in words:
            return
        assert self.world.machines.get(name), "kubelet has to end the pods"
        self.world.nodes[name]["spec"]["unschedulable"] = True
        if not self.world.budget_allows:
            raise CommandError("this host", ["kubectl"], 1, "global timeout reached: 1s")
        pods.clear()


@dataclass
class FakeTransport:
    machine: str
    world: World

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        clean = self.machine in self.world.taken_apart
        return Completed(0, ("end\t\n" if clean else NOTED).encode(), b"")

    @asynccontextmanager
    async def process(self, argv: Sequence[str]) -> AsyncIterator[Process]:
        yield cast(Process, FakeProcess(NOTED.encode().splitlines(keepends=True)))


@dataclass
class FakeProcess:
    lines: list[bytes]

    async def readline(self) -> bytes:
        return self.lines.pop(0)

    async def write(self, _data: bytes) -> None:
        pass


@dataclass
class FakeProvider:
    world: World
    makes: bool
    """Whether it makes machines, and so can destroy them; else they stay and are taken apart."""

    @property
    def switches(self) -> bool:
        return self.makes

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        def state(name: str) -> MachineState:
            if name not in self.world.machines:
                return MachineState.ABSENT
            running = self.world.machines[name]
            return MachineState.RUNNING if running else MachineState.UNREACHABLE

        return {m.name: state(m.name) for m in cluster.machines}

    @asynccontextmanager
    async def connect(self, cluster: Cluster) -> AsyncIterator[Fleet]:
        there = {
            m.name: cast(Transport, FakeTransport(m.name, self.world))
            for m in cluster.machines
            if self.world.machines.get(m.name)
        }
        yield Reached(there)

    async def remove(self, cluster: Cluster, machine: Machine, progress: Progress) -> None:
        def effect() -> None:
            if self.makes:
                self.world.machines.pop(machine.name, None)
            else:
                self.world.taken_apart.add(machine.name)

        self.world.command(f"remove {machine.name}", effect)


def project(folder: Path, world: World, spec: str, *, makes: bool = True) -> Project:
    """Return the project as each run reads it from the disk."""
    from hardway.model.resolve import resolve

    workspace = Workspace(folder)
    loaded = parse(spec, "hardway.yaml")
    decided = workspace.decisions
    cluster = resolve(loaded, support.VERSION, decided.machines if decided else ())
    provider = cast(Provider, FakeProvider(world, makes))
    lock = folder / "hardway.lock"
    return Project(cluster, loaded.spec, decided, provider, workspace, folder, lock)


SPEC = "name: c\nmachines: {controlPlanes: 1, workers: %d}\n"


def living(folder: Path, *, keys: bool = False) -> World:
    """Make a cluster of three workers and its folder, as `up` leaves them."""
    world = World()
    at = project(folder, world, SPEC % 3)
    folder.mkdir(exist_ok=True)
    if keys:
        store.ensure(at.workspace.pki, at.cluster, datetime.now(UTC))
    made = at.decide()
    at.workspace.decide(replace(made, id="c-1", serial=1))
    names = {m.name for m in at.cluster.machines}
    world.machines = dict.fromkeys(names, True)
    world.names_on = {name: set(names) for name in names}
    world.nodes = {m.name: node(m.name) for m in at.cluster.workers}
    world.pods = {m.name: {f"web-{m.name}"} for m in at.cluster.workers}
    return world


@pytest.fixture(autouse=True)
def simple(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what `up` does to the others in place of the real one: they learn who is there."""

    async def make_whole(at: Project, steps: Sequence[Step], report: Any) -> list[Finding]:
        world = cast(FakeProvider, at.provider).world
        names = {m.name for m in at.cluster.machines}
        for name in sorted(names & world.machines.keys()):
            world.command(f"up {name}", lambda name=name: world.names_on.update({name: names}))
        for machine in at.cluster.workers:
            if machine.name not in world.machines:
                world.command(f"make {machine.name}", lambda m=machine: _make(world, m, names))
        return []

    monkeypatch.setattr(nodes, "make_whole", make_whole)
    monkeypatch.setattr(
        Project, "live", lambda at, _fleet: type("L", (), {"kubectl": kubectl_of(at)})
    )


def _make(world: World, machine: Machine, names: set[str]) -> None:
    world.machines[machine.name] = True
    world.nodes[machine.name] = node(machine.name)
    world.names_on[machine.name] = names


def kubectl_of(at: Project) -> Kubectl:
    return cast(Kubectl, FakeKubectl(cast(FakeProvider, at.provider).world))


def run(operation: Any, at: Project, departure: Departure) -> list[Event]:
    told: list[Event] = []
    asyncio.run(operation(at, departure, told.append))
    return told


def remove(folder: Path, world: World, *, makes: bool = True, **how: Any) -> list[Event]:
    return run(nodes.remove, project(folder, world, SPEC % 2, makes=makes), Departure(GONE, **how))


def assert_gone(folder: Path, world: World, *, makes: bool = True) -> None:
    at = project(folder, world, SPEC % 2)
    assert [m.name for m in at.cluster.workers] == ["worker-0", "worker-2"]
    assert str(at.cluster.machine("worker-2").pod_cidr) == "10.200.2.0/24", "nobody's range moves"
    assert GONE not in world.nodes
    assert (GONE in world.machines) is not makes
    assert (GONE in world.taken_apart) is not makes
    rest = {"controller-0", "worker-0", "worker-2"}
    assert {name: world.names_on[name] for name in rest} == dict.fromkeys(rest, rest)
    assert not list(folder.rglob(f"*{GONE}*"))
    assert all(not n["spec"] for n in world.nodes.values()), "the others take pods"


@pytest.mark.parametrize("makes", [True, False], ids=["made by hardway", "of one's own"])
def test_a_worker_is_drained_taken_apart_and_forgotten(tmp_path: Path, makes: bool) -> None:
    world = living(tmp_path / "c", keys=True)
    assert list((tmp_path / "c" / "pki").rglob(f"{GONE}.key"))
    remove(tmp_path / "c", world, makes=makes)
    assert_gone(tmp_path / "c", world, makes=makes)
    assert world.log[:4] == [
        f"drain {GONE} --ignore-daemonsets",
        f"drain {GONE} --ignore-daemonsets",
        f"remove {GONE}",
        f"delete node {GONE}",
    ]


@pytest.mark.parametrize("makes", [True, False], ids=["made by hardway", "of one's own"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_broken_off_at_every_command_the_same_command_goes_on(
    tmp_path: Path, makes: bool, after: bool
) -> None:
    whole = living(tmp_path / "whole")
    remove(tmp_path / "whole", whole, makes=makes)
    assert whole.commands > 5
    for k in range(1, whole.commands + 1):
        folder = tmp_path / f"c-{k}"
        world = living(folder)
        world.breaks_at, world.after = k, after
        with pytest.raises(ConnectError):
            remove(folder, world, makes=makes)
        remove(folder, world, makes=makes)
        assert_gone(folder, world, makes=makes)


def kept(folder: Path) -> list[str]:
    rows = json.loads((folder / "cluster.json").read_text())["machines"]
    return [row["name"] for row in rows]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_replacement_broken_off_anywhere_is_gone_on_with(tmp_path: Path, after: bool) -> None:
    whole = living(tmp_path / "whole")
    run(nodes.replace, project(tmp_path / "whole", whole, SPEC % 3), Departure(GONE))
    for k in range(1, whole.commands + 1):
        folder = tmp_path / f"c-{k}"
        world = living(folder)
        given = folder / "nodes" / GONE / "etc/haproxy"
        given.mkdir(parents=True)
        world.breaks_at, world.after = k, after
        with pytest.raises(ConnectError):
            run(nodes.replace, project(folder, world, SPEC % 3), Departure(GONE))
        run(nodes.replace, project(folder, world, SPEC % 3), Departure(GONE))
        assert not given.exists(), "what its predecessor was given"
        assert world.machines[GONE]
        assert GONE in world.nodes
        assert kept(folder) == ["controller-0", "worker-0", "worker-1", "worker-2"]
        assert str(project(folder, world, SPEC % 3).cluster.machine(GONE).pod_cidr) == (
            "10.200.1.0/24"
        )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (SPEC % 3, "lower machines.workers"),
        (
            """name: c
machines:
- {name: controller-0, role: control-plane}
- {name: worker-0, role: worker}
- {name: worker-1, role: worker}
""",
            "take its line out of hardway.yaml",
        ),
    ],
)
def test_refused_while_hardway_yaml_asks_for_it(tmp_path: Path, spec: str, words: str) -> None:
    world = living(tmp_path / "c")
    with pytest.raises(RefusedError) as refused:
        run(nodes.remove, project(tmp_path / "c", world, spec), Departure(GONE))
    assert words in refused.value.hint
    assert world.log == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("worker-9", "no machine worker-9"), ("controller-0", "asks for 1 controlPlanes")],
)
def test_refused_for_what_is_not_there_or_wanted(tmp_path: Path, name: str, words: str) -> None:
    world = living(tmp_path / "c")
    with pytest.raises(RefusedError, match=words):
        run(nodes.remove, project(tmp_path / "c", world, SPEC % 2), Departure(name))


def test_pods_that_nobody_makes_again_need_consent(tmp_path: Path) -> None:
    world = living(tmp_path / "c")
    world.pods[GONE].add("alone")
    with pytest.raises(RefusedError, match="nothing was changed"):
        remove(tmp_path / "c", world)
    assert not world.nodes[GONE]["spec"]
    assert world.machines[GONE]
    remove(tmp_path / "c", world, consent=Consent(force=True))
    assert_gone(tmp_path / "c", world)


@pytest.mark.parametrize("cordoned", [False, True])
def test_a_budget_is_respected_named_and_the_node_as_it_was(tmp_path: Path, cordoned: bool) -> None:
    world = living(tmp_path / "c")
    world.budget_allows = False
    if cordoned:
        world.nodes[GONE]["spec"]["unschedulable"] = True
    with pytest.raises(RefusedError, match="PodDisruptionBudget default/web"):
        remove(tmp_path / "c", world)
    assert bool(world.nodes[GONE]["spec"].get("unschedulable")) is cordoned
    assert world.pods[GONE]
    assert world.machines[GONE]


def test_a_machine_that_does_not_answer_must_be_said_to_be_lost(tmp_path: Path) -> None:
    world = living(tmp_path / "c")
    world.machines[GONE] = False
    with pytest.raises(RefusedError) as refused:
        remove(tmp_path / "c", world)
    assert "--lost" in refused.value.hint
    assert world.log == []


def test_a_machine_that_answers_is_not_lost(tmp_path: Path) -> None:
    world = living(tmp_path / "c")
    with pytest.raises(RefusedError, match="it is not lost"):
        remove(tmp_path / "c", world, lost=True)
    assert world.log == []


def test_a_machine_whose_lease_is_renewed_is_not_lost(tmp_path: Path) -> None:
    world = living(tmp_path / "c")
    world.machines[GONE] = False
    with pytest.raises(RefusedError, match="renews the lease"):
        remove(tmp_path / "c", world, lost=True)
    assert world.log == []


@pytest.mark.parametrize("makes", [True, False], ids=["made by hardway", "of one's own"])
def test_a_lost_machines_pods_and_volumes_are_let_go(tmp_path: Path, makes: bool) -> None:
    world = living(tmp_path / "c", keys=True)
    world.machines[GONE] = False
    world.nodes[GONE] = node(GONE, ready="Unknown")
    told = remove(tmp_path / "c", world, makes=makes, lost=True)
    assert f"taint node {GONE}" in world.log
    assert (f"remove {GONE}" in world.log) is makes, "a host of one's own cannot be reached"
    assert GONE not in world.nodes
    (warning,) = (e.text for e in told if e.happened == "warned")
    assert "are good until" in warning


def test_selectors_cover_as_the_api_means_them() -> None:
    def covers(selector: dict[str, Any], labels: dict[str, str], namespace: str = "n") -> bool:
        budget = {"metadata": {"namespace": "n"}, "spec": {"selector": selector}}
        return drain._covers(budget, {"metadata": {"namespace": namespace, "labels": labels}})

    def expression(operator: str, *values: str) -> dict[str, Any]:
        return {"matchExpressions": [{"key": "a", "operator": operator, "values": list(values)}]}

    assert covers({}, {})
    assert covers({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"})
    assert not covers({"matchLabels": {"a": "1"}}, {"a": "2"})
    assert not covers({"matchLabels": {"a": "1"}}, {"a": "1"}, namespace="m")
    assert covers(expression("In", "1", "2"), {"a": "2"})
    assert not covers(expression("In", "1"), {})
    assert covers(expression("NotIn", "1"), {})
    assert not covers(expression("NotIn", "1"), {"a": "1"})
    assert covers(expression("Exists"), {"a": ""})
    assert not covers(expression("Exists"), {})
    assert covers(expression("DoesNotExist"), {})
    assert not covers(expression("DoesNotExist"), {"a": ""})


def test_the_journal_tells_of_a_removal_that_failed(tmp_path: Path) -> None:
    world = living(tmp_path / "c")
    world.breaks_at = 1
    with pytest.raises(HardwayError):
        remove(tmp_path / "c", world)
    events = list(Workspace(tmp_path / "c").journal.events())
    assert [e.happened for e in events][0::1][:1] == ["begun"]
    assert events[0].text == f"node remove {GONE}"
    assert events[-1].happened == "failed"


def test_the_list_tells_nodes_cordons_and_what_differs_from_hardway_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hardway.operations import roster

    spec = """name: c
machines:
- {name: controller-0, role: control-plane}
- {name: worker-0, role: worker}
- {name: worker-1, role: worker}
- {name: worker-3, role: worker}
"""
    world = living(tmp_path / "c")
    world.nodes["worker-1"]["spec"]["unschedulable"] = True
    del world.nodes["worker-2"]
    at = project(tmp_path / "c", world, spec)

    @asynccontextmanager
    async def reach(_at: Project, *, absent_ok: bool) -> AsyncIterator[Any]:
        info = {"nodeInfo": {"kubeletVersion": "v1"}}
        items = [{**n, "status": {**n["status"], **info}} for n in world.nodes.values()]
        text = json.dumps({"kind": "List", "items": items})

        async def run(*_words: str) -> str:
            return text

        kubectl = type("K", (), {"run": staticmethod(run)})
        yield type("L", (), {"fleet": {"controller-0": None}, "kubectl": kubectl})

    monkeypatch.setattr(Project, "reach", reach)
    rows = {row.name: row for row in asyncio.run(roster.rows(at))}
    assert {name: (row.machine, row.state) for name, row in rows.items()} == {
        "controller-0": ("running", "-"),
        "worker-0": ("running", "ready"),
        "worker-1": ("running", "ready"),
        "worker-2": ("running", "no such node"),
        "worker-3": ("absent", "no such node"),
    }
    assert rows["worker-0"].notes == ()
    assert rows["worker-1"].notes == ("cordoned",)
    assert rows["worker-2"].notes[0].startswith("not in hardway.yaml: ")
    assert rows["worker-3"].notes == ("hardway up adds it",)
    assert rows["worker-3"].pods == "10.200.3.0/24"
