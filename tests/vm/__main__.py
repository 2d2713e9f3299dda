"""`make vm`: hardway on the kind of host most users have, a virtual machine made for it.

python -m tests.vm [--suite SUITE] [CONTROL_PLANES WORKERS]
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from tests.cluster.conftest import ROOT, spec
from tests.vm import images, machines
from tests.vm.given import PYTHONS, prepare
from tests.vm.machines import Machine, Wanted
from tests.vm.report import FailedError, Report, reported
from tests.vm.trial import CHECKOUT, STEPS, Trial

from hardway.providers.hosts.distributions import BY_SUITE

ARCHITECTURE = "amd64"
PACKAGES = ("docker.io", "iptables", "make", "python3", "python3-venv", "systemd-container",
            "mmdebstrap", "nftables", "kmod", "openssh-client")  # fmt: skip
"""Docker, and what `make setup` would install: there is no package source within."""
HOST_MIB, MACHINE_MIB = 2048, 1408
"""Memory for the host itself, and for each machine of the cluster."""
DIAGNOSIS = r"""
uptime; free -m; ps -eo pid,etimes,time,rss,args --sort=-time | head -30
tail -40 /root/hardway/clusters/*/journal.jsonl
for log in /var/lib/hardway/clusters/*/*/upper/var/log/journal; do
    said() { journalctl --directory="$log" --no-pager "$@"; }
    echo "== $log: services that ended"
    said --grep 'Main process exited|Failed with result|Scheduled restart' | tail -20
    echo "== their last words"
    said --grep '^(F[0-9]{4} |panic:)|"level":"fatal"' | tail -20
    echo "== the balancer"
    said --unit=haproxy --unit=keepalived | tail -30
    echo "== all, at the end"
    said --lines=60
done
true
"""


def trial(suite: str, control_planes: int, workers: int, report: Report, folder: Path) -> None:
    """Make the virtual machine and try hardway on it."""
    recipe = images.Recipe("docker", suite, ARCHITECTURE, PACKAGES)
    name = BY_SUITE[suite].name
    image = report.step(f"a disk with {name} and Docker", lambda: images.ensure(recipe))
    given = partial(prepare, folder / "given", suite, spec("vm", 9, control_planes, workers))
    report.step("a bundle, Python's packages, the checkout", given)
    memory_mib = HOST_MIB + MACHINE_MIB * (control_planes + workers)
    with machines.running(Wanted("host", ARCHITECTURE, image, memory_mib), folder) as machine:
        report.step("the virtual machine boots", machine.wait)
        machine.run(f"mkdir {CHECKOUT} && tar -C {CHECKOUT} -xf {images.GIVEN}/checkout.tar")
        there = Trial(machine.run, control_planes + workers)
        try:
            for name, action in STEPS:
                report.step(name, partial(action, there))
        except FailedError:
            _diagnose(machine)
            raise


def _diagnose(machine: Machine) -> None:
    file = ROOT / "dist" / "vm-diagnosis.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(machine.run(DIAGNOSIS))
    print(f"what the machines' journals say: {file}", flush=True)


def main() -> int:
    """Try it as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.vm")
    parser.add_argument("--suite", choices=PYTHONS, default="bookworm", help="the host's release")
    parser.add_argument("control_planes", type=int, nargs="?", default=1)
    parser.add_argument("workers", type=int, nargs="?", default=1)
    asked = parser.parse_args()
    tried = partial(trial, asked.suite, asked.control_planes, asked.workers)
    return machines.refusal([ARCHITECTURE]) or reported(len(STEPS) + 3, tried)


sys.exit(main())
