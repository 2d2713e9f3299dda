"""`make vm`: hardway on the kind of host most users have, a virtual machine made for it.

python -m tests.vm [CONTROL_PLANES WORKERS]
"""

import sys
from functools import partial
from pathlib import Path

from tests.cluster.conftest import ROOT, spec
from tests.vm import images, machines
from tests.vm.given import prepare
from tests.vm.machines import FailedError, Machine, Wanted
from tests.vm.report import Report, reported
from tests.vm.trial import CHECKOUT, STEPS, Trial

ARCHITECTURE = "amd64"
RECIPE = images.Recipe(
    name="docker",
    suite="bookworm",
    architecture=ARCHITECTURE,
    packages=("docker.io", "iptables", "make", "python3", "python3-venv", "systemd-container",
              "mmdebstrap", "nftables", "kmod", "openssh-client"),
)  # fmt: skip
"""With Docker, and what `make setup` would install: there is no package source within."""
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


def trial(control_planes: int, workers: int, report: Report, folder: Path) -> None:
    """Make the virtual machine and try hardway on it."""
    image = report.step("a disk with Debian and Docker", lambda: images.ensure(RECIPE))
    given = partial(prepare, folder / "given", spec("vm", 9, control_planes, workers))
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


control_planes, workers = map(int, sys.argv[1:] or ("1", "1"))
sys.exit(
    machines.refusal([ARCHITECTURE])
    or reported(len(STEPS) + 3, partial(trial, control_planes, workers))
)
