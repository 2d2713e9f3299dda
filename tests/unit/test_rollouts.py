"""Deployments whose pods `up` lets be made anew, and those that it leaves alone."""

import subprocess
from copy import deepcopy
from typing import Any

import pytest
from tests import support

from hardway.engine import diff, rollouts
from hardway.engine.compare import former_resolvers
from hardway.engine.kinds.manifest import manifest_changes
from hardway.engine.render import manifests
from hardway.model.objects import crashes, identity, is_rolled_out
from hardway.model.resources import Desired, Kind, Observed
from hardway.steps import data_path, dns, object_checks
from hardway.steps.index import STEPS

WANTED = manifests(STEPS, support.given_topology("3+3"))[dns.NAME]
COREDNS = "Deployment/kube-system/coredns"
REFUSED = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: none"}


def there(name: str = COREDNS, **other: Any) -> list[dict[str, Any]]:
    """Return what the API has: all as wanted, but for one object."""
    return [{**deepcopy(o), **(other if identity(o) == name else {})} for o in WANTED]


def planned(found: list[dict[str, Any]], **reasons: str) -> list[str]:
    applied = manifest_changes(dns.NAME, WANTED, found)
    changes = list(rollouts.changes(dns.NAME, WANTED, found, reasons, applied))
    assert {(c.machine, c.step, c.kind) for c in changes} <= {("api", dns.NAME, Kind.ROLLOUT)}
    assert {c.path_or_unit for c in changes} <= {COREDNS}
    return [c.diff for c in changes]


def test_what_is_well_or_missing_is_left_alone() -> None:
    assert planned(there()) == []
    assert planned([]) == []
    # The condition may still be there a moment after the pods are.
    assert planned(there(status={"conditions": [REFUSED]})) == []
    # One that waits for a node is no better off anew.
    assert planned(there(status={"unavailableReplicas": 1})) == []


def test_pods_that_the_api_refused_are_tried_again_at_once() -> None:
    (why,) = planned(there(status={"unavailableReplicas": 2, "conditions": [REFUSED]}))
    assert why.endswith("for minutes: exceeded quota: none")


def test_a_deployment_whose_pods_are_ill_is_rolled_out() -> None:
    assert planned(there(), **{COREDNS: "they crash"}) == ["they crash"]
    assert planned(there(), **{"Deployment/kube-system/another": "they crash"}) == []


def pod(uid: str, *, waits: str = "", **meta: str) -> dict[str, Any]:
    waiting = {"waiting": {"reason": waits}} if waits else {"running": {}}
    return {"metadata": {"uid": uid, **meta}, "status": {"containerStatuses": [{"state": waiting}]}}


def test_when_pods_are_ill() -> None:
    crashing = pod("c", waits="CrashLoopBackOff")
    assert rollouts.ill([pod("a"), pod("b")], ()) == ""
    crash = "its pods crash, and are not started again for minutes"
    assert rollouts.ill([pod("a"), crashing], ()) == crash
    former = "its pods ask resolvers that their nodes had before"
    assert rollouts.ill([pod("a"), pod("b")], {"b"}) == former
    assert rollouts.ill([pod("a"), pod("b", deletionTimestamp="2026-11-27T00:00:00Z")], {"b"}) == ""
    assert rollouts.ill([pod("a")], {"of-another-deployment"}) == ""


@pytest.mark.parametrize(
    ("name", "text", "rolled"),
    [
        ("ConfigMap/kube-system/coredns", ".:53 {\n}\n", True),
        ("ConfigMap/kube-system/coredns", "# a comment\n", False),
        ("ConfigMap/kube-system/another", ".:53 {\n}\n", False),
    ],
)
def test_pods_read_an_edited_configuration_at_once(name: str, text: str, rolled: bool) -> None:
    whole = next(o["data"] for o in WANTED if o["kind"] == "ConfigMap")
    corefile = text + whole["Corefile"] if text.startswith("#") else text
    found = planned(there(name, data={**whole, "Corefile": corefile}))
    assert bool(found) is rolled
    assert [why for why in found if "ConfigMap/kube-system/coredns" not in why] == []


def test_of_which_deployments_the_pods_are_looked_at() -> None:
    lacking = there(status={"unavailableReplicas": 1})
    others = [{**o, "metadata": {**o["metadata"], "name": "own"}} for o in lacking]
    assert [identity(o) for o in rollouts.suspected(WANTED, [*lacking, *others], ())] == [COREDNS]
    assert rollouts.suspected(WANTED, there(), ()) == []
    assert [identity(o) for o in rollouts.suspected(WANTED, there(), {"uid"})] == [COREDNS]


@pytest.mark.parametrize(
    ("node", "pods", "former"),
    [
        ("192.0.2.1", {"a": "192.0.2.1"}, set()),
        ("192.0.2.2", {"a": "192.0.2.1", "b": "192.0.2.2"}, {"a"}),
        (
            "192.0.2.1 192.0.2.2",
            {"a": "192.0.2.1", "b": "", "c": "192.0.2.1 192.0.2.2"},
            {"a", "b"},
        ),
        # What such pods would ask is worse than what they ask now.
        ("", {"a": "192.0.2.1"}, set()),
        ("127.0.0.53", {"a": "192.0.2.1"}, set()),
        ("10.32.0.10 192.0.2.1", {"a": "192.0.2.1"}, set()),
        ("110.32.0.10", {"a": "192.0.2.1"}, {"a"}),
        ("192.0.2.127", {"a": "192.0.2.1"}, {"a"}),
    ],
)
def test_which_pods_have_the_resolvers_of_before(
    node: str, pods: dict[str, str], former: set[str]
) -> None:
    effect = data_path.former_resolvers(support.given_topology("3+3").cluster)
    said = f"node {node}\n" + "".join(f"pod {uid} {servers}\n" for uid, servers in pods.items())
    see = effect.see.replace(data_path.HELD, "cat\n")
    done = subprocess.run(["sh", "-c", see], input=said, capture_output=True, text=True, check=True)
    seen = [Observed(), Observed(effects={data_path.FORMER_RESOLVERS: done.stdout})]
    assert former_resolvers(seen) == former
    # It is the API's to put right: no change of the machine.
    assert diff.changes("worker-0", {dns.NAME: Desired(effects=(effect,))}, seen[1]) == []


def test_what_is_a_crash() -> None:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}
    assert crashes({"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}})
    waiting = {"reason": "ErrImageNeverPull"}
    assert not crashes({"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}})


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2}, True),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2}, False),
        ({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 1}, False),
        ({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 2}, False),
        ({}, False),
    ],
)
def test_when_a_rollout_is_over(status: dict[str, int], done: bool) -> None:
    deployment = {"metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": status}
    assert is_rolled_out(deployment) is done


@pytest.mark.parametrize("topology", support.TOPOLOGIES)
def test_verify_asks_for_every_kind_of_object_that_is_applied(topology: str) -> None:
    wanted = manifests(STEPS, support.given_topology(topology))
    kinds = {manifest["kind"] for own in wanted.values() for manifest in own}
    assert kinds - {"Node"} <= set(object_checks.KINDS)
