"""What runs in an instance's namespace: a booted system, or a stub with a few small servers."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import NAMESPACE_DNS, uuid5

from tests.aws.lab import userdata
from tests.aws.lab.name import LAB
from tests.aws.lab.router import entering, space_of
from tests.aws.lab.view import Boot

from hardway.providers.local import cgroups, disk, nspawn
from hardway.providers.local.facts import memory_bytes

SHARES = 6
"""Machines among which the host's memory is divided."""
GRACE_S = 5.0


class Machines(Protocol):
    """Starts and stops what instances are."""

    async def start(self, boot: Boot, resolver: str) -> None:
        """Start an instance whose network is plugged in; its disk is what it was."""

    async def stop(self, instance: str) -> None:
        """Stop an instance; its disk stays."""

    async def remove(self, instance: str) -> None:
        """Delete a stopped instance's disk."""


@dataclass(frozen=True, slots=True)
class Systems:
    """Debian with systemd and sshd, by systemd-nspawn as provider `local` boots it."""

    base: Path

    async def start(self, boot: Boot, resolver: str) -> None:
        """Give it what user data says, and boot it."""
        hostname = f"ip-{boot.address.replace('.', '-')}"
        files = userdata.files(boot.user_data, boot.key, hostname)
        machine_id = uuid5(NAMESPACE_DNS, boot.id).hex
        files |= {
            "etc/machine-id": (f"{machine_id}\n".encode(), 0o444),
            "etc/resolv.conf": (f"nameserver {resolver}\n".encode(), 0o644),
        }
        await asyncio.to_thread(disk.make, LAB, boot.id, self.base, files)
        share = memory_bytes() // SHARES
        await nspawn.boot(LAB, boot.id, None, memory_share=share)

    async def stop(self, instance: str) -> None:
        """Shut it down; unmount its disk."""
        await nspawn.stop(LAB, instance, force=False, grace_s=GRACE_S)
        await asyncio.to_thread(cgroups.remove, LAB, instance)
        await disk.unmount(LAB, instance)

    async def remove(self, instance: str) -> None:
        """Delete its disk."""
        await asyncio.to_thread(disk.remove, LAB, instance)


@dataclass(frozen=True, slots=True)
class Stubs:
    """A process with a few servers; see stub.py."""

    folder: Path
    running: dict[str, Process] = field(default_factory=dict)

    async def start(self, boot: Boot, resolver: str) -> None:
        """Start the process in its namespace."""
        script = Path(__file__).with_name("stub.py")
        argv = [sys.executable, str(script), boot.id, str(self.folder)]
        process = await asyncio.create_subprocess_exec(
            *entering(space_of(boot.id), argv), stdin=DEVNULL
        )
        self.running[boot.id] = process

    async def stop(self, instance: str) -> None:
        """End the process."""
        process = self.running[instance]
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()

    async def remove(self, instance: str) -> None:
        """Forget it."""
