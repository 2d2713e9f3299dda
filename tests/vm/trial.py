"""What is tried on a host with systemd, cgroup v2 and Docker, one step after another."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.vm.report import FailedError

CHECKOUT = "/root/hardway"
WORKER = "worker-0"
LISTING = r"""
ip -brief link | cut -d' ' -f1 | sed 's/^/link /'
ip -4 route | sed 's/^/route /'
ip netns | sed 's/^/namespace /'
iptables -S | sed 's/^/iptables /'
nft --stateless list ruleset | sed 's/^/nftables /'
cut -d' ' -f2,3 /proc/self/mounts | grep hardway | sed 's/^/mount /'
find /sys/fs/cgroup -type d -name '*hardway*' | sed 's/^/cgroup /'
systemctl list-units --all --plain --no-legend 'hardway*' | cut -d' ' -f1 | sed 's/^/unit /'
systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | sed 's/^/failed /'
ps -eo comm | grep -E 'nspawn|kube|etcd|containerd-shim' | sed 's/^/process /'
ls -d /var/lib/hardway/* 2>/dev/null | sed 's/^/folder /'
for name in net/ipv4/ip_forward fs/inotify/max_user_instances fs/inotify/max_user_watches \
    vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
    echo "setting $name $(cat /proc/sys/$name)"
done
"""
"""All of a host that a cluster could leave something in."""


@dataclass
class Trial:
    """A host to try it on, and what was seen there before."""

    run: Callable[[str], str]
    """Runs a script on the host and returns what it printed; raises `FailedError`."""
    machines: int
    before: Sequence[str] = ()

    def hardway(self, words: str) -> str:
        """Run the program as users do."""
        return self.run(f"cd {CHECKOUT} && ./hardway {words}")

    def json(self, words: str) -> Any:
        """Run it and return the JSON it printed."""
        return json.loads(self.hardway(f"{words} --output json"))

    def changes(self) -> list[str]:
        """Return all changes in the cluster's journal."""
        events = self.json("log --changes")["events"]
        return [f"{e['machine']}: {e['text']}" for e in events if e["happened"] == "changed"]


def expect(what: str, found: object, expected: object) -> None:
    """Raise `FailedError` where something is not what it should be."""
    if found != expected:
        raise FailedError(f"{what}: expected {expected}, found {found}")


def kind_of_host(trial: Trial) -> str:
    trial.run("systemctl start docker")
    seen = trial.run("cat /proc/1/comm; stat -fc %T /sys/fs/cgroup; iptables -S FORWARD | head -1")
    expect("the host", seen.splitlines(), ["systemd", "cgroup2fs", "-P FORWARD DROP"])
    version = trial.run("docker version --format '{{.Server.Version}}'; uname -r").split()
    trial.before = trial.run(LISTING).splitlines()
    return f"Docker {version[0]}, Linux {version[1]}"


def setup(trial: Trial) -> str:
    trial.run(f"cd {CHECKOUT} && PIP_NO_INDEX=1 PIP_FIND_LINKS=/given/wheels make setup")
    return trial.run(f"{CHECKOUT}/.venv/bin/python --version").strip()


def preflight(trial: Trial) -> str:
    expect("problems", trial.json("preflight")["problems"], [])
    return "nothing stands in the way"


def up(trial: Trial) -> str:
    findings = trial.json("up --bundle /given/a.bundle")["findings"]
    expect("checks that do not hold", [f for f in findings if not f["ok"]], [])
    rows = [line.split() for line in trial.run("iptables -nvxL FORWARD").splitlines()]
    ours = [int(row[0]) for row in rows if any(word.startswith("hw-") for word in row)]
    expect("rules in the FORWARD chain", len(ours), 3)
    if not sum(ours):
        raise FailedError("no packet went through hardway's rules in the FORWARD chain")
    return f"{len(findings)} checks hold, {sum(ours)} packets by its rules in FORWARD"


def up_again(trial: Trial) -> str:
    before = trial.changes()
    trial.hardway("up")
    expect("changes", trial.changes()[len(before) :], [])
    return f"{len(before)} changes before, none now"


def verify(trial: Trial) -> str:
    findings = trial.json("verify")["findings"]
    expect("checks that do not hold", [f for f in findings if not f["ok"]], [])
    return f"{len(findings)} checks hold"


def plug_pulled(trial: Trial) -> str:
    wait = "kubectl wait --for=condition=Ready{} node/" + WORKER + " --timeout={}s"
    trial.hardway(f"machine stop --force {WORKER}")
    trial.hardway(wait.format("=Unknown", 180))
    began = time.monotonic()
    trial.hardway(f"machine start {WORKER}")
    trial.hardway(wait.format("", 300))
    back_s = time.monotonic() - began
    expect("the plan", trial.json("plan")["changes"], [])
    return f"{WORKER} away until not Ready, then Ready {back_s:.0f} s after its start"


def status(trial: Trial) -> str:
    seen = trial.json("status")
    states = [m["state"] for m in seen["machines"]]
    expect("machines", states, ["running"] * trial.machines)
    expect("etcd members that are well", seen["etcd"]["healthy"], seen["etcd"]["members"])
    expect("control planes", {c["healthy"] for c in seen["control_planes"]}, {True})
    expect("the endpoint is well", seen["endpoint"]["healthy"], True)
    expect("nodes", {n["ready"] for n in seen["nodes"]}, {True})
    etcd, nodes = seen["etcd"]["members"], len(seen["nodes"])
    return f"{len(states)} machines run, {etcd} of etcd's members, {nodes} nodes Ready"


def down(trial: Trial) -> str:
    trial.hardway("down --yes")
    return "removed"


def nothing_left(trial: Trial) -> str:
    now = trial.run(LISTING).splitlines()
    more, gone = sorted(set(now) - set(trial.before)), sorted(set(trial.before) - set(now))
    expect("left behind, and gone that was there", (more, gone), ([], []))
    states = [m["state"] for m in trial.json("machine list")["machines"]]
    expect("machines", states, ["absent"] * trial.machines)
    return f"the same {len(now)} lines as before, 0 of {trial.machines} machines"


STEPS: Sequence[tuple[str, Callable[[Trial], str]]] = (
    ("a host with systemd, cgroup v2, FORWARD policy DROP", kind_of_host),
    ("make setup", setup),
    ("hardway preflight", preflight),
    ("hardway up", up),
    ("hardway up again", up_again),
    ("hardway verify", verify),
    ("a worker's plug pulled", plug_pulled),
    ("hardway status", status),
    ("hardway down", down),
    ("hardway down again", down),
    ("nothing is left", nothing_left),
)
