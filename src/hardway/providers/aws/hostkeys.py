"""Machines' host keys: what user data brought is for the first login, and is replaced there.

Whoever may describe an instance can read its user data. The key a machine keeps is made here and
goes to it over the connection that the first one has secured.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from hardway.errors import ConnectError
from hardway.files import write
from hardway.model.cluster import Cluster, Machine
from hardway.providers import identity
from hardway.providers.aws.api import Timing
from hardway.providers.base import Progress
from hardway.text import text
from hardway.transport.base import Transport, run_checked
from hardway.transport.target import Target

CONNECT_S = 15.0
INSTALL = """\
set -eu
umask 077
cat >/etc/ssh/ssh_host_ed25519_key.new
ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key.new >/etc/ssh/ssh_host_ed25519_key.pub
chmod 644 /etc/ssh/ssh_host_ed25519_key.pub
mv /etc/ssh/ssh_host_ed25519_key.new /etc/ssh/ssh_host_ed25519_key
systemctl restart ssh.service
"""
"""On the machine, with the key on its stdin."""
SETTLED = "! command -v cloud-init >/dev/null || cloud-init status --wait >/dev/null || true"
"""Until its first boot is over: it also has the package manager's lock."""
SETTLED_S = 600.0


def prepare(keys: Path, cluster: Cluster, there: set[str]) -> None:
    """Make the keys of the operator, of the machines, and for first logins of those not there."""
    identity.ensure(keys, cluster)
    for machine in cluster.machines:
        if machine.name not in there:
            identity.ensure_pair(keys / f"{machine.name}{identity.FIRST}")


def first(keys: Path, machine: str) -> tuple[bytes, bytes] | None:
    """Return the key pair for a machine's first login; None if that is over."""
    private = keys / f"{machine}{identity.FIRST}"
    if not private.exists():
        return None
    return private.read_bytes(), private.with_name(f"{private.name}.pub").read_bytes()


def know(keys: Path, cluster: Cluster, addresses: Mapping[str, str]) -> Path:
    """Write down by which keys the machines are known at their addresses of now."""
    file = keys / "known_hosts"
    write(file, identity.known_hosts(keys, cluster.machines, addresses))
    return file


async def replace(
    keys: Path,
    cluster: Cluster,
    addresses: Mapping[str, str],
    timing: Timing,
    progress: Progress,
) -> None:
    """Wait until new machines answer, and give each the host key it keeps.

    Raises:
        ConnectError: one does not answer.
    """
    new = [m for m in cluster.machines if first(keys, m.name) is not None]
    know(keys, cluster, addresses)

    async def one(machine: Machine) -> None:
        progress(machine.name, text("waiting for its SSH server"))
        target = Login(keys, machine.name, addresses[machine.name], timing)
        key = identity.host_key(keys, machine.name)

        async def install(transport: Transport) -> None:
            await run_checked(transport, ["sh", "-c", SETTLED], timeout_s=SETTLED_S)
            await run_checked(transport, ["sh", "-c", INSTALL], stdin=key)

        await target.once_it_answers(keys / "known_hosts", install)
        # Looked at with the new key alone before the old one is forgotten.
        alone = keys / f".{machine.name}.known_hosts"
        public = (keys / f"{machine.name}.pub").read_text()
        write(alone, f"{target.at} {public}".encode())
        try:
            await target.once_it_answers(alone, nothing)
        finally:
            alone.unlink()
        private = keys / f"{machine.name}{identity.FIRST}"
        for path in (private, private.with_name(f"{private.name}.pub")):
            path.unlink()

    await asyncio.gather(*(one(machine) for machine in new))
    know(keys, cluster, addresses)


async def nothing(_transport: Transport) -> None:
    """Do nothing: that it answers is all."""


@dataclass(frozen=True, slots=True)
class Login:
    """The way to a machine that has just been started."""

    keys: Path
    machine: str
    at: str
    timing: Timing

    async def once_it_answers(
        self, known_hosts: Path, action: Callable[[Transport], Awaitable[None]]
    ) -> None:
        """Do something on the machine as soon as it answers with a key that is known.

        Until cloud-init was there it answers with the image's key, or refuses ours.

        Raises:
            ConnectError: it did not in time.
        """
        # Imported here: half a second that commands which reach no machine need not spend.
        from hardway.transport.ssh import connect  # noqa: PLC0415

        operator = self.keys / "operator"
        target = Target(self.machine, self.at, "root", operator, known_hosts)
        give_up = monotonic() + self.timing.answers_s
        while monotonic() < give_up:
            async with connect([target], timeout_s=CONNECT_S) as fleet:
                if self.machine in fleet:
                    await action(fleet[self.machine])
                    return
            await asyncio.sleep(self.timing.poll_s)
        raise ConnectError(
            text("no answer within {seconds:.0f} s", seconds=self.timing.answers_s),
            where=target.where,
            hint="see whether aws.operators has the address you come from, and what the machine "
            "printed: aws ec2 get-console-output --latest --instance-id ID",
        )
