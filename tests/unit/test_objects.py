"""What the API says of pods that do not become ready."""

from typing import Any

import pytest
from tests.recordings import FOLDER, read

from hardway.checks.ask import Case
from hardway.checks.run import findings
from hardway.model.objects import refused, trouble

NO_IMAGE = {"reason": "ErrImageNeverPull", "message": "Container image is not present"}
SCHEDULED = {"type": "PodScheduled", "status": "True"}
NO_NODE = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}


def container(**state: object) -> dict[str, Any]:
    return {"name": "a", "state": state}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, ""),
        ({"conditions": [SCHEDULED], "containerStatuses": [container(running={})]}, ""),
        ({"containerStatuses": [container(waiting={"reason": "ContainerCreating"})]}, ""),
        (
            {"containerStatuses": [container(running={}), container(waiting=NO_IMAGE)]},
            "ErrImageNeverPull: Container image is not present",
        ),
        (
            {
                "initContainerStatuses": [container(waiting={"reason": "CrashLoopBackOff"})],
                "containerStatuses": [container(waiting={"reason": "PodInitializing"})],
            },
            "CrashLoopBackOff",
        ),
        ({"conditions": [NO_NODE]}, "0/3 nodes are available"),
    ],
)
def test_why_a_pod_is_not_ready(status: dict[str, Any], said: str) -> None:
    assert trouble({"status": status}) == said


def test_why_a_deployment_has_no_pods() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert refused({"status": {"conditions": [failure]}}) == "exceeded quota"
    assert refused({"status": {"conditions": [failure | {"status": "False"}]}}) == ""
    assert refused({}) == ""


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("dns-ready", "red-quota", "exceeded quota: none"),
        ("dns-ready", "green-still-on-a-cordoned-node", "2 ready (left out: worker-2: cordoned)"),
        ("kubelet-settings", "red-no-webhook", "authentication.webhook.enabled: null"),
        ("pods-on-every-node", "red-image-gone", "ErrImageNeverPull: Container image"),
        ("pods-on-every-node", "red-no-address", "(add): no IP addresses available in range set"),
    ],
)
def test_it_is_said(check: str, answer: str, said: str) -> None:
    row, subject, recorded = read(FOLDER / check / f"{answer}.txt")
    assert [f for f in findings(Case(row, subject), recorded) if said in f.found]
