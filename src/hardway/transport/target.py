"""How one machine is reached. Values only."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from hardway.text import text


@dataclass(frozen=True, slots=True)
class Target:
    """A machine and the way to it; what is None is as ~/.ssh/config or ssh's defaults say."""

    machine: str
    host: str
    user: str | None
    key: Path | None
    known_hosts: Path | None
    """Of machines that hardway made; None where the operator's own files know the host."""
    port: int | None = None
    bastion: str | None = None
    """`[user@]host[:port]`"""
    config: Path | None = None
    """In place of ~/.ssh/config."""

    @property
    def where(self) -> str:
        """The machine as errors call it."""
        if self.machine == self.host:
            return self.machine
        return text("{machine} ({host})", machine=self.machine, host=self.host)


def bastion(target: Target, hop: str, before: str | None = None) -> Target:
    """Return a host in between as a target: our key there too, a user of its own."""
    user, _, place = hop.rpartition("@")
    host, _, port = place.partition(":")
    return replace(target, machine=text("bastion {host}", host=host), host=host,
                   user=user or None, port=int(port) if port else None, bastion=before)  # fmt: skip


def login(target: Target) -> list[str]:
    """Return the argv of ssh(1) that goes where the target leads, by the same settings."""
    flags = ["-F", str(target.config.expanduser())] if target.config else []
    flags += ["-p", str(target.port)] if target.port else []
    flags += ["-i", str(target.key.expanduser())] if target.key else []
    if target.bastion:
        # -J would not give our key to the host in between.
        over = login(bastion(target, target.bastion))
        through = [*over[:-1], "-W", "[%h]:%p", over[-1]]
        flags += ["-o", f"ProxyCommand={shlex.join(through)}"]
    return ["ssh", *flags, f"{target.user}@{target.host}" if target.user else target.host]
