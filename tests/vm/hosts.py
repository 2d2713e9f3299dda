"""Provider ssh on virtual machines, which are no containers: each has a kernel and swap of its own.

python -m tests.vm.hosts [ARCHITECTURE ARCHITECTURE]

Two of them, Debian 13, on a network that no one else is on: a control plane and a worker. The
operator's host is not on it and reaches them by another way alone. They are user-mode Linux; with
architectures, QEMU emulates machines of these, which takes an hour and more. A disk of another
architecture than this host's takes qemu-user-static, registered.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.cluster.conftest import ROOT, Hardway
from tests.cluster.hosts import LISTING, by_kind
from tests.vm import images, machines, user_mode
from tests.vm.images import Recipe
from tests.vm.machines import Machine, Wanted
from tests.vm.report import FailedError, Report, reported
from tests.vm.trial import expect

from hardway.steps.packages import ROWS

SUITE = "trixie"
AMD64 = "amd64"
MEMORY_MIB = 2560
LOG = ROOT / "dist" / "vm-hosts.log"
"""What hardway says meanwhile."""


@dataclass(frozen=True)
class Host:
    """A host of the operator's."""

    name: str
    role: str
    number: int

    @property
    def address(self) -> str:
        """Its address on the network the hosts share."""
        return f"10.241.7.{self.number}"


HOSTS = (Host("alpha", "control-plane", 10), Host("beta", "worker", 20))
ROWS_OF = "".join(
    f"- {{name: {h.name}, role: {h.role}, host: {h.name}, address: {h.address}}}\n" for h in HOSTS
)
SPEC = f"""name: apart
provider: ssh
ssh: {{config: ssh_config}}
endpoint: {{kind: proxy}}
network: {{nodes: 10.241.7.0/24, pods: 10.201.0.0/16, services: 10.31.0.0/24}}
machines:
{ROWS_OF}"""
PREPARE = """set -e
cat >/etc/systemd/network/lan.network <<END
[Match]
MACAddress=52:54:00:00:01:{number}
[Network]
Address={address}/24
END
networkctl reload
fallocate --length 64M /swapfile
chmod 600 /swapfile
mkswap --quiet /swapfile
echo '/swapfile none swap sw 0 0' >>/etc/fstab
systemctl daemon-reload
swapon /swapfile
"""
"""An address on the shared network, and swap, both there again after a reboot."""
RUNS = 6
SWAP = "sed 1d /proc/swaps | cut -d' ' -f1"
THEIRS = "/etc/sysctl.d/99-theirs.conf"
UNDO = f"""set -e
echo 'net.ipv4.ip_forward = 0' >{THEIRS}
sysctl --quiet --load={THEIRS}
swapon /swapfile
"""
"""What others do to a kernel that is a cluster's; the file stays, so that boots meet it too."""
UNDO_OF_WORKER = "modprobe --remove br_netfilter\n"
UNDONE = {"control-plane": ["kernel settings", "swap"],
          "worker": ["kernel modules", "kernel settings", "swap"]}  # fmt: skip


def recipe(architecture: str, *, user_mode: bool) -> Recipe:
    """Return what a host's disk is of: few packages, and an archive of those a cluster needs."""
    wanted = tuple(sorted({row.name for row in ROWS}))
    # ca-certificates takes minutes to install on an emulated processor; most hosts have it.
    there = ("sudo", "e2fsprogs", "ca-certificates")
    return Recipe("host", SUITE, architecture, there, installable=wanted, user_mode=user_mode)


def cable(folder: Path, host: Host) -> tuple[str, ...]:
    """Return QEMU's words for the network between the two: datagrams between two sockets."""
    (other,) = (h for h in HOSTS if h != host)
    ends = f"local.type=unix,local.path={folder}/{host.name}.lan"
    ends += f",remote.type=unix,remote.path={folder}/{other.name}.lan"
    device = f"virtio-net-pci,netdev=lan,mac=52:54:00:00:01:{host.number}"
    return ("-netdev", f"dgram,id=lan,{ends}", "-device", device)


@dataclass
class Trial:
    """The hosts, and the operator who makes a cluster of them."""

    architectures: Sequence[str]
    there: dict[str, Machine]
    operator: Hardway
    before: dict[str, dict[str, list[str]]]

    def on_each(self, script: str) -> list[str]:
        """Run a script on each host by ssh(1) and return what each printed."""
        return [machine.run(script).strip() for machine in self.there.values()]

    def everything(self) -> dict[str, dict[str, list[str]]]:
        """Return all that a cluster could leave something in, by host and kind."""
        return {name: by_kind(machine.run(LISTING)) for name, machine in self.there.items()}


def boot(trial: Trial) -> str:
    for machine in trial.there.values():
        machine.wait()
    for host in HOSTS:
        script = PREPARE.format(number=host.number, address=host.address)
        trial.there[host.name].run(script)
    others = zip(trial.there.values(), reversed(HOSTS), strict=True)
    for machine, other in others:
        machine.run(f"until timeout 2 bash -c '</dev/tcp/{other.address}/22'; do :; done 2>&1")
    trial.before = trial.everything()
    return ", ".join(trial.on_each("uname -rm"))


def preflight(trial: Trial) -> str:
    problems = trial.operator.json("preflight")["problems"]
    expect("refused", [p for p in problems if p["severity"] == "refuse"], [])
    expect("hosts whose swap is told", [p["check"] for p in problems].count("swap"), len(HOSTS))
    changed = [name for name, now in trial.everything().items() if now != trial.before[name]]
    expect("hosts that preflight changed", changed, [])
    return "; ".join(f"{p['machine']} {p['found']}" for p in problems)


def patiently(trial: Trial, command: str) -> tuple[list[dict[str, Any]], int]:
    """Return the findings of a command, all of which hold, and how often it was run until then.

    An emulated processor may need longer for an API server or an answer than any command waits.
    """
    runs, done = 1, trial.operator.tries(command, "--output", "json")
    while done.returncode:
        if runs == RUNS:
            raise FailedError(f"{command} gave up {RUNS} times")
        runs, done = runs + 1, trial.operator.tries(command, "--output", "json")
    findings = json.loads(done.stdout)["findings"]
    expect("checks that do not hold", [f for f in findings if not f["ok"]], [])
    return findings, runs


def up(trial: Trial) -> str:
    findings, runs = patiently(trial, "up")
    expect("swap that is on", trial.on_each(SWAP), [""] * len(HOSTS))
    return f"{len(findings)} checks hold after {runs} runs, swap is off"


def up_again(trial: Trial) -> str:
    lines = trial.operator.journal_lines()
    trial.operator("up")
    expect("changes", trial.operator.changed_since(lines), [])
    return "nothing was changed"


def verify(trial: Trial) -> str:
    findings, runs = patiently(trial, "verify")
    nodes = trial.operator("kubectl", "get", "nodes", "--output",
                           "jsonpath={.items[*].status.nodeInfo.architecture}")  # fmt: skip
    expect("the nodes", nodes.split(), [trial.architectures[1]])
    return f"{len(findings)} checks hold after {runs} runs; the nodes are {nodes}"


def mend(trial: Trial) -> str:
    for host in HOSTS:
        script = UNDO + (UNDO_OF_WORKER if host.role == "worker" else "")
        trial.there[host.name].run(script)
    wanted = [(h.name, "set", effect) for h in HOSTS for effect in UNDONE[h.role]]
    expect("what is planned", sorted(trial.operator.plan()), wanted)
    patiently(trial, "up")
    expect("what is planned after it", trial.operator.plan(), [])
    return f"{len(wanted)} effects were planned and put right"


def reboot(host: Host, trial: Trial) -> str:
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    before = trial.there[host.name].run(boot_id)
    trial.operator("machine", "restart", host.name)
    expect("another boot", trial.there[host.name].run(boot_id) != before, True)
    state = trial.there[host.name].run("systemctl is-system-running --wait").strip()
    expect("its services", state, "running")
    expect("swap that is on", trial.on_each(SWAP), [""] * len(HOSTS))
    # Waits for the API too: an API server that answers already forbids all until it has read its
    # rules.
    seen = up_again(trial)
    wait = ("--for=condition=Ready", "node", "--all", "--timeout=300s")
    trial.operator("kubectl", "wait", *wait)
    return f"all its services run, swap is off, {seen}, all nodes are Ready"


def down(trial: Trial) -> str:
    trial.on_each(f"rm {THEIRS}")
    trial.operator("down", "--yes")
    expect("swap", trial.on_each(SWAP), ["/swapfile"] * len(HOSTS))
    return "swap is on again"


def as_before(trial: Trial) -> str:
    differ, now = [], trial.everything()
    for name, was in trial.before.items():
        for kind in sorted({*was, *now[name]}):
            old, new = set(was.get(kind, [])), set(now[name].get(kind, []))
            differ += [f"{name}: more: {kind} {line}" for line in sorted(new - old)]
            differ += [f"{name}: gone: {kind} {line}" for line in sorted(old - new)]
    if differ:
        raise FailedError("\n".join(["not as before:", *differ]))
    lines = sum(len(rows) for host in now.values() for rows in host.values())
    return f"the same {lines} lines on {len(now)} hosts"


STEPS: Sequence[tuple[str, Callable[[Trial], str]]] = (
    ("two hosts boot and reach each other", boot),
    ("hardway preflight", preflight),
    ("hardway up", up),
    ("hardway up again", up_again),
    ("hardway verify", verify),
    ("swap, module and settings undone, hardway up", mend),
    *((f"{h.role} {h.name} rebooted", partial(reboot, h)) for h in reversed(HOSTS)),
    ("hardway down", down),
    ("each host as it was before", as_before),
)


@contextmanager
def emulated(recipes: Sequence[Recipe], folder: Path) -> Iterator[dict[str, Machine]]:
    """Run the hosts meanwhile; they may not answer yet."""
    with ExitStack() as stack:
        there = {}
        for host, of in zip(HOSTS, recipes, strict=True):
            image = images.ensure(of)
            wanted = Wanted(host.name, of.architecture, image, MEMORY_MIB, cable(folder, host))
            there[host.name] = stack.enter_context(machines.running(wanted, folder / host.name))
        yield there


def in_user_mode(
    recipes: Sequence[Recipe], folder: Path
) -> AbstractContextManager[dict[str, Machine]]:
    """Run the hosts meanwhile; they may not answer yet."""
    return user_mode.running(
        [user_mode.Wanted(host.name, host.number, images.ensure(of), MEMORY_MIB)
         for host, of in zip(HOSTS, recipes, strict=True)],
        folder,
    )  # fmt: skip


def ssh_config(there: dict[str, Machine]) -> str:
    """Return how the operator reaches the hosts."""
    return "".join(
        f"Host {name}\n  HostName {machine.address}\n  Port {machine.port}\n  User root\n"
        f"  IdentityFile {machine.folder}/operator\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {machine.folder}/known_hosts\n"
        for name, machine in there.items()
    )


def trial(architectures: Sequence[str], report: Report, folder: Path) -> None:
    """Make the hosts, and a cluster of them; emulated ones if there are architectures."""
    recipes = [recipe(name, user_mode=False) for name in architectures]
    recipes = recipes or [recipe(AMD64, user_mode=True)] * len(HOSTS)
    for host in HOSTS:
        (folder / host.name / "given").mkdir(parents=True)
    (folder / "hardway.yaml").write_text(SPEC)
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w") as log, contextlib.redirect_stderr(log):
        report.step("disks with Debian 13", lambda: [*map(images.ensure, recipes)])
        hosts = emulated if architectures else in_user_mode
        with hosts(recipes, folder) as there:
            (folder / "ssh_config").write_text(ssh_config(there))
            tried = Trial([of.architecture for of in recipes], there, Hardway(folder), {})
            for name, action in STEPS:
                report.step(name, partial(action, tried))


if __name__ == "__main__":
    asked = sys.argv[1:]
    refusal = machines.refusal(asked) if asked else user_mode.refusal()
    sys.exit(refusal or reported(len(STEPS) + 1, partial(trial, asked)))
