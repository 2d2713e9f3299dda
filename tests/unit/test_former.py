"""Objects of the API that are no longer wanted: hardway's own are deleted, last; others never."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests import support

from hardway.checks.live import Live
from hardway.engine import order
from hardway.engine.compare import compare
from hardway.engine.kinds.manifest import labelled, manifest_changes
from hardway.engine.render import manifests, render
from hardway.model.former import FORMER
from hardway.model.objects import OWN, identity
from hardway.model.resources import Change, Kind, Manifest
from hardway.report import Event
from hardway.steps import apiserver
from hardway.steps.base import Given
from hardway.steps.index import STEPS
from hardway.tools.kubectl import FIELD_MANAGER, Kubectl
from hardway.transport.base import Completed, Transport

GIVEN = support.given_topology("1+1")
(BINDING, *_) = FORMER
NAME = identity(BINDING.reference)
RUNS = f"""== units
Id={apiserver.UNIT}
MainPID=0
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no
ActiveEnterTimestamp=
ExecMainStartTimestamp=
"""


def applied(reference: Manifest, **meta: Any) -> dict[str, Any]:
    """Return an object as the API has it once hardway has applied it."""
    made = {"labels": OWN, "managedFields": [{"manager": FIELD_MANAGER, "operation": "Apply"}]}
    return {**reference, "metadata": {**reference["metadata"], **made, **meta}}


@dataclass
class Api:
    """The API, which has some objects; notes what is deleted."""

    there: Sequence[Manifest]
    asked: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)

    async def live(self, wanted: Sequence[Manifest]) -> list[Manifest]:
        self.asked = [identity(o) for o in wanted]
        return [o for o in self.there if identity(o) in self.asked]

    async def apply(self, manifests: Sequence[Manifest]) -> None:
        self.applied += [identity(o) for o in manifests]

    async def delete(self, manifests: Sequence[Manifest]) -> None:
        self.deleted += [identity(o) for o in manifests]


class Machine:
    """A control plane whose API server runs."""

    machine = "controller-0"

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        return Completed(0, RUNS.encode(), b"")


def live_of(api: Api, given: Given) -> Live:
    fleet = {"controller-0": cast(Transport, Machine())}
    return Live(given.cluster, fleet, cast(Kubectl, api), cast(Kubectl, api))


def planned(api: Api, given: Given = GIVEN, *, until: int | None = None) -> list[Change]:
    """Return which objects go, by the plan of the first steps or of all."""
    steps = STEPS[:until]
    rendered, wanted = render(steps, given), manifests(steps, given)
    found = asyncio.run(compare(live_of(api, given), rendered, wanted))
    return [c for c in found if c.kind is Kind.REMOVE and isinstance(c.item, dict)]


def test_an_object_that_is_wanted_in_some_clusters_only_is_in_the_table() -> None:
    made = [
        {identity(o) for own in manifests(STEPS, support.given_topology(name)).values()
         for o in own if o["kind"] != "Node"}
        for name in support.TOPOLOGIES
    ]  # fmt: skip
    sometimes = set.union(*made) - set.intersection(*made)
    assert sometimes == {identity(row.reference) for row in FORMER}


def test_all_objects_but_nodes_have_the_label() -> None:
    for own in manifests(STEPS, GIVEN).values():
        for manifest in own:
            labels = manifest["metadata"].get("labels", {})
            assert (OWN.items() <= labels.items()) is (manifest["kind"] != "Node")


def test_labels_of_an_object_stay_beside_the_one_of_hardway() -> None:
    made = labelled({"kind": "Service", "metadata": {"name": "a", "labels": {"b": "c"}}})
    assert made["metadata"] == {"name": "a", "labels": {"b": "c", **OWN}}


def test_what_is_no_longer_wanted_is_planned() -> None:
    (change,) = planned(Api([applied(BINDING.reference)]))
    assert (change.machine, change.path_or_unit) == ("api", NAME)


@pytest.mark.parametrize(
    "meta",
    [
        {"labels": {}},
        {"labels": {"app.kubernetes.io/managed-by": "Helm"}},
        {"managedFields": []},
        {"managedFields": [{"manager": "kubectl-create", "operation": "Update"}]},
    ],
    ids=["no label", "another's label", "applied by nobody", "made by another"],
)
def test_what_others_made_stays(meta: dict[str, Any]) -> None:
    assert planned(Api([applied(BINDING.reference, **meta)])) == []


def test_another_name_stays_whatever_its_label() -> None:
    other = {**BINDING.reference, "metadata": {"name": "hardway:other"}}
    api = Api([applied(other)])
    assert planned(api) == []
    assert identity(other) not in api.asked


def test_what_is_wanted_stays() -> None:
    there = [applied(row.reference) for row in FORMER]
    assert planned(Api(there), support.given_topology("options")) == []


def test_a_cluster_without_workers_has_no_dns() -> None:
    there = [applied(row.reference) for row in FORMER]
    gone = [c.path_or_unit for c in planned(Api(there), support.given_topology("1+0"))]
    assert gone == [identity(row.reference) for row in FORMER]


def test_the_first_steps_alone_remove_nothing() -> None:
    assert planned(Api([applied(BINDING.reference)]), until=-1) == []


def test_objects_go_after_all_steps_hold() -> None:
    api, told = Api([]), list[Event]()
    change = Change(machine="api", step=STEPS[-1].name, kind=Kind.REMOVE, path_or_unit=NAME,
                    item=BINDING.reference)  # fmt: skip
    steps = [replace(step, checks=(), trial=None, settles_s=0) for step in STEPS]
    asyncio.run(order.bring_about(steps, [change], live_of(api, GIVEN), told.append))
    assert api.deleted == [NAME]
    assert [e.text for e in told if e.happened in {"changed", "held"}][-2:] == [
        STEPS[-1].title,
        f"remove {NAME}",
    ]


def corefile(text: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"Corefile": text}}


@pytest.mark.parametrize(
    ("there", "prose"),
    [("# other\n    # words\n.:53 {\n}\n", True), ("# why\n.:54 {\n}\n", False)],
)
def test_a_comment_in_an_object_is_applied_and_nothing_is_tried(there: str, prose: bool) -> None:
    wanted = corefile("# why\n.:53 {\n}\n")
    (change,) = manifest_changes("dns", [wanted], [corefile(there)])
    assert change.prose is prose
    (made,) = manifest_changes("dns", [wanted], [])
    assert not made.prose
    api, told = Api([]), list[Event]()
    steps = [replace(step, checks=(), trial=None, settles_s=0) for step in STEPS]
    asyncio.run(order.bring_about(steps, [change], live_of(api, GIVEN), told.append))
    assert api.applied == ["ConfigMap/a"]
    assert any(e.happened == "step" for e in told) is not prose


def test_delete_names_objects_on_stdin(tmp_path: Path) -> None:
    binary = tmp_path / "kubectl"
    binary.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/argv\ncat >{tmp_path}/stdin\n')
    binary.chmod(0o755)
    asyncio.run(Kubectl(binary, tmp_path / "kubeconfig").delete([BINDING.reference]))
    assert "delete --ignore-not-found" in (tmp_path / "argv").read_text()
    assert json.loads((tmp_path / "stdin").read_text())["items"] == [BINDING.reference]
