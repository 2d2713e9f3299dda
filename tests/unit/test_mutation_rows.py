"""Mutations are rows: each check has one, each can be made in every topology, and is taken back."""

import asyncio
import os
import re
import shlex
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests import support
from tests.mutations import described

from hardway.cli import build, operate
from hardway.errors import RefusedError
from hardway.model.checks import HOLE
from hardway.model.cluster import Role
from hardway.model.resources import Finding, Severity, Verdict
from hardway.mutations import CHECKS, MUTATIONS, UNMADE, Mutation, consequences, judge
from hardway.mutations.page import page
from hardway.mutations.row import UP
from hardway.mutations.script import FOLDER, RUN, UNDER_WAY, UNDO, Scripts
from hardway.operations import mutate
from hardway.project import Project
from hardway.steps.network import HOLD
from hardway.transport.base import Completed

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/mutations.md"
COMMANDS = {command.name for command in (*build.COMMANDS, *operate.COMMANDS)}
ROWS = pytest.mark.parametrize("row", MUTATIONS, ids=[m.name for m in MUTATIONS])


def test_each_check_has_a_mutation_or_a_reason_and_recorded_answers() -> None:
    made = {row.check for row in MUTATIONS}
    assert made | UNMADE.keys() == {check.name for check in CHECKS}
    assert made & UNMADE.keys() == set()
    for check in UNMADE:
        answers = {path.name.partition("-")[0].partition(".")[0]
                   for path in (ROOT / "tests/answers" / check).iterdir()}  # fmt: skip
        assert answers & {"red", "warn"}, check


def test_exactly_what_up_does_not_mend_has_a_cure() -> None:
    by_people = {row.check for row in MUTATIONS if row.mend != (UP,)}
    assert {check.name for check in CHECKS if check.cure} == by_people


@ROWS
def test_a_row_writes_none_of_the_files_by_which_it_is_taken_back(row: Mutation) -> None:
    assert not re.search(r">\s*(do|held|id|kept|undo)\b", f"{row.do}\n{row.undo}")


def test_names_are_unique_and_those_of_units() -> None:
    names = [row.name for row in MUTATIONS]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch("[a-z]+(-[a-z]+)*", name)] == []


@ROWS
def test_people_can_read_it(row: Mutation) -> None:
    for text in (row.symptom, row.why):
        assert text.endswith("."), text
        assert len(text.split()) > 3, text
    for command in row.mend:
        program, verb, *_ = shlex.split(command)
        assert (program, verb in COMMANDS) == ("hardway", True), command


@pytest.mark.parametrize("topology", support.TOPOLOGIES)
def test_a_shell_can_read_it_in_every_topology(topology: str) -> None:
    cluster = support.topology(topology)
    texts = [
        text
        for row in MUTATIONS
        for machine in row.machines(cluster)
        for scripts in [Scripts(row, f"{row.name}-1", cluster, machine, 60)]
        for text in (scripts.make, scripts.undo, scripts.forget,
                     row.fill(row.do, cluster, machine), row.fill(row.undo, cluster, machine))
    ]  # fmt: skip
    assert texts
    assert [hole for text in texts for hole in HOLE.findall(text)] == []
    together = "".join(f"one() {{\n:\n{text}\n}}\n" for text in texts)
    subprocess.run(["sh", "-n"], input=together, text=True, check=True)


@ROWS
def test_it_is_made_in_a_cluster_of_the_tests_and_mended_there(row: Mutation) -> None:
    clusters = [support.topology(name) for name in ("3+3", "endpoint-proxy")]
    fitting = [(cluster, m) for cluster in clusters for m in row.machines(cluster)]
    assert fitting
    for cluster, machine in fitting:
        assert all(row.fill(command, cluster, machine) for command in row.mend)


def test_the_page_is_fresh() -> None:
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        PAGE.write_text(page(MUTATIONS))
    assert PAGE.read_text() == page(MUTATIONS), "HARDWAY_GOLDEN=write pytest tests/unit/test_mut*"


ROW = Mutation(
    name="some", check="kubelet-healthy", role=Role.WORKER, do="", symptom="", why=""
)  # fmt: skip


def found(check: str, machine: str = "worker-0", verdict: Verdict = Verdict.WRONG) -> Finding:
    (row,) = [c for c in CHECKS if c.name == check]
    return Finding(
        check=check, step=row.step, machine=machine, ok=verdict is Verdict.HOLDS, expected="",
        found="", why="", see="", verdict=verdict, severity=Severity.FAIL,
        subject=f"machine/{machine}", causes=row.causes, anywhere=row.anywhere, asked="",
        answer="",
    )  # fmt: skip


def test_red_with_its_consequences_is_as_it_should_be() -> None:
    assert judge(ROW, [], [found("kubelet-healthy"), found("node-ready"), found("dns-ready")]) == ()


def test_what_is_not_red_was_not_noticed() -> None:
    assert judge(ROW, [], [found("kubelet-healthy", verdict=Verdict.HOLDS)]) == (
        "kubelet-healthy is not named as a cause",
    )
    assert judge(ROW, [], [found("kubelet-healthy", verdict=Verdict.UNKNOWN)]) != ()


def test_what_does_not_follow_is_foreign() -> None:
    said = judge(ROW, [], [found("kubelet-healthy"), found("pod-routes")])
    assert "pod-routes is wrong and is no consequence of it" in said


def test_a_symptom_is_not_named_beside_its_cause() -> None:
    well = found("kubelet-healthy", "worker-1", Verdict.HOLDS)
    said = judge(ROW, [], [found("kubelet-healthy"), well, found("node-ready", "worker-1")])
    assert said == ("node-ready is named as a cause beside it",)


def test_what_was_wrong_before_is_not_its_doing() -> None:
    old = found("pod-routes")
    assert judge(ROW, [old], [old, found("kubelet-healthy")]) == ()


def test_consequences_are_followed_all_the_way() -> None:
    assert {"node-ready", "dns-ready", "dns-apart"} <= consequences("kubelet-healthy")
    assert "kubelet-healthy" not in consequences("kubelet-healthy")


class Host:
    """A folder in place of a machine's root, with a systemd that only writes down its orders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        bin_ = root / "bin"
        bin_.mkdir()
        for name in ("systemd-run", "systemctl"):
            (bin_ / name).write_text(f'#!/bin/sh\necho {name} "$*" >>{self.log}\n')
            (bin_ / name).chmod(0o755)
        self.path = f"{bin_}:{os.environ['PATH']}"
        self.file = root / "some" / "file"
        self.file.parent.mkdir()
        self.made = root / "some" / "new"

    def scripts(self, run: str, do: str = "", undo: str = "") -> Scripts:
        row = replace(ROW, keeps=(str(self.file), str(self.made)), do=do, undo=undo)
        cluster = support.topology("3+3")
        return Scripts(row, run, cluster, cluster.workers[-1], 60)

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        for path in (FOLDER, HOLD.rpartition("/")[0]):
            text = text.replace(path, f"{self.root}{path}")
        return subprocess.run(
            ["sh", "-s"], input=text, text=True, capture_output=True, check=False,
            env={**os.environ, "PATH": self.path},
        )  # fmt: skip

    @property
    def traces(self) -> list[str]:
        return [name for name in (FOLDER, RUN, HOLD) if Path(f"{self.root}{name}").exists()]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.file.write_text("as it was\n")
    host.file.chmod(0o640)
    return host


def changing(host: Host) -> Scripts:
    do = f"rm {host.file}\necho changed >{host.file}\necho new >{host.made}"
    return host.scripts("run-1", do, f"echo undone >>{host.log}")


def test_the_undo_is_armed_before_anything_changes_and_puts_all_back(host: Host) -> None:
    scripts = changing(host)
    assert host.run(scripts.make).returncode == 0
    assert host.file.read_text() == "changed\n"
    assert host.traces == [FOLDER, RUN, HOLD]
    (armed,) = host.log.read_text().splitlines()
    assert armed.startswith("systemd-run")
    assert "--on-active=60" in armed
    assert Path(f"{host.root}{FOLDER}").stat().st_mode & 0o777 == 0o700

    # As the timer runs it, when hardway is no more: from the machine's own copy.
    assert host.run(f". {RUN}/undo").returncode == 0
    assert host.file.read_text() == "as it was\n"
    assert host.file.stat().st_mode & 0o777 == 0o640
    assert not host.made.exists()
    assert host.traces == []
    assert host.log.read_text().count("undone") == 1


def test_an_undo_that_comes_late_does_nothing(host: Host) -> None:
    scripts = changing(host)
    host.run(scripts.make)
    host.run(scripts.forget)
    assert host.traces == []
    assert host.run(scripts.undo).returncode == 0
    assert host.file.read_text() == "changed\n"
    assert "undone" not in host.log.read_text()


def test_a_machine_has_one_at_a_time(host: Host) -> None:
    host.run(changing(host).make)
    second = host.scripts("run-2", f"echo second >{host.file}")
    said = host.run(second.make)
    assert (said.returncode, said.stderr) == (UNDER_WAY, "run-1\n")
    host.run(second.undo)
    assert host.file.read_text() == "changed\n", "it undid what is another's"


def test_one_that_cannot_be_made_is_undone(host: Host) -> None:
    said = host.run(host.scripts("run-1", f"echo half >{host.file}\nfalse\n:").make)
    assert said.returncode == 1
    assert host.file.read_text() == "as it was\n"
    assert host.traces == []


def test_a_timer_that_people_hold_stays_held(host: Host) -> None:
    hold = Path(f"{host.root}{HOLD}")
    hold.parent.mkdir(parents=True)
    hold.touch()
    scripts = changing(host)
    host.run(scripts.make)
    host.run(scripts.undo)
    assert host.traces == [HOLD]


def test_an_undo_that_fails_can_be_run_again(host: Host) -> None:
    ready = host.root / "ready"
    scripts = host.scripts("run-1", f"echo changed >{host.file}", f"test -e {ready}")
    host.run(scripts.make)
    assert host.run(scripts.undo).returncode == 1
    ready.touch()
    assert host.run(scripts.undo).returncode == 0
    assert host.traces == []


@dataclass
class Busy:
    """A machine that has another mutation already, and writes down what it is told."""

    machine: str
    status: int = 0
    told: list[bytes] = field(default_factory=list)

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 0
    ) -> Completed:
        self.told.append(stdin)
        refused = self.status if b"systemd-run" in stdin else 0
        return Completed(refused, b"", b"another-1\n" if refused else b"")


def test_a_machine_that_is_busy_refuses_and_the_others_are_as_they_were() -> None:
    row = next(m for m in MUTATIONS if m.name == "keepalived-stopped")
    cluster = support.topology("3+3")
    fleet = {m.name: Busy(m.name) for m in cluster.control_planes}
    fleet["controller-1"].status = UNDER_WAY

    @asynccontextmanager
    async def connect(_cluster: object) -> AsyncIterator[Mapping[str, Busy]]:
        yield fleet

    project = cast(Project, SimpleNamespace(cluster=cluster,
                                            provider=SimpleNamespace(connect=connect)))  # fmt: skip
    with pytest.raises(RefusedError, match="controller-1 has another mutation: another-1") as said:
        asyncio.run(mutate.start(project, row).make())
    assert said.value.hint.endswith(f"hardway ssh controller-1 -- sh {UNDO}")
    for machine in fleet.values():
        _, undone = machine.told
        assert b"systemctl start keepalived" in undone


def test_rows_that_did_not_change_are_described_alike() -> None:
    """Else `make test` makes them each time, as if they had changed."""
    assert described(ROOT) == described(ROOT)
