"""The lab as a process: in namespaces of its own, of which it is the first process.

Started by `outside.Lab` through unshare(1). When this process ends, however that comes, the kernel
ends all others in here and takes namespaces, mounts, links and rules along.
"""

import asyncio
import os
import subprocess
import sys
import threading
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from tests.aws import serve
from tests.aws.lab import metadata, resolver
from tests.aws.lab.haproxy import INSIDE
from tests.aws.lab.machines import Machines, Stubs, Systems
from tests.aws.lab.outside import CONTROL, KEY, PORT, READY, Kind
from tests.aws.lab.reconcile import Lab
from tests.aws.lab.router import HERE
from tests.aws.support import client
from tests.aws.tap import Fault, Tap, When
from tests.aws.wire import Refused

RESOLVERS = Path("/etc/resolv.conf")


class Desk:
    """What tests outside may ask of the lab, and tell it."""

    def __init__(self, tap: Tap, lab: Lab) -> None:
        self._tap, self._lab = tap, lab

    def ask(self, service: str, operation: str, asked: dict[str, Any]) -> Any:
        """Make a call of boto3 to the fake AWS; return its answer, or raise what it raised."""
        try:
            return getattr(client(service), operation)(**asked)
        except ClientError as error:
            raise RuntimeError(str(error)) from None

    def left(self) -> list[str]:
        """Return what was made at the fake AWS and is still there."""
        return self._tap.left

    def actions(self) -> list[str]:
        """Return the calls so far."""
        return self._tap.actions

    def problems(self) -> list[str]:
        """Return what went wrong with the fake AWS or the lab itself."""
        return [*self._tap.account.problems, *self._lab.problems]

    def change(self, laws: dict[str, object]) -> None:
        """Make the account's laws other than they are."""
        self._tap.change(**laws)

    def refuse(self, after_calls: int, code: str) -> None:
        """Let one of the next calls be refused."""
        at = len(self._tap.calls) + after_calls
        self._tap.fault = Fault(at=at, when=When.BEFORE, error=Refused(code, "as asked"))

    def plugged(self) -> list[str]:
        """Return the instances and load balancers that have a namespace."""
        return sorted(self._lab.router.plugged)


def prepare(folder: Path, base: Path) -> None:
    """Make this mount namespace the lab's own: nothing of the host is seen that must not be."""
    asked = RESOLVERS.resolve()
    # Names of network namespaces are here, and what tells nspawn that the host runs systemd.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    own = folder / "resolv.conf"
    own.write_text(f"nameserver {HERE}\noptions timeout:1 attempts:2\n")
    if asked.is_relative_to("/run"):
        asked.parent.mkdir(parents=True, exist_ok=True)
        asked.write_text(own.read_text())
    else:
        subprocess.run(["mount", "--bind", str(own), str(asked)], check=True)
    subprocess.run(["mount", "--bind", str(folder), f"{base}{INSIDE}"], check=True)


async def main(folder: Path, kind: Kind, base: Path) -> None:
    """Be the lab until the other end of stdin is closed."""
    prepare(folder, base)
    tap = Tap()
    machines: Machines = Systems(base) if kind is Kind.SYSTEMS else Stubs(folder)
    lab = Lab(tap, machines, folder, base)
    running = asyncio.create_task(lab.run())
    while not lab.router.begun:
        await asyncio.sleep(0.01)
        if running.done():
            running.result()
    metadata.serve(lambda: lab.view)
    resolver.serve(HERE, lab.names)
    desk = Desk(tap, lab)

    class Manager(BaseManager):
        pass

    Manager.register("desk", callable=lambda: desk)
    manager = Manager(address=str(folder / CONTROL), authkey=KEY)
    threading.Thread(target=manager.get_server().serve_forever, daemon=True).start()
    with serve.listening(tap, HERE, PORT) as environment:
        os.environ.update(environment)  # the desk asks as programs do
        print(READY, flush=True)
        closed = asyncio.create_task(_end_of_input())
        await asyncio.wait([closed, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()


async def _end_of_input() -> None:
    """Wait for it without a thread, which would keep a lab alive that has failed."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()


def reap(child: int) -> int:
    """Be the first process of a pid namespace: bury whoever dies; return the child's status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    forked = os.fork()
    if forked:
        os._exit(reap(forked))
    asyncio.run(main(Path(sys.argv[1]), Kind(sys.argv[2]), Path(sys.argv[3])))
    # Threads that serve would keep it alive.
    os._exit(0)
