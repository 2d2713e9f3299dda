"""The trial on a virtual machine: what it demands, and that nothing gets out of the machine."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.cluster.conftest import Hardway
from tests.vm import hosts, kernel, machines, trial, user_mode
from tests.vm.images import Image
from tests.vm.machines import Machine, Wanted
from tests.vm.report import FailedError, Report
from tests.vm.trial import Trial

GOOD_HOST = {"cat /proc/1/comm": "systemd\ncgroup2fs\n-P FORWARD DROP\n",
             "docker version": "20.10.24\n6.1.0-50-amd64\n",
             "ip -brief link": "link lo\nlink docker0\n"}  # fmt: skip
STATUS = {
    "machines": [{"state": "running"}, {"state": "running"}],
    "etcd": {"members": 1, "healthy": 1},
    "control_planes": [{"healthy": True}],
    "endpoint": {"healthy": True},
    "nodes": [{"ready": True}],
}


def on(answers: dict[str, str]) -> Trial:
    """Return a trial of two machines whose host answers scripts by what is in them."""

    def run(script: str) -> str:
        return next((said for part, said in answers.items() if part in script), "")

    return Trial(run, 2)


def test_the_host_must_be_of_the_kind_it_is_about() -> None:
    assert trial.kind_of_host(on(GOOD_HOST)) == "Docker 20.10.24, Linux 6.1.0-50-amd64"
    for good, bad in (("systemd", "sh"), ("cgroup2fs", "tmpfs"), ("DROP", "ACCEPT")):
        said = GOOD_HOST["cat /proc/1/comm"].replace(good, bad)
        with pytest.raises(FailedError, match=bad):
            trial.kind_of_host(on({**GOOD_HOST, "cat /proc/1/comm": said}))


def test_packets_must_have_gone_by_its_own_rules() -> None:
    rules = "".join(f"{n} 99 ACCEPT all -- hw-vm * 0.0.0.0/0\n" for n in (7, 0, 2))
    answers = {"up --bundle": json.dumps({"findings": [{"ok": True}]}), "FORWARD": rules}
    assert trial.up(on(answers)) == "1 checks hold, 9 packets by its rules in FORWARD"
    for wrong in (rules.replace("hw-vm", "eth0", 1), rules.replace("7", "0").replace("2 99", "0")):
        with pytest.raises(FailedError):
            trial.up(on({**answers, "FORWARD": wrong}))


@pytest.mark.parametrize(
    ("step", "asked", "wrong"),
    [
        (trial.preflight, "preflight", {"problems": ["port 6443 taken"]}),
        (trial.up, "up --bundle", {"findings": [{"ok": False}]}),
        (trial.verify, "verify", {"findings": [{"ok": True}, {"ok": False}]}),
        (trial.status, "status", {**STATUS, "machines": [{"state": "running"}]}),
        (trial.status, "status", {**STATUS, "etcd": {"members": 3, "healthy": 2}}),
        (trial.status, "status", {**STATUS, "control_planes": [{"healthy": False}]}),
        (trial.status, "status", {**STATUS, "endpoint": {"healthy": False}}),
        (trial.status, "status", {**STATUS, "nodes": [{"ready": False}]}),
        (trial.plug_pulled, "plan", {"changes": ["restart kubelet.service"]}),
    ],
)
def test_each_step_fails_on_what_should_not_be(
    step: Callable[[Trial], str], asked: str, wrong: object
) -> None:
    with pytest.raises(FailedError):
        step(on({asked: json.dumps(wrong)}))


def test_a_good_status() -> None:
    said = trial.status(on({"status": json.dumps(STATUS)}))
    assert said == "2 machines run, 1 of etcd's members, 1 nodes Ready"


def test_what_an_up_changes_that_should_change_nothing_is_told() -> None:
    events = [{"happened": "changed", "machine": "worker-0", "text": "update /etc/hosts"}]
    asked: list[str] = []

    def run(script: str) -> str:
        asked.append(script)
        return json.dumps({"events": events if any(s.endswith(" up") for s in asked) else []})

    with pytest.raises(FailedError, match="worker-0: update /etc/hosts"):
        trial.up_again(Trial(run, 2))


def test_anything_left_or_gone_is_told() -> None:
    states = json.dumps({"machines": [{"state": "absent"}, {"state": "absent"}]})
    now = on({"machine list": states, "ip -brief link": "link lo\nlink docker0\n"})
    now.before = ["link lo", "link docker0"]
    assert trial.nothing_left(now) == "the same 2 lines as before, 0 of 2 machines"
    now.before = ["link lo", "link docker0", "route default"]
    with pytest.raises(FailedError, match="route default"):
        trial.nothing_left(now)
    now.before = ["link lo"]
    with pytest.raises(FailedError, match="link docker0"):
        trial.nothing_left(now)


def test_nothing_a_machine_sends_leaves_and_no_key_is_in_its_command_line(tmp_path: Path) -> None:
    wanted = Wanted("host", "amd64", Image(Path("/image")), 2048)
    words = machines.command(wanted, tmp_path, 2222)
    (network,) = (words[n + 1] for n, word in enumerate(words) if word == "-netdev")
    assert network == "user,id=operator,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22"
    assert "file=/image/disk.ext4,format=raw,if=virtio,snapshot=on" in words
    assert not any("key" in word for word in words)


def test_a_user_mode_machine_is_given_one_folder_and_has_cards_on_two_bridges_alone() -> None:
    wanted = user_mode.Wanted("alpha", 10, Image(Path("/image")), 2048)
    words = user_mode.command(wanted, Path("/folder"))
    assert "hostfs=/folder/given" in words
    assert "ubd0=/folder/changes,/image/disk.ext4" in words
    cards = [word.split("ifname=")[1] for word in words if word.startswith("vec")]
    assert cards == ["vm-operators-10,mac=52:54:00:00:00:10,depth=128,gro=1",
                     "vm-shared-10,mac=52:54:00:00:01:10,depth=128,gro=1"]  # fmt: skip
    assert not any("key" in word for word in words)


def test_a_boot_has_nothing_open_that_was_open_before_it(tmp_path: Path) -> None:
    program, start = tmp_path / "linux", tmp_path / "start"
    program.write_text("#!/bin/sh\nls /proc/self/fd | xargs; echo $*\n")
    program.chmod(0o755)
    start.write_text(user_mode.START.format(program=program))
    with (tmp_path / "memory").open("w") as memory, (tmp_path / "card").open("w") as card:
        said = subprocess.check_output(
            ["bash", str(start), "mem=9M"], text=True, pass_fds=(memory.fileno(), card.fileno())
        )
    # The last is of ls itself.
    assert said == "0 1 2 3\nmem=9M\n"


def test_the_newest_source_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernel, "SOURCES", tmp_path)
    assert kernel.source() is None
    for name in ("linux-source-6.1.tar.xz", "linux-source-6.12.tar.xz"):
        (tmp_path / name).touch()
    assert kernel.source() == tmp_path / "linux-source-6.12.tar.xz"


def test_what_a_host_lacks_is_told_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines.shutil, "which", {"mke2fs": "/sbin/mke2fs"}.get)
    assert machines.refusal(["amd64"]).splitlines()[1] == (
        "  try: apt-get install mmdebstrap openssh-client qemu-system-x86"
    )
    assert machines.told(set()) == ""


def test_the_summary_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(3)
    report.step("one", lambda: "seen")

    def fails() -> str:
        raise FailedError("no")

    with pytest.raises(FailedError):
        report.step("two", fails)
    assert report.close() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["PASSED", "FAILED"]
    assert lines[2].startswith("1 passed, 1 failed, 1 not run in ")
    good = Report(1)
    good.step("one", lambda: None)
    assert good.close() == 0


class Operator:
    """Says what it is told to, whatever it is asked for; the first `failing` tries do not work."""

    def __init__(self, failing: int = 0, **answers: Any) -> None:
        self.answers = answers
        self.failing = failing

    def tries(self, *words: str) -> SimpleNamespace:
        self.failing -= 1
        said = json.dumps(self.answers[words[0]])
        return SimpleNamespace(returncode=int(self.failing >= 0), stdout=said)

    def json(self, *words: str) -> object:
        return self.answers[words[0]]

    def plan(self) -> object:
        return self.answers["plan"].pop(0)

    def __call__(self, *words: str) -> str:
        return str(self.answers.get(words[0], ""))


def of_hosts(answers: dict[str, str], operator: Operator) -> hosts.Trial:
    """Return a trial of hosts that all answer scripts by what is in them."""
    there = SimpleNamespace(run=on(answers).run)
    machines_there = cast("dict[str, Machine]", dict.fromkeys(("alpha", "beta"), there))
    return hosts.Trial(("amd64", "arm64"), machines_there, cast("Hardway", operator), {})


def test_swap_must_be_off_while_the_cluster_is_there_and_on_after_it() -> None:
    operator = Operator(up={"findings": [{"ok": True}]})
    on_, off = {"/proc/swaps": "/swapfile\n"}, {"/proc/swaps": ""}
    assert hosts.up(of_hosts(off, operator)) == "1 checks hold after 1 runs, swap is off"
    assert hosts.down(of_hosts(on_, operator)) == "swap is on again"
    with pytest.raises(FailedError, match="swap"):
        hosts.up(of_hosts(on_, operator))
    with pytest.raises(FailedError, match="swap"):
        hosts.down(of_hosts(off, operator))


def test_up_goes_on_where_an_emulated_host_was_too_slow_but_not_for_ever() -> None:
    for failing in range(hosts.RUNS):
        operator = Operator(failing, up={"findings": [{"ok": True}]})
        assert f"after {failing + 1} runs" in hosts.up(of_hosts({}, operator))
    with pytest.raises(FailedError, match="up"):
        hosts.up(of_hosts({}, Operator(hosts.RUNS, up={"findings": [{"ok": True}]})))


def test_all_that_was_undone_and_nothing_else_must_be_planned_and_mended() -> None:
    undone = [("alpha", "set", "kernel settings"), ("alpha", "set", "swap"),
              ("beta", "set", "kernel modules"), ("beta", "set", "kernel settings"),
              ("beta", "set", "swap")]  # fmt: skip
    holds = {"findings": [{"ok": True}]}
    assert hosts.mend(of_hosts({}, Operator(plan=[undone, []], up=holds)))
    for seen in ([undone[1:], []], [[*undone, ("beta", "set", "mounts")], []], [undone, undone]):
        with pytest.raises(FailedError, match="planned"):
            hosts.mend(of_hosts({}, Operator(plan=seen, up=holds)))


def test_the_node_must_be_of_the_workers_architecture() -> None:
    findings = {"findings": [{"ok": True}]}
    assert hosts.verify(of_hosts({}, Operator(verify=findings, kubectl="arm64")))
    with pytest.raises(FailedError, match="the nodes"):
        hosts.verify(of_hosts({}, Operator(verify=findings, kubectl="amd64")))


def test_preflight_must_not_refuse_nor_change_a_host() -> None:
    swap = {"machine": "alpha", "check": "swap", "severity": "warn", "found": "swap"}
    problems = {"problems": [swap, swap]}
    tried = of_hosts({"find /": "file\td /srv\n"}, Operator(preflight=problems))
    tried.before = tried.everything()
    assert hosts.preflight(tried) == "alpha swap; alpha swap"
    tried.before["beta"] = {"file": ["d /opt"]}
    with pytest.raises(FailedError, match="beta"):
        hosts.preflight(tried)
    refusing = {"problems": [swap, {**swap, "severity": "refuse"}]}
    with pytest.raises(FailedError, match="refused"):
        hosts.preflight(of_hosts({}, Operator(preflight=refusing)))


def test_a_host_that_is_not_as_before_is_told_line_by_line() -> None:
    tried = of_hosts({"find /": "file\td /srv\npackage\tii curl\n"}, Operator())
    tried.before = tried.everything()
    assert hosts.as_before(tried) == "the same 4 lines on 2 hosts"
    tried.before["beta"] = {"file": ["d /srv", "d /opt"], "package": []}
    with pytest.raises(FailedError) as caught:
        hosts.as_before(tried)
    said = str(caught.value).splitlines()[1:]
    assert said == ["beta: gone: file d /opt", "beta: more: package ii curl"]
