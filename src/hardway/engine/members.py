"""A control plane without data joins etcd as a learner, with the data of the others.

It is new, or its disk was lost.

Each act follows from one look at the list of members and at the machine, so that a run that was
interrupted is gone on with by the next one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from hardway.checks.live import Live
from hardway.engine.converge import STOPS_S
from hardway.errors import CommandError, RefusedError, StepError
from hardway.files import write
from hardway.model.cluster import ETCD_CLIENT_PORT, Machine, quorum
from hardway.model.etcd import argv
from hardway.model.members import (
    Member,
    Next,
    initial_cluster,
    member_of,
    next_step,
    parse,
    peer_url,
)
from hardway.model.resources import Change, EtcdMember, Kind, Observed
from hardway.report import Event, Happened, Report
from hardway.steps import apiserver, etcd
from hardway.text import Text, text
from hardway.transport.base import Transport, on_each, poll_until, run_checked

SNAPSHOT = f"{etcd.DATA}/.hardway-snapshot"
SNAPSHOT_S = 300.0
JOINS_S = 120.0
LOOPBACK = f"https://127.0.0.1:{ETCD_CLIENT_PORT}"
UNHEALTHY = "unhealthy cluster"
HASH_BYTES = 32
"""A snapshot ends with the SHA-256 of all before it (etcd, snapshot/v3_snapshot.go)."""
HELD, GONE = "data", "gone"
DATA = f"""for place in $(findmnt --fstab --noheadings --output TARGET 2>/dev/null); do
    case {etcd.DATA}/ in "${{place%/}}"/*)
        findmnt "$place" >/dev/null || {{ echo "unmounted $place"; exit 0; }} ;;
    esac
done
if {etcd.HAS_LOG}; then echo {HELD}
elif [ -e {etcd.STARTED} ]; then echo {GONE}
else echo none; fi"""
"""A folder that another file system should be mounted at looks empty too."""


async def joining(live: Live, seen: Mapping[str, Observed]) -> list[Change]:
    """Return a change for each control plane that has to join etcd; reads only.

    Asked about are machines on which etcd does not run, or on which a run was killed that let it
    join. They join only while others have a quorum.

    Raises:
        RefusedError: no control plane has the data that all of them have had.
    """
    runs = {name for name, o in seen.items() if _runs(o)}
    asked = [
        m
        for m in live.cluster.control_planes
        if m.name in seen and (m.name not in runs or _on_its_way(seen[m.name]))
    ]
    others = runs - {m.name for m in asked}
    members = await _listed(live, others) if asked else ()
    if not members and not all(_enabled(seen.get(m.name)) for m in live.cluster.control_planes):
        # The very first `up`, or one that was killed: nobody had data, so that none can be gone.
        return []
    data = await on_each(_data(live.fleet.get(m.name), m) for m in asked)
    if data == [GONE] * len(live.cluster.control_planes):
        raise _all_gone(asked[0])
    if not members:
        return []
    return [
        _change(machine)
        for machine, held in zip(asked, data, strict=True)
        if next_step(machine, member_of(machine, members), has_data=held == HELD)
        is not Next.NOTHING
    ]


def _all_gone(machine: Machine) -> RefusedError:
    return RefusedError(
        text("no control plane has etcd's data any longer: the cluster would begin anew, without "
             "its objects"),
        hint=text("mount the disk of {folder}, or restore a snapshot (etcdutl snapshot restore); "
                  "to begin anew, on each control plane: hardway ssh {machine} -- rm {note}; "
                  "then: hardway up",
                  folder=etcd.DATA, machine=machine.name, note=etcd.STARTED),
    )  # fmt: skip


def _runs(observed: Observed) -> bool:
    return etcd.UNIT in observed.units and observed.units[etcd.UNIT].active == "active"


def _enabled(observed: Observed | None) -> bool:
    unit = observed.units.get(etcd.UNIT) if observed else None
    return unit is not None and unit.enabled


def _on_its_way(observed: Observed) -> bool:
    return bool(observed.effects.get(etcd.WAY_IN, "").strip())


def _change(machine: Machine) -> Change:
    return Change(
        machine=machine.name, step=etcd.NAME, kind=Kind.JOIN,
        path_or_unit=f"Member/{machine.name}", item=EtcdMember(name=machine.name),
        diff=text("it does not vote and the others have a quorum: it joins them with their data"),
    )  # fmt: skip


async def _listed(live: Live, names: Collection[str]) -> tuple[Member, ...]:
    """Return the members; none where nobody knows, for want of a quorum."""
    for name in names:
        try:
            words = argv("member", "list", "--write-out=json")
            return parse(await run_checked(live.fleet[name], words))
        except CommandError:
            continue
    return ()


async def _data(transport: Transport | None, machine: Machine) -> str:
    """Return whether a machine has data (HELD), has lost it (GONE) or never had any."""
    if transport is None:
        return ""
    said = (await run_checked(transport, ["sh", "-c", DATA])).strip()
    if said.startswith("unmounted"):
        raise RefusedError(
            text("{machine}: {folder} stands in /etc/fstab and is not mounted: hardway cannot know "
                 "whether etcd's data is gone", machine=machine.name,
                 folder=said.partition(" ")[2]),
            hint=text("hardway ssh {machine} -- mount --all; then: hardway up",
                      machine=machine.name),
        )  # fmt: skip
    return said


@dataclass(frozen=True, slots=True)
class Membership:
    """One control plane's membership of etcd."""

    live: Live
    machine: Machine

    @property
    def transport(self) -> Transport:
        """The connection to it."""
        return self.live.fleet[self.machine.name]

    async def join(self, report: Report) -> None:
        """Do what is next on its way in, until there is nothing left.

        Raises:
            StepError: the others have lost their quorum, or it does not get their data in time.
        """
        while (step := await self._next()) is not Next.NOTHING:
            report(Event(happened=Happened.DOING, machine=self.machine.name, text=step))
            match step:
                case Next.REMOVE:
                    await self._remove()
                case Next.ADD:
                    await self._add()
                case Next.START:
                    await self._start()
                case Next.PROMOTE:
                    await self._promote()
        await run_checked(self.transport, ["sh", "-c", etcd.JOINED])

    async def leave(self, report: Report) -> None:
        """Take its member out of etcd, after a snapshot.

        Raises:
            RefusedError: the others are no majority without it, or it lives though it is said to
                be lost.
        """
        members = await self._members()
        member = member_of(self.machine, members)
        if member is None:
            return
        voters = [m for m in members if not m.learner and m is not member]
        healthy = [name for name in self._others if await self._healthy(name)]
        if len(healthy) < quorum(len(voters)):
            raise RefusedError(
                text("without {machine} etcd has {members} members, of which {healthy} are "
                     "healthy: not a majority", machine=self.machine.name, members=len(voters),
                     healthy=len(healthy)),
                hint="let the others become healthy first: hardway status",
            )  # fmt: skip
        report(Event(happened=Happened.DOING, machine=self.machine.name, text=Next.REMOVE))
        await self._snapshot()
        if self.machine.name in self.live.fleet:
            # It says goodbye: balancers take it out before its etcd is gone.
            await self.transport.run(["systemctl", "stop", apiserver.UNIT], timeout_s=STOPS_S)
        elif await self._healthy(healthy[0], f"https://{self.machine.address}:{ETCD_CLIENT_PORT}"):
            raise RefusedError(
                text("{machine} is not lost: its member of etcd answers {other}",
                     machine=self.machine.name, other=healthy[0]),
                hint="switch it off, then run this again",
            )  # fmt: skip
        await self._ask_others("member", "remove", f"{member.id:x}")

    async def _healthy(self, name: str, endpoint: str = LOOPBACK) -> bool:
        """Return whether a member is healthy, as seen from a machine; without more, its own."""
        words = argv("endpoint", "health", endpoint=endpoint)
        return (await self.live.fleet[name].run(words)).status == 0

    async def _next(self) -> Next:
        data = await _data(self.transport, self.machine)
        member = member_of(self.machine, await self._members())
        return next_step(self.machine, member, has_data=data == HELD)

    async def _members(self) -> tuple[Member, ...]:
        members = await _listed(self.live, self._others)
        if not members:
            raise self._failed(text("the other members have no quorum"))
        return members

    @property
    def _others(self) -> list[str]:
        names = [m.name for m in self.live.cluster.control_planes if m is not self.machine]
        return [name for name in names if name in self.live.fleet]

    async def _own(self) -> Member:
        member = member_of(self.machine, await self._members())
        if member is None:
            raise self._failed(text("its member was removed meanwhile"))
        return member

    async def _ask_others(self, *words: str, timeout_s: float = 60) -> str:
        """Run etcdctl on the first other control plane whose member answers."""
        for name in self._others:
            if await self._healthy(name):
                transport = self.live.fleet[name]
                return await run_checked(transport, argv(*words), timeout_s=timeout_s)
        raise self._failed(text("no other member is healthy"))

    async def _remove(self) -> None:
        # It must not start between being removed and added: it would begin a cluster of its own.
        stop = ["systemctl", "disable", "--quiet", "--now", etcd.UNIT]
        await run_checked(self.transport, stop, timeout_s=STOPS_S)
        await self._snapshot()
        await self._ask_others("member", "remove", f"{(await self._own()).id:x}")

    async def _snapshot(self) -> None:
        """Bring a copy of all data into the cluster's folder."""
        folder = self.live.snapshots
        if folder is None:
            return
        content = b""
        for name in self._others:
            transport = self.live.fleet[name]
            save = argv("snapshot", "save", SNAPSHOT, f"--command-timeout={SNAPSHOT_S:.0f}s")
            if (await transport.run(save, timeout_s=SNAPSHOT_S)).status == 0:
                content = (await transport.run(["cat", SNAPSHOT], timeout_s=SNAPSHOT_S)).stdout
            await transport.run(["rm", "-f", SNAPSHOT])
            if sha256(content[:-HASH_BYTES]).digest() == content[-HASH_BYTES:]:
                break
        else:
            raise self._failed(
                text("no snapshot of the others' data could be taken; nothing was removed")
            )
        name = f"etcd-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-before-{self.machine.name}.db"
        folder.mkdir(mode=0o700, exist_ok=True)
        write(folder / name, content, mode=0o600, durable=True)

    async def _add(self) -> None:
        own = f"--peer-urls={peer_url(self.machine)}"

        async def refusal() -> str:
            try:
                await self._ask_others("member", "add", self.machine.name, own, "--learner")
            except CommandError as error:
                return error.output
            return ""

        # For five seconds after another one was promoted etcd lets nobody in.
        said = await poll_until(
            refusal, lambda said: UNHEALTHY not in said, deadline_s=JOINS_S, interval_s=0.5
        )
        if said:
            raise self._failed(text("it was not added: {said}", said=_last(said)))

    async def _start(self) -> None:
        env = etcd.join(initial_cluster(self.machine, await self._members()))
        script = f"""set -eu; umask 022; systemctl stop {etcd.UNIT}
{etcd.HAS_LOG} || [ ! -e {etcd.DATA}/member ] ||
    mv {etcd.DATA}/member {etcd.DATA}/member.$(date +%s)
cat >{etcd.JOIN}.new; mv -fT {etcd.JOIN}.new {etcd.JOIN}
systemctl daemon-reload; systemctl enable --quiet {etcd.UNIT}
systemctl start --no-block {etcd.UNIT}"""
        await run_checked(self.transport, ["sh", "-c", script], stdin=env, timeout_s=STOPS_S)

        async def served() -> bool:
            return (await self._own()).served

        if not await poll_until(served, bool, deadline_s=JOINS_S, interval_s=0.5):
            raise self._failed(text("it did not start as a learner"))

    async def _promote(self) -> None:
        async def refusal() -> str:
            try:
                await self._ask_others("member", "promote", f"{(await self._own()).id:x}")
            except CommandError as error:
                # It may have been promoted though an error was seen: the list says so.
                return error.output if (await self._own()).learner else ""
            return ""

        said = await poll_until(refusal, lambda said: not said, deadline_s=JOINS_S, interval_s=0.5)
        if said:
            raise self._failed(text("it was not promoted: {said}", said=_last(said)))

    def _failed(self, why: Text) -> StepError:
        return StepError(etcd.NAME, {self.machine.name: why})


def _last(said: str) -> str:
    return said.strip().splitlines()[-1]
