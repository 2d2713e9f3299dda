"""The work by hardway's own engine, as `up` does it once files are rendered.

python -m bench.ssh.by_hardway HOSTS SERIAL JOINED [look]

SERIAL and JOINED are those of `work.desired`. With `look` it changes nothing, as `plan`.
"""

import asyncio
import sys
from types import SimpleNamespace
from typing import cast

from bench.ssh import work
from bench.ssh.hosts import KNOWN_HOSTS, OPERATOR, WITHIN, Host
from hardway.checks.live import Live
from hardway.engine.compare import compare
from hardway.engine.order import bring_about
from hardway.model.cluster import Cluster
from hardway.report import Journal
from hardway.steps.base import Step
from hardway.tools.kubectl import Kubectl
from hardway.transport import ssh
from hardway.transport.target import Target

CLUSTER = cast(Cluster, SimpleNamespace(name="bench", machines=(), control_planes=(), workers=()))
JOURNAL = Journal(WITHIN / "journal.jsonl")
NO_API = cast(Kubectl, None)


STEP = Step(name="bench", title="Bench", why="")
"""Without checks: Ansible and pyinfra look no second time either."""


async def main(count: int, serial: int, joined: int, *, look: bool) -> None:
    """Bring the hosts to what they should be; say how much had to change."""
    hosts = [Host(index) for index in range(1, count + 1)]
    rendered = {
        h.name: {STEP.name: work.desired(h.name, serial if h.index == 1 else 0, joined)}
        for h in hosts
    }
    targets = [Target(h.name, h.address, "root", OPERATOR, KNOWN_HOSTS) for h in hosts]
    async with ssh.connect(targets, timeout_s=60) as fleet:
        assert len(fleet) == count, sorted(set(rendered) - set(fleet))
        live = Live(CLUSTER, fleet, NO_API, NO_API)
        changes = await compare(live, rendered, {})
        if not look:
            await bring_about((STEP,), changes, live, JOURNAL)
    print(f"changed {len(changes)}")


asyncio.run(main(*map(int, sys.argv[1:4]), look="look" in sys.argv))
