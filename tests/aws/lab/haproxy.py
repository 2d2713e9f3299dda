"""A network load balancer: haproxy in a namespace of its own, and what it finds of its targets."""

import asyncio
import contextlib
import csv
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from tests.aws.lab.router import entering, space_of
from tests.aws.lab.view import Listener, Node

FASTER = 10
"""How many times as often as AWS targets are looked at, so that tests need not wait.

They have as long to answer as on AWS.
"""
INSIDE = "/mnt"
"""Where in the base root, which has haproxy, the lab's folder is seen."""

HEAD = f"""global
    stats socket {INSIDE}/NAME.sock mode 600
defaults
    mode tcp
    timeout connect 5s
    timeout check 10s
    timeout client 350s
    timeout server 350s
"""


def config(name: str, listeners: Sequence[Listener]) -> str:
    """Return haproxy's configuration for the listeners of a load balancer. Pure."""
    parts = [HEAD.replace("NAME", name)]
    for listener in listeners:
        check = "check"
        parts.append(f"listen port-{listener.port}\n    bind :{listener.port}\n")
        if listener.path:
            parts.append(
                f"    option httpchk GET {listener.path}\n    http-check expect status 200\n"
            )
            check += " check-ssl verify none"
        interval_ms = listener.interval_s * 1000 // FASTER
        check += f" inter {interval_ms}ms rise {listener.rise} fall {listener.fall}"
        parts += [
            f"    server {target.address}:{target.port} {target.address}:{target.port} {check}\n"
            for target in listener.targets
        ]
    return "".join(parts)


@dataclass(slots=True)
class Balancer:
    """One that runs, or is about to."""

    name: str
    folder: Path
    base: Path
    config: str = ""
    process: Process | None = None

    async def converge(self, node: Node, listeners: Sequence[Listener]) -> None:
        """Let haproxy run as the listeners say; one that runs lets its connections end."""
        wanted = config(self.name, listeners)
        if wanted == self.config or not listeners:
            return
        (self.folder / f"{self.name}.cfg").write_text(wanted)
        old = self.process
        argv = ["chroot", str(self.base), "/usr/sbin/haproxy", "-f", f"{INSIDE}/{self.name}.cfg"]
        if old is not None:
            old.send_signal(signal.SIGUSR1)
        self.process = await asyncio.create_subprocess_exec(
            *entering(space_of(node.id), argv), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        self.config = wanted

    async def stop(self) -> None:
        """End it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    async def healthy(self) -> set[tuple[str, int]]:
        """Return the targets that pass their checks."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.folder / f"{self.name}.sock")
        except OSError:  # not up yet
            return set()
        writer.write(b"show stat\n")
        said = (await reader.read()).decode().removeprefix("# ")
        writer.close()
        rows = [row for row in csv.DictReader(StringIO(said)) if row["type"] == "2"]
        up = [row["svname"].rpartition(":") for row in rows if row["status"].startswith("UP")]
        return {(address, int(port)) for address, _, port in up}
