"""Running machines as user-mode Linux: each has a kernel of its own, which is a program here.

No processor is emulated, so that a machine computes as fast as this host. It has one processor, and
to start a program takes it 25 ms: the kernel traces each of its processes with ptrace(2).
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vm import kernel, machines
from tests.vm.images import NOBODY, OPERATORS_NETWORK, Image
from tests.vm.machines import Machine

OPERATORS, SHARED = "vm-operators", "vm-shared"
"""Bridges. This host has an address on the first alone, and nothing leads out of either."""


@dataclass(frozen=True)
class Wanted:
    """What a machine is to be like."""

    name: str
    number: int
    """The last part of its address on the operator's network, and of its MACs."""
    image: Image
    memory_mib: int

    @property
    def address(self) -> str:
        """Where its sshd is reached from this host."""
        return f"{OPERATORS_NETWORK}.{self.number}"

    def tap(self, bridge: str) -> str:
        """Return the name of its end of a cable to a bridge."""
        return f"{bridge}-{self.number}"


START = """#!/bin/bash
for fd in /proc/self/fd/*; do
    fd=${{fd##*/}}
    # The first are the console, and this script.
    case $fd in 0 | 1 | 2 | 255) ;; *) exec {{fd}}>&- ;; esac
done
exec -a "$0" {program} "$@"
"""
"""A boot. At a reboot the kernel executes its own argv[0] again, and has open what it had: its
memory, which would be there twice, and its network cards, which nobody else can open."""


def _card(number: int, wanted: Wanted, bridge: str) -> str:
    """Return a network card of a machine; without gro it drops what a bridge hands on merged."""
    tap, mac = wanted.tap(bridge), f"52:54:00:00:{number:02d}:{wanted.number:02d}"
    return f"vec{number}:transport=tap,ifname={tap},mac={mac},depth=128,gro=1"


def command(wanted: Wanted, folder: Path) -> list[str]:
    """Return the argv that runs a machine; what it writes to its disk goes with the folder.

    The folder `given` is all that it sees of this host's files.
    """
    return [
        # Gone with this program, however it ends, and with all the processes it traces.
        "setpriv", "--pdeathsig", "KILL", "--",
        "unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--",
        str(folder / "start"), f"mem={wanted.memory_mib}M",
        f"ubd0={folder / 'changes'},{wanted.image.disk}", "root=/dev/ubda", "rw",
        f"hostfs={folder / 'given'}", "con=null", "con0=null,fd:2", "ssl=null", "quiet",
        _card(0, wanted, OPERATORS), _card(1, wanted, SHARED),
        f"ip={wanted.address}::{NOBODY}:255.255.255.0:{wanted.name}:vec0:none",
        f"systemd.hostname={wanted.name}",
    ]  # fmt: skip


@contextmanager
def running(wanted: Sequence[Wanted], folder: Path) -> Iterator[dict[str, Machine]]:
    """Run machines meanwhile, on two networks; they may not answer yet.

    A folder each in `folder`, of which `given` may have more for the machine.
    """
    with ExitStack() as stack:
        for bridge in (OPERATORS, SHARED):
            stack.enter_context(_bridge(bridge))
        _ip("address", "add", f"{OPERATORS_NETWORK}.1/24", "dev", OPERATORS)
        there = {}
        for one in wanted:
            for bridge in (OPERATORS, SHARED):
                stack.enter_context(_tap(one.tap(bridge), bridge))
            machines.make_keys(folder / one.name, one.address)
            start = folder / one.name / "start"
            start.write_text(START.format(program=kernel.ensure().program))
            start.chmod(0o755)
            there[one.name] = stack.enter_context(_process(one, folder / one.name))
        yield there


@contextmanager
def _process(wanted: Wanted, folder: Path) -> Iterator[Machine]:
    # Its memory is a file there, which it maps to execute what is in it.
    environment = {**os.environ, "TMPDIR": "/dev/shm"}
    with (folder / "console.log").open("w") as console:
        process = subprocess.Popen(
            command(wanted, folder), start_new_session=True, env=environment,
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
        )  # fmt: skip
    try:
        yield Machine(folder, process, wanted.address)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _bridge(name: str) -> Iterator[None]:
    _ip("link", "add", name, "type", "bridge")
    try:
        _ip("link", "set", name, "up")
        yield
    finally:
        _ip("link", "delete", name)


@contextmanager
def _tap(name: str, bridge: str) -> Iterator[None]:
    _ip("tuntap", "add", name, "mode", "tap")
    try:
        _ip("link", "set", name, "master", bridge, "up")
        yield
    finally:
        # Not as a tap: a machine that is just ending has it open.
        _ip("link", "delete", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def refusal() -> str:
    """Return what this host lacks for such machines, and what to do; else ""."""
    if os.geteuid():
        return "error: machines on bridges of this host are made by root"
    lacking = machines.lacking(machines.TOOLS | kernel.PACKAGES)
    return machines.told(lacking | (set() if kernel.source() else {"linux-source"}))
