"""The host's kernel settings that several machines on it need, and putting them back."""

import json
import shutil
import subprocess
from pathlib import Path

from hardway.files import write
from hardway.providers.local.names import STATE
from hardway.steps.machines import CHANGED_SETTINGS

AT_LEAST = {
    # One kernel counts for all machines; systemd, kubelet and containerd each take a few dozen.
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 524288,
    # Machines reach the outside through this host.
    "net/ipv4/ip_forward": 1,
}
MODULES = ("overlay", "br_netfilter", "nf_conntrack")

SAVED = STATE.parent / "sysctl.json"
PROC = Path("/proc/sys")


def load_modules() -> None:
    """Load what machines need and cannot load themselves; what is built in needs no loading.

    A host that has one neither way is found out by the first step's settings, with the reason.
    br_netfilter that comes with it leaves this host's own bridges alone.
    """
    bridges = PROC / "net/bridge"
    before = bridges.exists()
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "--all", "--quiet", *MODULES], capture_output=True, check=False)
    if not before:
        # They come up switched on, and firewalls made for routed packets would end others' on the
        # host's bridges. Machines have switches of their own (per network namespace, Linux 5.3).
        for switch in bridges.glob("bridge-nf-call-*"):
            switch.write_text("0")


def raise_limits() -> None:
    """Raise what is too low, after saving what was there before the first cluster."""
    if not SAVED.exists():
        # What services on machines set: of some, the kernel has one value for all and the host.
        wanted = [name for name in (*AT_LEAST, *CHANGED_SETTINGS) if (PROC / name).exists()]
        before = {name: (PROC / name).read_text().strip() for name in wanted}
        write(SAVED, f"{json.dumps(before)}\n".encode())
    for name, least in AT_LEAST.items():
        if int((PROC / name).read_text()) < least:
            (PROC / name).write_text(str(least))


def put_back() -> None:
    """Restore the values from before the first cluster; the last cluster's end calls it."""
    if SAVED.exists():
        for name, value in json.loads(SAVED.read_text()).items():
            (PROC / name).write_text(value)
        SAVED.unlink()
