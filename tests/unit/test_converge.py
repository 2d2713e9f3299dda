"""Observing and converging by real sh, tar, find and sha256sum; broken off anywhere, then again."""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests import support
from tests.fakes.machine import FakeMachine, needs_root

from hardway.checks.live import Live
from hardway.engine import compare, converge, observe, order
from hardway.engine.render import merged, render
from hardway.errors import RemoteError
from hardway.model.cluster import Machine
from hardway.model.resources import NEW, STORE, Change, Desired, File, Kind, Unit
from hardway.report import Event
from hardway.steps import balancer
from hardway.steps.base import Given, Inventory, Step
from hardway.steps.index import STEPS
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed, Transport

NOWHERE = Kubectl(Path("/nonexistent/kubectl"), Path("/nonexistent/kubeconfig"))


def given_with_blobs(folder: Path) -> Given:
    """Return all rendering depends on, with components of a few bytes."""
    from hashlib import sha256

    folder.mkdir()
    given = support.given(support.cluster("machines: {controlPlanes: 1, workers: 0}"))
    stored = {}
    for name, row in support.fake_stored().items():
        content = f"#!/bin/sh\n# {name}\n".encode()
        (folder / name).write_bytes(content)
        stored[name] = replace(row, path=folder / name, size_bytes=len(content),
                               sha256=sha256(content).hexdigest())  # fmt: skip
    return replace(given, stored={support.HOST.architecture: stored})


def bare(step: Step) -> Step:
    """Return a step without what a fake machine has not: services to check, and a kernel."""

    def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
        return replace(step.render(given, machine, inventory), effects=())

    return replace(step, render=render, checks=(), trial=None, manifests=lambda _: (), settles_s=1)


FAKE_STEPS = tuple(bare(step) for step in STEPS)


async def up(
    given: Given, machine: FakeMachine, events: list[Event], steps: Sequence[Step] = FAKE_STEPS
) -> None:
    """Do what `pipeline.up` does once machines answer."""
    rendered = render(steps, given)
    live = Live(given.cluster, {machine.machine: machine}, NOWHERE, NOWHERE)
    changes = await compare.compare(live, rendered, {})
    await order.bring_about(steps, changes, live, events.append)


async def left_to_do(given: Given, machine: FakeMachine) -> list[tuple[Kind, str]]:
    """Return what a plan would show now."""
    live = Live(given.cluster, {machine.machine: machine}, NOWHERE, NOWHERE)
    changes = await compare.compare(live, render(FAKE_STEPS, given), {})
    return [(c.kind, c.path_or_unit) for c in changes]


def machine_of(given: Given, root: Path) -> FakeMachine:
    return FakeMachine(given.cluster.machines[0].name, root)


class Recorder:
    """A transport to a machine on which all commands succeed; notes them."""

    machine = "controller-0"

    def __init__(self) -> None:
        self.done: list[str] = []

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        self.done.append(" ".join(argv))
        return Completed(0, b"", b"")


def test_an_api_server_that_is_not_ready_is_not_waited_for_to_call_etcd() -> None:
    unit = Unit(name="a.service", path="/u", digest="d", reads=(), server="b.service", why="")
    for wait, done in (
        (False, ["systemctl kill a.service", "systemctl restart --no-block a.service"]),
        (True, ["systemctl restart a.service"]),
    ):
        machine = Recorder()
        there = cast(Transport, machine)
        asyncio.run(converge.restart(there, [unit], wait=wait, settles_s=1))
        assert machine.done == done


@pytest.mark.parametrize(
    ("path", "kind", "read_again"),
    [
        ("/etc/hosts", Kind.UPDATE, False),
        ("/etc/kubernetes/kubelet.yaml", Kind.UPDATE, False),
        ("/etc/systemd/system/kubelet.service", Kind.UPDATE, True),
        # A run that was killed may have put the unit's file, and systemd has not read it.
        ("kubelet.service", Kind.RESTART, True),
    ],
)
def test_systemd_reads_its_units_again_only_where_they_may_have_changed(
    path: str, kind: Kind, *, read_again: bool
) -> None:
    file = File(path=path, content=b"", why="why") if kind is Kind.UPDATE else None
    change = Change(machine="worker-0", step="s", kind=kind, path_or_unit=path, item=file)
    machine = Recorder()
    asyncio.run(converge.start(cast(Transport, machine), [change]))
    assert ["daemon-reload" in said for said in machine.done] == [True] * read_again


@needs_root
def test_what_was_put_is_what_is_seen(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    assert asyncio.run(left_to_do(given, machine)) == []
    wanted = merged(render(FAKE_STEPS, given)[machine.machine].values())
    for file in wanted.files:
        there = machine.root / file.path.lstrip("/")
        assert there.read_bytes() == file.content
        assert there.stat().st_mode & 0o777 == file.mode
    assert not list(machine.root.rglob(f"*{NEW}"))
    done = {line.split()[1] for line in machine.log}
    assert done == {u.name for u in wanted.units} | {p.name for p in wanted.packages}


@needs_root
def test_again_changes_nothing(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    before, events = machine.log, []
    asyncio.run(up(given, machine, events))
    assert machine.log == before
    assert not [e for e in events if e.happened == "changed"]


@needs_root
@pytest.mark.parametrize(
    ("path", "restarts"),
    [
        ("/etc/kubernetes/audit-policy.yaml", ["restart kube-apiserver.service"]),
        ("/etc/etcd/pki/ca.crt", ["restart etcd.service"]),
        # etcd reads it at each handshake.
        ("/etc/etcd/pki/server.crt", []),
        ("/etc/haproxy/haproxy.cfg", ["reload haproxy.service"]),
        # haproxy checks API servers by it.
        ("/etc/kubernetes/pki/ca.crt", ["reload haproxy.service"]),
        ("/etc/keepalived/keepalived.conf", ["reload keepalived.service"]),
        ("/etc/systemd/system/kube-scheduler.service", ["restart kube-scheduler.service"]),
    ],
)
def test_a_changed_file_is_all_that_is_repaired(
    tmp_path: Path, path: str, restarts: list[str]
) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    file = machine.root / path.lstrip("/")
    good = file.read_bytes()
    # A line that systemd ignores would change nothing that the unit means.
    more = b"[Service]\nNice=5\n" if path.endswith(".service") else b"somebody was here\n"
    file.write_bytes(good + more)
    # Its reader is started on the wrong file, as after a crash of the machine.
    for line in restarts:
        (machine.root / "run/fake" / f"{line.split()[1]}.active").unlink()
    asyncio.run(machine.run(["systemctl", "start", *(line.split()[1] for line in restarts)]))
    before = len(machine.log)
    planned = asyncio.run(left_to_do(given, machine))
    units = [line.split()[1] for line in restarts]
    kinds = [Kind(line.split()[0]) for line in restarts]
    assert planned == [(Kind.UPDATE, path), *zip(kinds, units, strict=True)]
    asyncio.run(up(given, machine, []))
    assert file.read_bytes() == good
    assert machine.log[before:] == restarts
    assert asyncio.run(left_to_do(given, machine)) == []


@needs_root
@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("/etc/kubernetes/audit-policy.yaml", "kube-apiserver.service"),
        ("/etc/systemd/system/etcd.service", "etcd.service"),
    ],
)
def test_a_comment_is_put_right_and_restarts_nothing(
    tmp_path: Path, path: str, reader: str
) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    file = machine.root / path.lstrip("/")
    good = file.read_bytes()
    file.write_bytes(b"  # somebody was here\n" + good)
    # Its reader is started after that, which would matter if it were more than a comment.
    (machine.root / f"run/fake/{reader}.active").unlink()
    asyncio.run(machine.run(["systemctl", "start", reader]))
    before = len(machine.log)
    assert asyncio.run(left_to_do(given, machine)) == [(Kind.UPDATE, path)]
    asyncio.run(up(given, machine, []))
    assert file.read_bytes() == good
    assert machine.log[before:] == []


@needs_root
def test_a_run_that_was_killed_before_a_reload_leaves_it_to_the_next_one(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    path = machine.root / balancer.CONFIG.lstrip("/")
    good = path.read_bytes()
    path.write_bytes(good + b"somebody was here\n")
    asyncio.run(machine.run(["systemctl", "reload-or-restart", "haproxy.service"]))
    # The run before had put the file and was killed.
    path.write_bytes(good)
    assert asyncio.run(left_to_do(given, machine)) == [(Kind.RELOAD, "haproxy.service")]
    before, events = len(machine.log), list[Event]()
    asyncio.run(up(given, machine, events))
    assert machine.log[before:] == ["reload haproxy.service"]
    assert [e.text for e in events if e.happened == "changed"] == ["reload haproxy.service"]
    assert asyncio.run(left_to_do(given, machine)) == []


@needs_root
@pytest.mark.parametrize(
    ("every", "in_the_middle"),
    [
        pytest.param(8, True, id="some in the middle"),
        pytest.param(1, True, id="all in the middle", marks=pytest.mark.thorough),
        # What the command before it left is also what is there in the middle of it.
        pytest.param(1, False, id="all before", marks=pytest.mark.thorough),
    ],
)
def test_broken_off_at_any_command_the_next_run_goes_on(
    tmp_path: Path, every: int, *, in_the_middle: bool
) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    whole = machine_of(given, tmp_path / "whole")
    asyncio.run(up(given, whole, []))
    assert whole.commands > 3
    for k in range(1, whole.commands + 1, every):
        machine = machine_of(given, tmp_path / f"root-{k}")
        machine.fails_at, machine.in_the_middle = k, in_the_middle
        with pytest.raises(RemoteError):
            asyncio.run(up(given, machine, []))
        asyncio.run(up(given, machine, []))
        assert asyncio.run(left_to_do(given, machine)) == [], f"after a failure at command {k}"
        assert not list(machine.root.rglob(f"*{NEW}"))


PARTS = 8


@needs_root
@pytest.mark.parametrize(
    "part", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, PARTS))]
)
def test_killed_after_any_line_of_what_puts_files_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """In parts that several processes can share, each with every eighth line: it takes long."""
    given = given_with_blobs(tmp_path / "blobs")
    put_script = converge.put_script
    wanted = merged(render(FAKE_STEPS, given)[given.cluster.machines[0].name].values())
    lines = put_script([*wanted.folders, *wanted.files, *wanted.blocks, *wanted.blobs]).split("\n")
    cuts = [n for n in range(1, len(lines)) if _is_script("\n".join(lines[:n]))]
    assert len(cuts) > 20
    for n in cuts[part::PARTS]:
        machine = machine_of(given, tmp_path / f"root-{n}")
        broken = "\n".join([*lines[:n], "exit 1"])
        monkeypatch.setattr(converge, "put_script", lambda _items, broken=broken: broken)
        with pytest.raises(RemoteError):
            asyncio.run(up(given, machine, []))
        monkeypatch.undo()
        asyncio.run(up(given, machine, []))
        assert asyncio.run(left_to_do(given, machine)) == [], f"killed after: {lines[n - 1]}"


def _is_script(text: str) -> bool:
    """Return whether a text ends where a command ends."""
    read = subprocess.run(["sh", "-n"], input=text.encode(), capture_output=True, check=False)
    return read.returncode == 0


@needs_root
def test_lines_in_a_file_of_others(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    hosts = machine.root / "etc/hosts"
    hosts.write_text("127.0.0.1 localhost\n192.0.2.1 theirs\n")
    hosts.chmod(0o664)
    asyncio.run(up(given, machine, []))
    text = hosts.read_text()
    assert text.startswith("127.0.0.1 localhost\n192.0.2.1 theirs\n# hardway: begin\n")
    assert "10.240.0.10 controller-0\n" in text
    assert hosts.stat().st_mode & 0o777 == 0o664
    hosts.write_text(text.replace("10.240.0.10", "10.240.0.99") + "192.0.2.2 later\n")
    assert asyncio.run(left_to_do(given, machine)) == [(Kind.UPDATE, "/etc/hosts")]
    asyncio.run(up(given, machine, []))
    assert "10.240.0.10 controller-0\n" in hosts.read_text()
    assert "192.0.2.2 later\n" in hosts.read_text()
    assert asyncio.run(left_to_do(given, machine)) == []


@needs_root
def test_what_stood_there_is_kept_once(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    haproxy = machine.root / "etc/haproxy/haproxy.cfg"
    haproxy.parent.mkdir()
    haproxy.write_text("theirs\n")
    asyncio.run(up(given, machine, []))
    haproxy.write_text("somebody was here\n")
    asyncio.run(up(given, machine, []))
    before = machine.root / "var/lib/hardway/before"
    assert (before / "root/etc/haproxy/haproxy.cfg").read_text() == "theirs\n"
    assert (before / "cluster").read_text() == "default\n"
    assert before.stat().st_mode & 0o777 == 0o700
    rows = [line.split(" ") for line in (before / "paths").read_text().splitlines()]
    noted = {row[3]: row[0] for row in rows}
    assert len(noted) == len(rows), "each path once"
    assert noted["/etc/haproxy/haproxy.cfg"] == "file"
    assert noted["/etc/kubernetes"] == noted["/etc/kubernetes/pki/ca.crt"] == "absent"
    assert "/etc" not in noted
    assert {"haproxy", "keepalived"} <= set((before / "packages").read_text().split())


@needs_root
def test_what_a_killed_run_left_unpacked_is_not_put_in_place(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    stale = machine.root / "etc/systemd/system" / NEW / "stale.service"
    stale.parent.mkdir(parents=True)
    stale.write_text("[Unit]\n")
    asyncio.run(up(given, machine, []))
    assert not stale.parent.exists()
    assert not (machine.root / "etc/systemd/system/stale.service").exists()


@needs_root
def test_a_component_that_arrives_changed_is_not_put_in_its_place(tmp_path: Path) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    for source in (tmp_path / "blobs").iterdir():
        source.write_text("something else")
    with pytest.raises(RemoteError, match=r"sent: sha256 [0-9a-f]{64}, came: [0-9a-f]{64}"):
        asyncio.run(up(given, machine, []))
    there = list((machine.root / STORE.lstrip("/")).glob("*/*"))
    assert there
    assert all(file.name.endswith(NEW) for file in there)


@needs_root
def test_what_a_killed_run_left_is_planned_and_removed_though_all_else_is_right(
    tmp_path: Path,
) -> None:
    given = given_with_blobs(tmp_path / "blobs")
    machine = machine_of(given, tmp_path / "root")
    asyncio.run(up(given, machine, []))
    beside = [f"/etc/{NEW}/hosts", f"/etc/kubernetes/pki/{NEW}/ca.crt"]
    (first, *_) = merged(render(FAKE_STEPS, given)[machine.machine].values()).blobs
    stored = f"{first.stored}{NEW}"
    for path in (*beside, stored):
        file = machine.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half of it")
    expected = {f"/etc/{NEW}", f"/etc/kubernetes/pki/{NEW}", stored}
    planned = asyncio.run(left_to_do(given, machine))
    assert set(planned) == {(Kind.REMOVE, path) for path in expected}
    before, events = machine.log, list[Event]()
    asyncio.run(up(given, machine, events))
    assert not list(machine.root.rglob(f"*{NEW}"))
    assert asyncio.run(left_to_do(given, machine)) == []
    assert machine.log == before, "nothing is restarted for it"
    told = [e.text for e in events if e.happened == "changed"]
    assert sorted(told) == sorted(f"remove {path}" for path in expected)


def test_a_program_is_started_for_a_folder_not_for_each_file() -> None:
    wanted = support.wanted("3+3")["controller-0"]
    folders = {path.path.rpartition("/")[0] for path in (*wanted.files, *wanted.blobs)}
    script = converge.put_script(wanted.paths)
    # One more: users are put before the rest.
    assert script.count("\nmv ") <= len(folders) + 1 < len(wanted.files)


def test_scripts_hold_no_content(tmp_path: Path) -> None:
    """What is put travels on stdin: an argv is for everybody on the machine to read."""
    wanted = support.wanted("3+3")["controller-0"]
    changes = [
        Change(machine="m", step="s", kind=Kind.CREATE, path_or_unit=f.path, item=f)
        for f in wanted.files
    ]
    script = converge.put_script([c.item for c in changes]) + observe.script(wanted)
    assert "key " not in script.replace(".key ", "")
    assert all(f.content.decode() not in script for f in wanted.files if f.secret)
