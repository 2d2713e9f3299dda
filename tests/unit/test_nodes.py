"""Nodes that were deleted come back, and each gets the pod range that was decided."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from tests import support
from tests.fakes.answers import answered

from hardway.checks.live import Live
from hardway.engine import nodes, order
from hardway.engine.compare import compare
from hardway.engine.render import manifests, render
from hardway.errors import CommandError
from hardway.model.checks import WORKERS as MEMBERS
from hardway.model.checks import Check, Sh, says
from hardway.model.resources import Change, Kind, Unit
from hardway.report import Event
from hardway.steps import kubelet, workers
from hardway.steps.base import Step
from hardway.steps.index import STEPS
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed, Transport

CLUSTER = support.cluster("machines: {controlPlanes: 1, workers: 3}")
WORKERS = [m.name for m in CLUSTER.workers]
KUBELET = Unit(name=kubelet.UNIT, path="/k", digest="d", reads=(), why="")
KUBELETS = dict.fromkeys(WORKERS, KUBELET)
Objects = list[dict[str, Any]]


def node(name: str, pod_cidr: str = "") -> dict[str, Any]:
    spec = {"podCIDR": pod_cidr} if pod_cidr else {}
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec}


def all_nodes() -> Objects:
    return [node(m.name, str(m.pod_cidr)) for m in CLUSTER.workers]


def planned(
    there: Objects, kubelets: dict[str, Unit] = KUBELETS, busy: Sequence[str] = ()
) -> list[tuple[Kind, str]]:
    found = nodes.changes(CLUSTER, there, kubelets, busy)
    return [(c.kind, f"{c.machine} {c.path_or_unit}") for c in found]


def test_nodes_as_they_should_be_need_nothing() -> None:
    assert planned(all_nodes()) == []


def test_a_deleted_node_is_registered_again_and_gets_its_range() -> None:
    assert planned(all_nodes()[:2]) == [
        (Kind.REGISTER, "worker-2 Node/worker-2"),
        (Kind.ASSIGN, "api Node/worker-2"),
    ]


def test_a_kubelet_that_starts_anyway_registers_its_node_then() -> None:
    assert planned(all_nodes()[:2], busy=["worker-2"]) == [(Kind.ASSIGN, "api Node/worker-2")]


def test_a_kubelet_that_is_started_or_restarted_is_busy() -> None:
    changes = [
        Change(machine=f"{kind} {unit}", step="workers", kind=kind, path_or_unit=unit, item=KUBELET)
        for kind in (Kind.START, Kind.RESTART, Kind.ENABLE)
        for unit in (kubelet.UNIT, "kube-proxy.service")
    ]
    assert nodes.busy(changes) == {"start kubelet.service", "restart kubelet.service"}


def test_of_a_silent_machine_nothing_is_expected_but_its_node_gets_its_range() -> None:
    answering = {name: KUBELET for name in WORKERS if name != "worker-2"}
    assert planned(all_nodes()[:2], answering) == []
    assert planned([*all_nodes()[:2], node("worker-2")], answering) == [
        (Kind.ASSIGN, "api Node/worker-2")
    ]


def test_another_range_is_left_to_people() -> None:
    assert planned([*all_nodes()[:2], node("worker-2", "10.99.0.0/24")]) == []


def test_what_is_assigned_is_the_decided_range() -> None:
    (change,) = nodes.changes(CLUSTER, [*all_nodes()[:2], node("worker-2")], KUBELETS, ())
    assert isinstance(change.item, dict)
    assert change.item["spec"] == {"podCIDR": "10.200.2.0/24", "podCIDRs": ["10.200.2.0/24"]}


@dataclass
class Api:
    """The API as far as Nodes go, or one that does not answer; notes what is done."""

    there: Objects | None
    done: list[str] = field(default_factory=list)

    async def live(self, _wanted: Sequence[Any]) -> Objects:
        self.done.append("live")
        if self.there is None:
            raise CommandError("this host", ["kubectl"], 1, "dial tcp: no route to host")
        return self.there

    async def patch(self, manifest: dict[str, Any]) -> None:
        self.done.append(f"patch {manifest['metadata']['name']}")


@dataclass
class Machine:
    """Says the same to every question; notes restarts."""

    machine: str
    api: Api
    says: str = ""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        if argv[:2] == ["systemctl", "restart"]:
            self.api.done.append(f"restart {argv[-1]} on {self.machine}")
        if argv[0] == "bash" and isinstance(stdin, bytes):
            self.api.done.append("look")
            return answered(stdin, lambda _: "yes")
        return Completed(0, self.says.encode(), b"")


STARTED = "Thu 2026-01-01 00:00:00.000000 UTC"


def unit_block(unit: str, state: str = "active") -> str:
    """Return what systemd says of a unit."""
    return f"""Id={unit}
MainPID=0
ActiveState={state}
UnitFileState=enabled
NeedDaemonReload=no
ActiveEnterTimestamp={STARTED}
ExecMainStartTimestamp={STARTED}

"""


def runs(unit: str, digest: str, others: str = "") -> str:
    """Return what a machine says on which a unit runs that was started with a digest."""
    return f"""== units
{unit_block(unit)}{others}== digests
/run/hardway/{unit}:{digest}
== marks
/run/hardway/{unit}:{digest}
"""


def live_of(api: Api, says: dict[str, str] | None = None) -> Live:
    fleet = {
        m.name: cast(Transport, Machine(m.name, api, (says or {}).get(m.name, "")))
        for m in CLUSTER.machines
    }
    return Live(CLUSTER, fleet, cast(Kubectl, api), cast(Kubectl, api))


@pytest.mark.parametrize(("there", "registers"), [(None, []), ([], WORKERS)])
def test_without_an_answer_from_the_api_no_node_is_missing(
    there: Objects | None, registers: list[str]
) -> None:
    given = support.given(CLUSTER)
    rendered = render(STEPS, given)
    says = {
        name: runs(kubelet.UNIT, digest_of(rendered[name][workers.NAME].units)) for name in WORKERS
    }
    says["controller-0"] = runs("kube-apiserver.service", "")
    wanted = manifests(STEPS, given)
    changes = asyncio.run(compare(live_of(Api(there), says), rendered, wanted))
    assert [c.machine for c in changes if c.kind is Kind.REGISTER] == registers
    assert len([c for c in changes if c.kind is Kind.ASSIGN]) == len(WORKERS)


class Slow(Api):
    """An API that answers after a second, or is given up before."""

    async def live(self, wanted: Sequence[Any]) -> Objects:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.done.append("given up")
            raise
        return await super().live(wanted)


@pytest.mark.parametrize(("state", "done"), [("active", "live"), ("inactive", "given up")])
def test_an_api_that_nothing_leads_to_is_not_waited_for(state: str, done: str) -> None:
    given, api = support.given(CLUSTER), Slow([])
    haproxy = unit_block("haproxy.service", state)
    says = {"controller-0": runs("kube-apiserver.service", "", haproxy)}
    asyncio.run(compare(live_of(api, says), render(STEPS, given), manifests(STEPS, given)))
    assert api.done == [done]


def digest_of(units: Sequence[Unit]) -> str:
    return next(u.digest for u in units if u.name == kubelet.UNIT)


def test_kubelet_is_restarted_and_the_range_set_once_the_step_holds() -> None:
    api, told = Api([]), list[Event]()
    look = Check(name="look", step=workers.NAME, scope=MEMBERS, ask=Sh("look"), judge=says("yes"),
                 why="", see="")  # fmt: skip
    changes: list[Change] = list(nodes.changes(CLUSTER, all_nodes()[:2], KUBELETS, ()))
    step = Step(name=workers.NAME, title="", why="", checks=(look,), settles_s=0)
    asyncio.run(order.bring_about((step,), changes, live_of(api), told.append))
    assert [line for line in api.done if line != "look"] == [
        f"restart {kubelet.UNIT} on worker-2",
        "patch worker-2",
    ]
    assert api.done[-2:] == ["look", "patch worker-2"]
    assert [e.text for e in told if e.happened == "changed"] == [
        "register Node/worker-2",
        "assign Node/worker-2",
    ]


def test_patch_names_the_object_and_sends_its_fields_on_stdin(tmp_path: Path) -> None:
    binary = tmp_path / "kubectl"
    binary.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/argv\ncat >{tmp_path}/stdin\n')
    binary.chmod(0o755)
    wanted = node("worker-2", "10.200.2.0/24")
    asyncio.run(Kubectl(binary, tmp_path / "kubeconfig").patch(wanted))
    assert "patch node worker-2 --type=merge" in (tmp_path / "argv").read_text()
    assert json.loads((tmp_path / "stdin").read_text()) == wanted
