"""The command `explain`: what it asks machines, and how it answers people and programs."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests import support
from tests.fakes import cli

from hardway.errors import ConnectError
from hardway.explain.index import Index
from hardway.explain.scene import Scene
from hardway.explain.things import Thing
from hardway.operations import explain
from hardway.transport.base import Completed


class Here:
    """A machine that runs scripts on this host, with a systemctl that knows one process."""

    def __init__(self, machine: str, folder: Path) -> None:
        self.machine = machine
        self.folder = folder / machine
        self.folder.mkdir()
        systemctl = self.folder / "systemctl"
        systemctl.write_text(
            f'#!/bin/sh\ncase "$*" in *kube-apiserver) echo {os.getpid()} ;; *) echo 0 ;; esac\n'
        )
        systemctl.chmod(0o755)

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60
    ) -> Completed:
        env = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        done = subprocess.run(argv, input=stdin, env=env, capture_output=True, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)


class Broken:
    async def run(self, *_: object, **__: object) -> Completed:
        raise ConnectError("controller-1: the connection broke")


def project(fleet: Mapping[str, object], *, made: bool = True, waits_s: float = 0) -> object:
    @asynccontextmanager
    async def connect(cluster: object) -> AsyncIterator[Mapping[str, object]]:
        await asyncio.sleep(waits_s)
        yield fleet

    return SimpleNamespace(
        decisions=object() if made else None,
        workspace=SimpleNamespace(given=lambda *_: ""),
        provider=SimpleNamespace(connect=connect),
    )


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(support.atlas("3+3"))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as a busy host takes: how long people wait is no part of these tests."""
    monkeypatch.setattr(explain, "PATIENCE_S", 60)


def thing(index: Index, name: str) -> Thing:
    (found,) = index.known(name)
    return found


def asked(index: Index, name: str, of: object, machine: str = "") -> Scene:
    return asyncio.run(explain.scene(of, index.atlas, thing(index, name), machine))


def test_processes_are_found_with_their_words(index: Index, tmp_path: Path) -> None:
    seen = asked(index, "kube-apiserver --etcd-cafile", project(
        {"controller-0": Here("controller-0", tmp_path)}), "controller-0")  # fmt: skip
    running = seen.processes["controller-0", "kube-apiserver"]
    assert running.pid == os.getpid()
    own = Path("/proc/self/cmdline").read_bytes().decode().split("\0")
    assert running.argv[:2] == tuple(own[:2])
    assert ("controller-0", "etcd") not in seen.processes
    assert seen.silent == {}


def test_files_are_compared(index: Index, tmp_path: Path) -> None:
    seen = asked(index, "/etc/hosts", project({"worker-0": Here("worker-0", tmp_path)}), "worker-0")
    assert seen.digests == {}
    path = "/etc/kubernetes/pki/ca.crt"
    seen = asked(index, path, project({"worker-1": Here("worker-1", tmp_path)}), "worker-1")
    there = Path(path)
    wanted = sha256(there.read_bytes()).hexdigest() if there.exists() else ""
    assert seen.digests == {("worker-1", path): wanted}


def test_a_machine_that_breaks_off_is_silent_and_no_other(index: Index, tmp_path: Path) -> None:
    fleet = {"controller-0": Here("controller-0", tmp_path), "controller-1": Broken()}
    seen = asked(index, "kube-apiserver --etcd-cafile", project(fleet))
    assert set(seen.silent) == {"controller-1", "controller-2"}
    assert ("controller-0", "kube-apiserver") in seen.processes


def test_nobody_is_waited_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "PATIENCE_S", 0.05)
    seen = asked(index, "kube-apiserver --etcd-cafile", project({}, waits_s=30))
    assert set(seen.silent) == {"controller-0", "controller-1", "controller-2"}


def test_nobody_is_asked_where_there_is_nobody(index: Index) -> None:
    assert asked(index, "10.32.0.1", project({})) == Scene()
    assert asked(index, "kubelet", project({}, made=False)) == Scene()


def run(*words: str, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "hardway.yaml").write_text("name: never-made\nnetwork: {nodes: 10.251.0.0/24}\n")
    return cli.run("explain", *words, folder=folder, HARDWAY_CACHE=str(folder / "cache"))


def test_a_cluster_that_was_never_made_is_explained_too(tmp_path: Path) -> None:
    done = run("kube-apiserver", "--client-ca-file", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kube-apiserver --client-ca-file" in done.stdout
    assert not (tmp_path / "clusters").exists()


def test_the_command_has_help(tmp_path: Path) -> None:
    done = run("--help", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: hardway explain")


def test_nothing_known_ends_with_2_and_the_nearest(tmp_path: Path) -> None:
    done = run("--ectd-cafile", folder=tmp_path)
    assert done.returncode == 2
    assert "--etcd-cafile" in done.stderr
    done = run("--output", "json", "--ectd-cafile", folder=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["nearest"]


def test_json_has_the_points(tmp_path: Path) -> None:
    answer = json.loads(run("--output", "json", "10.32.0.1", folder=tmp_path).stdout)["answer"]
    assert answer["kind"] == "address"
    assert answer["points"][0]["aspect"] == "what"
    choices = json.loads(run("--output", "json", "--tls-cert-file", folder=tmp_path).stdout)
    assert len(choices["choices"]) == 3
