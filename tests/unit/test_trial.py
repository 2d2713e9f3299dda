"""The trial: what it writes, when it must not write, and whom it leaves out."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from tests import support
from tests.fakes.answers import Answering

from hardway.checks.live import Live
from hardway.checks.trial import Patience
from hardway.engine import order
from hardway.engine.verify import check_all, settle
from hardway.errors import CommandError, StepError
from hardway.model.checks import CLUSTER, Check, says
from hardway.model.checks import Kubectl as AskKubectl
from hardway.model.names import ENDPOINT
from hardway.model.resources import Change, Finding, Kind, Manifest, Severity, Verdict
from hardway.model.trials import BEGAN, TRIAL
from hardway.steps import smoke_test
from hardway.steps.base import Step
from hardway.steps.index import STEPS
from hardway.tools.kubectl import Kubectl

OF = support.topology("3+3")
WORKERS = [m.name for m in OF.workers]
KEY = "a" * 64


class Api:
    """What kubectl finds: nodes as they are made here, and a ready pod on each node asked for."""

    def __init__(self, *nodes: dict[str, Any], refuses: str = "") -> None:
        self.nodes = {n["metadata"]["name"]: n for n in (*map(node, WORKERS), *nodes)}
        self.refuses = refuses
        self.applied: list[Manifest] = []
        self.left: list[dict[str, Any]] = []
        self.words: list[tuple[str, ...]] = []

    async def apply(self, manifests: Sequence[Manifest]) -> None:
        self.applied += manifests
        if self.refuses:
            raise CommandError("this host", ["kubectl", "apply"], 1, self.refuses)

    async def run(self, *words: str, timeout_s: float = 60) -> str:
        self.words.append(words)
        if words[:2] == ("get", "nodes"):
            return listed(*self.nodes.values())
        if words[:2] == ("get", "namespaces"):
            assert words[2] == f"--selector={TRIAL}"
            return listed(*self.left)
        if words[0] == "get":
            return listed(*(pod(n) for n in self.tried), SERVICE, *map(behind, self.tried))
        if words[0] == "exec" and "resolve" in words:
            return "10.32.0.1\n"
        if words[0] == "exec":
            return json.dumps({"host": words[2], "client": f"10.200.0.{words[2][-1]}"})
        return "serving\n"

    @property
    def tried(self) -> list[str]:
        """The nodes that the Deployment may be on."""
        (deployment,) = (m for m in self.applied if m["kind"] == "Deployment")
        affinity = deployment["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        (rule,) = affinity.values()
        names = [t["matchFields"][0]["values"][0] for t in rule["nodeSelectorTerms"]]
        assert deployment["spec"]["replicas"] == len(names)
        return names

    @property
    def namespace(self) -> Manifest:
        return next(m for m in self.applied if m["kind"] == "Namespace")


SERVICE = {"kind": "Service", "spec": {"clusterIP": "10.32.0.9", "ports": [{"nodePort": 30001}]}}


def listed(*items: dict[str, Any]) -> str:
    return json.dumps({"kind": "List", "items": items})


def node(name: str, ready: str = "True", **spec: object) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "message": "kubelet is silent"}
    status = {"conditions": [condition], "nodeInfo": {"kubeletVersion": "v1.37.2"}}
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec, "status": status}


def tainted(name: str, key: str) -> dict[str, Any]:
    return node(name, taints=[{"key": key, "effect": "NoSchedule"}])


def pod(on: str) -> dict[str, Any]:
    status = {"podIP": f"10.200.0.{on[-1]}", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"kind": "Pod", "metadata": {"name": f"probe-{on}"}, "spec": {"nodeName": on},
            "status": status}  # fmt: skip


def behind(node_name: str) -> dict[str, Any]:
    """Return the slice of the Service with the pod of a node."""
    endpoint = {"addresses": [pod(node_name)["status"]["podIP"]], "conditions": {"ready": True}}
    return {"kind": "EndpointSlice", "endpoints": [endpoint]}


def live(
    api: Api,
    *,
    keys: Sequence[str] = (KEY, KEY, KEY),
    used: str = KEY,
    without: Sequence[str] = (),
) -> Live:
    def answer(machine: str, question: str) -> str:
        if "/metrics" in question:
            return f"{KEY}\n{used}"
        if "sha256sum" in question:
            return keys[int(machine[-1])]
        if "etcdctl" in question:
            return "k8s:enc:secretbox:v1:"
        return "200" if "readyz" in question else '{"host": "probe-x"}'

    fleet = {
        m.name: Answering(m.name, lambda q, name=m.name: answer(name, q))  # type: ignore[misc]
        for m in OF.machines if m.name not in without
    }  # fmt: skip
    kubectl = cast(Kubectl, api)
    return Live(OF, fleet, kubectl, kubectl)


AT_ONCE = Patience(pods_s=0, tries_s=0)


@pytest.fixture(autouse=True)
def no_port_is_forwarded(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(row for row in smoke_test.ON_NODES if row.name != "port-forward")
    step = replace(smoke_test.STEP, trial=replace(smoke_test.TRIAL, on_nodes=rows))
    monkeypatch.setattr(smoke_test, "STEP", step)


def tried(api: Api, **how: Any) -> list[Finding]:
    (found,) = asyncio.run(check_all([smoke_test.STEP], live(api, **how), patience=AT_ONCE))
    return found


def amiss(found: Sequence[Finding]) -> list[tuple[str, str, Verdict, Severity]]:
    return [(f.check, f.machine, f.verdict, f.severity) for f in found if not f.ok]


def test_it_tries_every_worker_and_takes_its_namespace_away() -> None:
    api = Api()
    found = tried(api)
    assert amiss(found) == []
    assert {f.machine for f in found} == {"endpoint", *WORKERS}
    assert api.tried == WORKERS
    name = api.namespace["metadata"]["name"]
    assert api.namespace["metadata"]["labels"][TRIAL] == "smoke-test"
    assert BEGAN in api.namespace["metadata"]["annotations"]
    assert {m["metadata"]["namespace"] for m in api.applied if m["kind"] != "Namespace"} == {name}
    assert api.words[-1][:3] == ("delete", "namespace", name)


def left(name: str, minutes: float) -> dict[str, Any]:
    began = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="seconds")
    metadata = {"name": name, "labels": {TRIAL: "smoke-test"}, "annotations": {BEGAN: began}}
    return {"kind": "Namespace", "metadata": metadata}


def test_what_a_killed_run_left_is_swept_and_nothing_else() -> None:
    api = Api()
    nobodys = {"kind": "Namespace", "metadata": {"name": "no-time", "labels": {TRIAL: "x"}}}
    api.left = [left("hardway-smoke-old", 11), left("hardway-smoke-now", 9), nobodys]
    assert amiss(tried(api)) == []
    deleted = [words for words in api.words if words[0] == "delete"]
    assert deleted[0][:4] == ("delete", "namespaces", "hardway-smoke-old", "--ignore-not-found")
    assert len(deleted) == 2
    assert api.namespace["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "hardway"


@pytest.mark.parametrize(
    "how",
    [
        {"keys": (KEY, "b" * 64, KEY)},
        {"keys": ("", KEY, KEY)},
        {"used": "b" * 64},
        {"used": ""},
        {"without": ["controller-1"]},
    ],
)
def test_without_its_needs_nothing_is_written(how: dict[str, Any]) -> None:
    api = Api()
    found = tried(api, **how)
    assert api.applied == []
    assert {f.verdict for f in found} == {Verdict.UNKNOWN}
    assert all(
        re.match("not tried: encryption-key-(same|in-use) on controller-", f.found) for f in found
    )
    assert all(f.open and not f.fails for f in found)


@pytest.mark.parametrize(
    ("aside", "why"),
    [
        (node("worker-1", unschedulable=True), "cordoned"),
        (tainted("worker-1", "gpu"), "tainted gpu"),
    ],
)
def test_what_people_keep_pods_away_from_is_named_and_no_failure(
    aside: dict[str, Any], why: str
) -> None:
    api = Api(aside)
    found = tried(api)
    row = ("pods-on-every-node", "worker-1", Verdict.UNKNOWN, Severity.WARN)
    assert amiss(found) == [row]
    assert why in next(f.found for f in found if not f.ok)
    assert api.tried == ["worker-0", "worker-2"]
    assert not any(f.open or f.fails for f in found)


@pytest.mark.parametrize(
    "sick",
    [node("worker-1", "False"), tainted("worker-1", "node.kubernetes.io/disk-pressure")],
)
def test_what_kubernetes_keeps_pods_away_from_is_a_finding(sick: dict[str, Any]) -> None:
    api = Api(sick)
    row = ("pods-on-every-node", "worker-1", Verdict.WRONG, Severity.FAIL)
    assert amiss(tried(api)) == [row]
    with pytest.raises(StepError, match="worker-1"):
        asyncio.run(settle(smoke_test.STEP, live(Api(sick)), patience=AT_ONCE))


def test_of_a_worker_that_does_not_answer_nothing_is_known() -> None:
    api = Api()
    found = tried(api, without=["worker-1"])
    row = ("pods-on-every-node", "worker-1", Verdict.UNKNOWN, Severity.FAIL)
    assert amiss(found) == [row]
    assert api.tried == ["worker-0", "worker-2"], "its node may seem ready for 40 s"


def test_a_policy_that_refuses_its_objects_is_named_and_no_failure() -> None:
    refusal = 'admission webhook "p.example" denied the request: no labels'
    api = Api(refuses=f"Error from server: {refusal}")
    found = tried(api)
    assert {(f.verdict, f.severity) for f in found} == {(Verdict.UNKNOWN, Severity.WARN)}
    assert refusal in found[0].found
    assert api.words[-1][0] == "delete", "what was accepted before is removed"


def test_what_was_refused_first_is_shown_for_the_rest_needs_it() -> None:
    called = 'Error from server (InternalError): failed calling webhook "dead.example"'
    lost = 'Error from server (NotFound): namespaces "hardway-smoke-1" not found'
    refused = f"Warning: unknown field\n{called}\n{lost}\n{lost}\n"
    assert {f.found for f in tried(Api(refuses=refused))} == {called}
    with pytest.raises(StepError) as raised:
        asyncio.run(settle(smoke_test.STEP, live(Api(refuses=refused)), patience=AT_ONCE))
    assert str(raised.value).count(called) == len({"endpoint", *WORKERS}), "once for each machine"


def test_another_refusal_is_wrong_and_no_answer_is_unknown() -> None:
    found = tried(Api(refuses="error: no matches for kind"))
    assert {f.verdict for f in found} == {Verdict.WRONG}
    found = tried(Api(refuses="Unable to connect to the server: dial tcp: i/o timeout"))
    assert {(f.verdict, f.severity) for f in found} == {(Verdict.UNKNOWN, Severity.FAIL)}


class BesidePods(Api):
    """Answers the step before the trial once the trial's objects are there; if it does not hold,
    neither do the pods get ready."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.said = said

    async def run(self, *words: str, timeout_s: float = 60) -> str:
        if words == ("get", "before"):
            self.words.append(words)
            return self.said if self.applied else "not yet"
        if self.said != "yes" and words[1].startswith("deployments"):
            return listed()
        return await super().run(*words, timeout_s=timeout_s)


def up_with_a_step_before(api: Api) -> list[Finding]:
    check = Check(name="holds", step="before", scope=CLUSTER, ask=AskKubectl(("get", "before")),
                  judge=says("yes"), test="", why="", see="")  # fmt: skip
    before = Step(name="before", title="", why="", checks=(check,), settles_s=1)
    steps = (before, smoke_test.STEP)
    changed = Change(machine=ENDPOINT, step="earlier", kind=Kind.APPLY, path_or_unit="", item={})
    return asyncio.run(order.bring_about(steps, [changed], live(api), [].append))


def test_it_is_the_only_step_whose_trial_need_not_wait_for_the_step_before() -> None:
    assert [step.name for step in STEPS if step.only_tries] == [smoke_test.NAME]


def test_its_pods_start_while_the_step_before_settles_and_are_asked_once_it_holds() -> None:
    api = BesidePods("yes")
    found = up_with_a_step_before(api)
    assert amiss(found) == []
    assert [found[0].check, found[1].step] == ["holds", "smoke-test"]
    asked = [words[0] for words in api.words if words[0] == "exec" or words == ("get", "before")]
    assert asked[:3] == ["get", "get", "exec"], "an attempt too early may hang for seconds"


def test_if_the_step_before_does_not_come_to_hold_nothing_is_left_of_it() -> None:
    api = BesidePods("no")
    with pytest.raises(StepError) as raised:
        up_with_a_step_before(api)
    assert "before" in raised.value.message
    assert api.words[-1][:3] == ("delete", "namespace", api.namespace["metadata"]["name"])
