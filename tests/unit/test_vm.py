"""The trial on a virtual machine: what it demands, and that nothing gets out of the machine."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.vm import machines, trial
from tests.vm.images import Image
from tests.vm.machines import FailedError, Wanted
from tests.vm.report import Report
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
    image = Image(Path("/disk"), Path("/kernel"), Path("/initrd"))
    words = machines.command(Wanted("host", "amd64", image, 2048), tmp_path, 2222)
    (network,) = (words[n + 1] for n, word in enumerate(words) if word == "-netdev")
    assert network == "user,id=operator,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22"
    assert "file=/disk,format=raw,if=virtio,snapshot=on" in words
    assert not any("key" in word for word in words)


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
