"""`verify --inventory` of real clusters: hardway's own, the tutorial's layout, and kubeadm's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import inventories
from tests.cluster.conftest import Hardway

from hardway.project import open_project


def entries(hardway: Hardway, inventory: Path) -> list[dict[str, Any]]:
    said = hardway.tries("verify", "--inventory", str(inventory), "--output", "json")
    found: list[dict[str, Any]] = json.loads(said.stdout)["entries"]
    assert said.returncode == (1 if of(found, "unsafe") else 0)
    return found


def of(found: list[dict[str, Any]], severity: str) -> set[str]:
    return {
        f"{one['machine']} {one['component']} {one['at']}"
        for one in found
        if one["severity"] == severity
    }


def test_hardways_own_cluster_deviates_in_nothing(cluster: Hardway) -> None:
    at = open_project(cluster.folder / "hardway.yaml", cluster.folder / "clusters")
    found = entries(cluster, inventories.inventory(at, "hardway"))
    assert of(found, "unsafe") | of(found, "differs") | of(found, "unknown") == set()
    assert len({one["machine"] for one in found}) == len(at.cluster.machines) + 1


@pytest.mark.parametrize(
    ("make", "unsafe"),
    [
        pytest.param(inventories.tutorial, {
            "controller-0 machine one certificate in several roles",
            "controller-0 machine kubeconfig for people",
            "every control plane machine CA of etcd",
        }, id="tutorial"),
        pytest.param(inventories.kubeadm, {
            "controller-0 kube-apiserver --encryption-provider-config",
            "controller-0 kube-apiserver --kubelet-certificate-authority",
            "controller-0 machine kubeconfig for people",
        }, id="kubeadm", marks=pytest.mark.nightly),
    ],
)  # fmt: skip
def test_of_a_cluster_that_others_made_is_unsafe_what_is(
    small: Hardway, make: Callable[[Path, Path], Path], unsafe: set[str]
) -> None:
    small("up", "--until", "machines")
    inventory = make(small.folder, small.folder / "tree")
    before = entries(small, inventory)
    assert of(before, "unsafe") == unsafe
    assert of(before, "unknown") == set()
    # A change by hand, of a process that runs: anonymous clients of kubelet.
    config = next(one["where"] for one in before if one["at"] == "authorization.mode")
    worker = f"sed -i '/anonymous:/{{n;s/false/true/}}' {config}; systemctl restart kubelet"
    small.on("worker-0", worker)
    assert of(entries(small, inventory), "unsafe") - unsafe == {
        "worker-0 kubelet authentication.anonymous.enabled"
    }
