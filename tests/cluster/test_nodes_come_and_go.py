"""Machines that die, come and go, tried on a small cluster of their own."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from tests.cluster.conftest import ROOT, Hardway, spec

from hardway.drill import ANSWERS_WITHIN_S, Client
from hardway.operations.ha import credentials
from hardway.project import open_project

NAME, INDEX = "nodes", 6
NOTICED_S = 120.0
"""The cluster's controllers call a node lost after 50 s."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hardway]:
    """A control plane and two workers."""
    hardway = Hardway(tmp_path_factory.mktemp(NAME))
    ask_for(hardway, control_planes=1, workers=2)
    try:
        hardway("up")
        yield hardway
    finally:
        hardway.tries("down", "--yes")


def ask_for(hardway: Hardway, *, control_planes: int, workers: int) -> None:
    (hardway.folder / "hardway.yaml").write_text(spec(NAME, INDEX, control_planes, workers))


def cable(number: int, state: str) -> None:
    subprocess.run(["ip", "link", "set", f"hw-{NAME}.{number}", state], check=True)


def nodes(hardway: Hardway) -> dict[str, str]:
    """Return each node's range by name."""
    path = "{range .items[*]}{.metadata.name} {.spec.podCIDR}{'\\n'}{end}"
    said = hardway("kubectl", "get", "nodes", "-o", f"jsonpath={path.replace(chr(39), chr(34))}")
    return dict(line.split() for line in said.splitlines())


def members(hardway: Hardway) -> list[str]:
    states = hardway.json("status")["etcd"]
    return [str(states["members"]), str(states["healthy"])]


@contextmanager
def writing(hardway: Hardway) -> Iterator[Client]:
    """Write through the endpoint meanwhile; no acknowledged write may be lost."""
    at = open_project(hardway.folder / "hardway.yaml", None)
    client = Client(at.cluster, credentials(at), "written")
    hardway("kubectl", "create", "namespace", client.namespace)
    try:
        with client.running():
            yield client
        assert client.acknowledged
        assert client.lost() == []
    finally:
        hardway("kubectl", "delete", "namespace", client.namespace)


def come_and_go(hardway: Hardway) -> Iterator[Sequence[str]]:
    """Return the commands that add a worker, remove one, and replace etcd's leader.

    Each is to be run before the next one is asked for.
    """
    ask_for(hardway, control_planes=3, workers=3)
    yield ["up"]
    ask_for(hardway, control_planes=3, workers=2)
    yield ["node", "remove", "worker-1"]
    yield ["node", "replace", hardway.json("status")["etcd"]["leader"]]


def whole(hardway: Hardway) -> None:
    assert members(hardway) == ["3", "3"]
    assert set(nodes(hardway)) == {"worker-0", "worker-2"}
    assert hardway.plan() == []
    hardway("verify")


def killed_at(hardway: Hardway, moment: int, *words: str) -> bool:
    """Kill a command at a moment of its remote operations, and run it again if it was."""
    program = [sys.executable, str(ROOT / "tests/cluster/fatal.py"), str(moment)]
    doomed = replace(hardway, way_in=lambda argv, _folder: [*program, *argv[1:]],
                     environment={"PYTHONPATH": str(ROOT / "src")})  # fmt: skip
    status = doomed.tries(*words).returncode
    assert status in {0, -signal.SIGKILL}
    if status:
        hardway(*words)
    return bool(status)


def test_a_deleted_node_comes_back_with_its_range(small: Hardway) -> None:
    before = nodes(small)
    assert before == {"worker-0": "10.206.0.0/24", "worker-1": "10.206.1.0/24"}
    small("kubectl", "delete", "node", "worker-1")
    kinds = {(machine, kind) for machine, kind, _ in small.plan()}
    assert kinds >= {("worker-1", "register"), ("api", "assign")}
    small("up")
    assert nodes(small) == before
    assert small.plan() == []


def test_a_dead_worker_stops_nobody_and_is_replaced(small: Hardway) -> None:
    cable(2, "down")
    planned = small.json("plan")
    assert planned["changes"] == []
    assert list(planned["unknown"]) == ["worker-1"]
    done = small.tries("up")
    assert (done.returncode, "worker-1" in done.stderr) == (11, True)
    gone = time.monotonic() + NOTICED_S
    while small.json("node", "list")["nodes"][2]["state"] == "ready" and time.monotonic() < gone:
        time.sleep(5)
    small("node", "replace", "worker-1", "--lost", "--force", "--delete-emptydir-data")
    assert set(nodes(small)) == {"worker-0", "worker-1"}
    assert small.plan() == []


def test_a_worker_comes_and_the_one_in_the_middle_goes(small: Hardway) -> None:
    before = small.on("worker-0", "systemctl show --property=MainPID kube-proxy containerd")
    ask_for(small, control_planes=1, workers=3)
    small("up")
    assert nodes(small)["worker-2"] == "10.206.2.0/24"
    assert small.tries("node", "remove", "worker-1").returncode == 10
    ask_for(small, control_planes=1, workers=2)
    small("node", "remove", "worker-1")
    assert nodes(small) == {"worker-0": "10.206.0.0/24", "worker-2": "10.206.2.0/24"}
    for machine in ("controller-0", "worker-0", "worker-2"):
        seen = small.on(machine, "ip route; cat /etc/hosts")
        assert "10.206.1.0" not in seen
        assert "worker-1" not in seen
    assert small.on("worker-0", "systemctl show --property=MainPID kube-proxy containerd") == before
    assert not list(small.folder.rglob("*worker-1*"))
    assert small.plan() == []


def test_control_planes_come_and_connections_through_the_endpoint_stay(small: Hardway) -> None:
    balancers = "systemctl show --property=MainPID haproxy keepalived"
    before = small.on("controller-0", balancers)
    watch = small.start("kubectl", "get", "secrets", "--watch-only", "--output=name")
    ask_for(small, control_planes=3, workers=2)
    small("up")
    assert members(small) == ["3", "3"]
    assert small.on("controller-0", balancers) == before
    small("kubectl", "create", "secret", "generic", "kept", "--from-literal=word=here")
    time.sleep(1)
    assert watch.poll() is None
    watch.terminate()
    assert watch.communicate()[0].splitlines() == ["secret/kept"]


def test_a_reload_that_a_killed_run_left_is_planned_and_made(small: Hardway) -> None:
    path, unit = "/etc/haproxy/haproxy.cfg", "haproxy.service"
    damage = f"cp {path} /tmp/good; sed -i s/4000/3999/ {path}; systemctl reload {unit}"
    small.on("controller-1", f"{damage}; cp /tmp/good {path}")
    assert small.plan() == [("controller-1", "reload", unit)]
    small("up")
    assert small.plan() == []


@pytest.mark.parametrize("killed", [2, pytest.param(0, marks=pytest.mark.nightly)])
def test_clients_lose_no_write_while_machines_come_and_go(small: Hardway, killed: int) -> None:
    """Some of the three commands are killed; during the others the API goes on answering."""
    seed = int(os.environ.get("HARDWAY_SEED") or time.time())
    print(f"HARDWAY_SEED={seed}")
    moments = random.Random(seed)
    doomed = moments.sample(range(3), killed)
    with writing(small) as client:
        for number, run in enumerate(come_and_go(small)):
            began = time.monotonic()
            if number in doomed:
                killed_at(small, moments.randint(1, 200), *run)
            else:
                small(*run)
                assert client.longest_silence_s(began) <= ANSWERS_WITHIN_S
    whole(small)


@pytest.mark.nightly
def test_killed_at_all_kinds_of_moments_the_same_commands_go_on(small: Hardway) -> None:
    for moment in count(1, 9):
        with writing(small):
            killed = [killed_at(small, moment, *run) for run in come_and_go(small)]
        whole(small)
        if not any(killed):
            break


def test_a_control_plane_that_lost_its_disk_comes_back(small: Hardway) -> None:
    snapshots = small.folder / "clusters" / NAME / "snapshots"
    before = set(snapshots.glob("*"))
    small("machine", "stop", "--force", "controller-0")
    disk = Path("/var/lib/hardway/clusters") / NAME / "controller-0"
    assert os.path.ismount(disk / "root") is False
    subprocess.run(["rm", "-rf", str(disk)], check=True)
    assert ("controller-0", "join", "Member/controller-0") in small.plan()
    small("up")
    assert members(small) == ["3", "3"]
    assert "word" in small("kubectl", "get", "secret", "kept", "-o", "yaml")
    assert len(set(snapshots.glob("*")) - before) == 1
