"""The lab's router, on a kernel that is as slow as a test wants it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.aws.lab import router
from tests.aws.lab.router import Router
from tests.aws.lab.view import Kind, Node, View

from hardway.errors import CommandError

NODE = Node(id="i-0123456789abcdef0", kind=Kind.MACHINE, addresses=(), public=(),
            groups=frozenset(), checked=True)  # fmt: skip
PODS = "10.208.0.0/24"
EMPTY = View(nodes=(), boots=(), listeners=(), ingress=(), egress=(), routes=(), vpcs=(),
             outside=False, names=())  # fmt: skip


@dataclass
class Kernel:
    """Routes to links; a command takes effect only after others had their turn."""

    slow: str
    """How the commands begin that start slowly."""
    routes: dict[str, str] = field(default_factory=lambda: {PODS: NODE.link})

    async def run(self, argv: Sequence[str], stdin: bytes = b"") -> str:
        words = stdin.decode().split()
        for _ in range(10 if words[:2] == self.slow.split() else 1):
            await asyncio.sleep(0)
        if words[:2] == ["link", "delete"]:
            self.routes = {cidr: to for cidr, to in self.routes.items() if to != words[2]}
        if words[:2] == ["route", "delete"] and self.routes.pop(words[2], None) is None:
            raise CommandError("lab", argv, 2, "RTNETLINK answers: No such process")
        return ""


@pytest.mark.parametrize("slow", ["nothing", "link delete", "route delete"])
@pytest.mark.parametrize("first", ["unplug", "converge"])
def test_a_link_and_a_route_to_it_go_together(
    slow: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The route went with its link while `ip route delete` was starting: the lab ended there."""
    kernel = Kernel(slow)
    monkeypatch.setattr(router, "run", kernel.run)

    async def both() -> None:
        under_test = Router()
        under_test.plugged = {NODE.id: NODE}
        under_test._routes = {PODS: NODE.id}
        work = {
            "unplug": under_test.unplug(NODE.id),
            "converge": under_test.converge(replace(EMPTY, nodes=(NODE,))),
        }
        await asyncio.gather(work.pop(first), *work.values())
        assert under_test._routes == {}

    asyncio.run(both())
    assert kernel.routes == {}
