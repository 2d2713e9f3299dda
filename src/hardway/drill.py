"""Taking control planes away, one after another, while a client writes and reads."""

import asyncio
import http.client
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event as Flag
from threading import Thread
from time import monotonic

from hardway.checks.live import Live
from hardway.engine.verify import check, holds
from hardway.model.checks import CLUSTER, Claim, Subject, judged
from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import Finding
from hardway.providers.base import Provider
from hardway.report import Event, Happened, Report
from hardway.status import status
from hardway.steps import control_plane, endpoint, etcd
from hardway.text import text
from hardway.transport.base import poll_until

ANSWERS_WITHIN_S = 5.0
WATCHED_S = 5.0
"""How long a machine stays away at least: time enough for a second stumble to show."""
HEALS_S = 180.0
REQUEST_S = 2.0
"""When the client gives a request up and makes a new connection."""
PAUSE_S = 0.05

ANSWERS = Claim(
    name="answers-again", step=endpoint.NAME,
    why="clients should hardly notice that a control plane is lost",
    see="hardway machine stop --force <MACHINE>; hardway kubectl get --raw=/readyz",
)  # fmt: skip
HEALS = Claim(
    name="heals-by-itself", step=etcd.NAME,
    why="a machine that comes back is whole without anybody's help",
    see="hardway status",
)  # fmt: skip
KEPT = Claim(
    name="no-write-lost", step=etcd.NAME,
    why="what was acknowledged is stored on a majority",
    see="hardway kubectl get configmaps",
)  # fmt: skip

Reach = Callable[[], AbstractAsyncContextManager[Live]]


@dataclass(slots=True)
class Client:
    """Writes a ConfigMap and reads it again, time after time, each on a new connection."""

    cluster: Cluster
    tls: ssl.SSLContext
    namespace: str
    acknowledged: list[str] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    """When a write and its read had both succeeded, by the monotonic clock."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run in a thread of its own meanwhile."""
        done = Flag()
        thread = Thread(target=self._run, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _run(self, done: Flag) -> None:
        number = 0
        while not done.wait(PAUSE_S):
            number += 1
            name = f"write-{number}"
            if self._ask("POST", "", {"metadata": {"name": name}})[0] == http.client.CREATED:
                self.acknowledged.append(name)
                if self._ask("GET", f"/{name}")[0] == http.client.OK:
                    self.answered.append(monotonic())

    async def last_answer(self) -> float:
        """Return when the last answer came, 0 before the first."""
        return self.answered[-1] if self.answered else 0.0

    def lost(self) -> list[str]:
        """Return the acknowledged writes that are not there."""
        stored = json.loads(self._ask("GET", "")[1])
        there = {item["metadata"]["name"] for item in stored["items"]}
        return [name for name in self.acknowledged if name not in there]

    def longest_silence_s(self, since: float) -> float:
        """Return the longest time without an answer since a moment, up to now."""
        times = [since, *(t for t in self.answered if t > since), monotonic()]
        return max(later - earlier for earlier, later in pairwise(times))

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Make one request; the status is 0 where there was no answer."""
        endpoint = self.cluster.api_from_here
        connection = http.client.HTTPSConnection(
            endpoint.host, endpoint.port, context=self.tls, timeout=REQUEST_S
        )
        try:
            connection.request(
                method,
                f"/api/v1/namespaces/{self.namespace}/configmaps{path}",
                body=json.dumps(body) if body else None,
                headers={"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Drill:
    """What it takes to take machines away and to see what comes of it."""

    cluster: Cluster
    provider: Provider
    reach: Reach
    report: Report

    async def control_planes_lost(self, tls: ssl.SSLContext) -> list[Finding]:
        """Take each control plane away in turn and bring it back.

        By pulling its plug; a host that could not be started from here is rebooted. The next to
        go is always the one it hurts most: etcd's leader, or who holds the endpoint.
        `tls` has the credentials of the client that writes and reads meanwhile.
        """
        client = Client(self.cluster, tls, f"hardway-drill-{secrets.token_hex(3)}")
        async with self.reach() as live:
            kubectl = live.kubectl
        await kubectl.run("create", "namespace", client.namespace)
        findings: list[Finding] = []
        remaining = list(self.cluster.control_planes)
        try:
            with client.running():
                while remaining:
                    machine, burden = await self._next(remaining)
                    remaining.remove(machine)
                    findings += await self._lose(machine, burden, client)
            lost = await asyncio.to_thread(client.lost)
            written = len(client.acknowledged)
            (kept,) = judged(text("{count} writes", count=written),
                             text("{count} writes", count=written - len(lost)))  # fmt: skip
            (whole,) = CLUSTER.subjects(self.cluster)
            return [*findings, KEPT.finding(whole, kept)]
        finally:
            await kubectl.run("delete", "namespace", client.namespace, "--wait=false")

    async def _next(self, remaining: list[Machine]) -> tuple[Machine, str]:
        """Return the machine whose loss hurts most, and what it has."""
        async with self.reach() as live:
            seen = await status(live, await self.provider.states(self.cluster))
        roles = {seen.etcd.leader: text("etcd's leadership"),
                 seen.endpoint.holder: text("the endpoint")}  # fmt: skip
        if seen.etcd.leader == seen.endpoint.holder:
            roles = {seen.etcd.leader: text("etcd's leadership and the endpoint")}
        machine = max(remaining, key=lambda m: roles.get(m.name, ""))
        return machine, roles.get(machine.name, text("neither etcd's leadership nor the endpoint"))

    async def _lose(self, machine: Machine, burden: str, client: Client) -> list[Finding]:
        began = monotonic()
        async with self._away(machine, burden):
            enough = began + WATCHED_S
            await poll_until(client.last_answer, lambda t: t > enough, deadline_s=HEALS_S)
        back = monotonic()
        whole = await poll_until(self._whole, bool, deadline_s=HEALS_S, interval_s=1)
        healed_s, silence_s = monotonic() - back, client.longest_silence_s(began)
        self._tell(machine, text("back after {healed:.0f} s; {silence:.1f} s without an answer",
                                 healed=healed_s, silence=silence_s))  # fmt: skip
        of = Subject("machine", machine.name, self.cluster)
        (answered,) = judged(
            text("within {seconds:.0f} s", seconds=ANSWERS_WITHIN_S),
            text("after {seconds:.1f} s; it had {burden}", seconds=silence_s, burden=burden),
            holds=silence_s <= ANSWERS_WITHIN_S,
        )
        (healed,) = judged(
            text("within {seconds:.0f} s", seconds=HEALS_S),
            text("after {seconds:.0f} s", seconds=healed_s),
            holds=whole,
        )
        return [ANSWERS.finding(of, answered), HEALS.finding(of, healed)]

    @asynccontextmanager
    async def _away(self, machine: Machine, burden: str) -> AsyncIterator[None]:
        if not self.provider.switches:
            self._tell(machine, text("rebooting it; it has {burden}", burden=burden))
            await self.provider.restart(self.cluster, machine, force=False)
            yield
            return
        try:
            self._tell(machine, text("pulling its plug; it has {burden}", burden=burden))
            await self.provider.stop(self.cluster, machine, force=True)
            yield
        finally:
            # Also where this is interrupted: nobody's machine stays away.
            self._tell(machine, text("starting it again"))
            await self.provider.start(self.cluster, machine)

    async def _whole(self) -> bool:
        async with self.reach() as live:
            steps = (etcd.STEP, control_plane.STEP, endpoint.STEP)
            return all(holds(f) for f in await asyncio.gather(*(check(s, live) for s in steps)))

    def _tell(self, machine: Machine, what: str) -> None:
        said = text("{machine}: {what}", machine=machine.name, what=what)
        self.report(Event(happened=Happened.DOING, text=said))
