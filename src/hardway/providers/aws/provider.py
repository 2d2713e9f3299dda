"""The provider `aws`: machines as EC2 instances, the API behind a network load balancer."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NoReturn

from hardway.errors import ConnectError, PreflightError, RefusedError
from hardway.model.cluster import Cluster, Endpoint, EndpointKind, HostFacts, Machine
from hardway.providers.aws import cleanup, hostkeys, instances, make, plan, preflight, whose
from hardway.providers.aws.api import Api, Clients, Timing, needs_boto3
from hardway.providers.aws.base import Found, Site, Work
from hardway.providers.aws.images import architecture_of
from hardway.providers.aws.names import new_id
from hardway.providers.aws.records import FILE, Records, load
from hardway.providers.aws.table import KINDS, Survey, survey, total
from hardway.providers.base import MachineState, Outlook, Problem, Progress
from hardway.providers.hosts import facts as host_facts
from hardway.spec.schema import ClusterSpec
from hardway.text import text
from hardway.transport.base import Fleet
from hardway.transport.target import Target

CONNECT_S = 20.0
TIMING = Timing()
SHOWN = frozenset({"vpc", "instance", "load balancer"})
"""Kinds whose ids people know from AWS's console."""
NAMELESS = "load-balancer.not-made-yet.invalid"
"""Where the API is before there is a load balancer: plans show it, nothing is made with it."""
STATES = {
    "pending": MachineState.RUNNING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPED,
    "stopped": MachineState.STOPPED,
}


def _silent(_machine: str, _text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class AwsProvider:
    """Machines on AWS; see `providers.base.Provider` for the methods."""

    switches: ClassVar[bool] = True

    spec: ClusterSpec
    folder: Path
    """The cluster's own folder; SSH keys are in its `ssh`, what was asked for in aws.json."""
    cache: Path
    timing: Timing = TIMING

    @property
    def keys(self) -> Path:
        """Where the SSH keys are."""
        return self.folder / "ssh"

    @cached_property
    def api(self) -> Api:
        """The way to AWS; nothing is asked yet."""
        needs_boto3()
        aws = self.spec.aws
        if aws.region is None:
            raise RefusedError("aws.region is missing", hint="name the region: aws.region")
        return Api(Clients(aws.region, aws.profile), self.timing)

    def architectures(self, cluster: Cluster) -> frozenset[str]:
        """Return the architectures of the instance types, by their names."""
        types = self.spec.aws.types
        del cluster
        return frozenset(architecture_of(kind) for kind in (*types.control_planes, *types.workers))

    def settled(self, cluster: Cluster) -> Cluster:
        """Return the cluster with its load balancer's name, as soon as AWS has said it."""
        records = load(self.folder)
        host = (records.endpoint if records else "") or NAMELESS
        return replace(cluster, endpoint=Endpoint(EndpointKind.MADE, host, cluster.endpoint.port))

    async def preflight(self, cluster: Cluster) -> None:
        """Check account, region, quotas, types, image, rights and names."""
        records, _, there = await self._seen()
        question = preflight.Question(self.api, cluster, self.spec.aws, records, there)
        await preflight.check(question)

    async def _seen(self) -> tuple[Records | None, whose.Identity, Survey]:
        """Return what is on record, who we are, and what of the cluster is there."""
        who = await whose.identity(self.api)
        records = load(self.folder)
        if records is None:
            return None, who, {kind.name: [] for kind in KINDS}
        whose.same_place(records, who, self.api.region)
        return records, who, await survey(Site(self.api, records.id))

    async def outlook(self, cluster: Cluster) -> Outlook:
        """Return what `ensure` would make, and what it costs."""
        records, who, there = await self._seen()
        aws, api = self.spec.aws, self.api
        chosen = await plan.chosen(api, aws, records, who, there)
        design = await plan.design(api, cluster, aws, chosen, self.keys)
        return Outlook(
            where=text(
                "{identity}, account {account}, region {region}",
                identity=who.arn,
                account=who.account,
                region=api.region,
            ),
            changes=plan.missing(design, there),
            now=total(there, api.region),
            whole=plan.whole(design),
        )

    async def belongings(self, name: str) -> list[str]:
        """Return all that bears the cluster's tags."""
        id_ = await self._id(name)
        if id_ is None:
            return []
        there = await survey(Site(self.api, id_))
        found = {kind.name: [thing.id for thing in there[kind.name]] for kind in KINDS}
        return [
            f"{len(ids)} x {kind}" + f": {', '.join(ids)}" * (kind in SHOWN)
            for kind, ids in found.items()
            if ids
        ]

    async def _id(self, name: str) -> str | None:
        """Return a cluster's id: the one on record, or the only one of that name we made."""
        who = await whose.identity(self.api)
        records = load(self.folder)
        if records is None:
            return await whose.only(self.api, name, who)
        whose.same_place(records, who, self.api.region)
        return records.id

    async def states(self, cluster: Cluster) -> dict[str, MachineState]:
        """Return the state of each machine."""
        there = await self._machines()
        return {
            m.name: STATES[there[m.name].seen["State"]]
            if m.name in there else MachineState.ABSENT
            for m in cluster.machines
        }  # fmt: skip

    async def _machines(self) -> dict[str, Found]:
        """Return the instances by machine; none before the first `up`."""
        records = load(self.folder)
        if records is None:
            return {}
        found = await instances.find(Site(self.api, records.id))
        there = {f.role: f for f in found if not f.leaving}
        records.saw("", {role: f.seen["PublicIpAddress"] for role, f in there.items()})
        return there

    async def ensure(self, cluster: Cluster, progress: Progress) -> None:
        """Make what is missing, start what stands still; wait until machines answer."""
        try:
            await self._ensure(cluster, progress)
        except asyncio.CancelledError:
            progress("", text("interrupted; AWS bills what is there until: hardway down"))
            raise

    async def _ensure(self, cluster: Cluster, progress: Progress) -> None:
        records, who, there = await self._seen()
        progress("", text("as {identity} in account {account}, region {region}",
                          identity=who.arn, account=who.account, region=self.api.region)
                 )  # fmt: skip
        if records is None:
            records = Records(self.folder, new_id(cluster.name), who.account, self.api.region)
            records.save()
        work = await self._work(cluster, progress, records, who, there)
        problems = preflight.limits(work.design)
        if problems:
            raise PreflightError(problems, hint="fix these, then: hardway up")
        bills = plan.whole(work.design)
        progress("", text("costs {price:.2f} $/h, at most {most:.2f} $/h",
                          price=bills.per_hour, most=bills.at_most))  # fmt: skip
        await make.ensure(work)
        await hostkeys.replace(self.keys, cluster, records.addresses, self.timing, progress)

    async def _work(
        self,
        cluster: Cluster,
        progress: Progress,
        records: Records,
        who: whose.Identity,
        there: Survey,
    ) -> Work:
        """Return what making things needs; what is chosen now is on record after it."""
        alive = {found.role for found in there["instance"] if not found.leaving}
        hostkeys.prepare(self.keys, cluster, alive)
        api = replace(self.api, patient=True)
        chosen = await plan.chosen(api, self.spec.aws, records, who, there)
        design = await plan.design(api, cluster, self.spec.aws, chosen, self.keys)
        return Work(Site(api, records.id), design, records, progress)

    @asynccontextmanager
    async def connect(self, cluster: Cluster) -> AsyncIterator[Fleet]:
        """Connect to every running machine, at its public address."""
        # Imported here: half a second that commands which reach no machine need not spend.
        from hardway.transport.ssh import connect  # noqa: PLC0415

        there = await self._machines()
        addresses = {
            name: found.seen["PublicIpAddress"]
            for name, found in there.items()
            if found.seen["State"] == "running"
        }
        stopped = {
            name: ConnectError(
                text("it is {state}", state=found.seen["State"]),
                where=name,
                hint="start it: hardway up",
            )
            for name, found in there.items()
            if name not in addresses
        }
        known = hostkeys.know(self.keys, cluster, addresses) if addresses else self.keys
        targets = [
            Target(m.name, addresses[m.name], "root", self.keys / "operator", known)
            for m in cluster.machines
            if addresses.get(m.name)
        ]
        async with connect(targets, timeout_s=CONNECT_S) as fleet:
            yield replace(fleet, refused={**fleet.refused, **stopped})

    async def facts(self, cluster: Cluster, fleet: Fleet) -> Mapping[str, HostFacts]:
        """Return what each machine says of itself; what is to be expected of those not there."""
        expected = plan.expected(cluster, self.spec.aws)
        return expected | await host_facts.facts(cluster, fleet)

    async def admit(
        self,
        cluster: Cluster,  # noqa: ARG002 - the protocol's
        fleet: Fleet,  # noqa: ARG002
        facts: Mapping[str, HostFacts],  # noqa: ARG002
        brought: Collection[str] | None,  # noqa: ARG002
    ) -> Sequence[Problem]:
        """Find nothing: hardway has chosen their image itself."""
        return ()

    def reaches(self, cluster: Cluster) -> NoReturn:
        """Refuse: AWS's API has whatever addresses it has at the time."""
        raise RefusedError(
            text("hardway cannot know beforehand where {cluster} reaches AWS's API",
                 cluster=cluster.name)
        )  # fmt: skip

    async def within_reach(self, cluster: Cluster) -> bool:  # noqa: ARG002 - the protocol's
        """Return that it is: the load balancer has a public address."""
        return True

    async def restart(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Stop an instance and start it again."""
        await self.stop(cluster, machine, force=force)
        await self.start(cluster, machine)

    async def start(self, cluster: Cluster, machine: Machine) -> None:
        """Start a stopped instance, and let its new public address in at the load balancer."""
        records, who, there = await self._seen()
        if records is None:
            raise RefusedError("there is no cluster yet", hint="hardway up")
        own = {f.role: f for f in there["instance"] if not f.leaving}
        if own[machine.name].seen["State"] != "running":
            await instances.start(self.api, own[machine.name])
        await instances.wait_until(self.api, {machine.name: own[machine.name].id}, "running")
        work = await self._work(cluster, _silent, records, who, there)
        await make.again(work, await survey(work.site))
        at = (await self._machines())[machine.name].seen["PublicIpAddress"]
        hostkeys.know(self.keys, cluster, records.addresses | {machine.name: at})
        login = hostkeys.Login(self.keys, machine.name, at, self.timing)
        await login.once_it_answers(self.keys / "known_hosts", hostkeys.nothing)

    async def stop(self, cluster: Cluster, machine: Machine, *, force: bool) -> None:
        """Stop an instance; its disk and private address stay."""
        del cluster
        found = (await self._machines())[machine.name]
        await self.api.call("ec2:StopInstances", InstanceIds=[found.id], Force=force)
        await instances.wait_until(self.api, {machine.name: found.id}, "stopped")

    async def remove(self, cluster: Cluster, machine: Machine, progress: Progress) -> None:
        """Terminate a machine's instance; its disk and the route to its pods go with it."""
        del cluster
        records = load(self.folder)
        if records is None:
            return

        def mine(found: Found) -> bool:
            table, _, destination = found.role.partition(" ")
            to_pods = table.startswith("route-table") and destination == str(machine.pod_cidr)
            return to_pods or found.role in {machine.name, f"{machine.name} disk"}

        await cleanup.remove_some(Site(self.api, records.id), mine, progress)
        records.renew(machine.name)

    async def destroy(self, name: str, progress: Progress) -> None:
        """Remove all that bears the cluster's tags; prove that nothing is left."""
        records = load(self.folder)
        id_ = await self._id(name)
        if id_ is None:
            progress("", text("nothing of {cluster} is in {region}: 0 resources",
                              cluster=name, region=self.api.region))  # fmt: skip
            return
        await cleanup.remove(Site(self.api, id_), records, progress)
        (self.folder / FILE).unlink(missing_ok=True)

    def ssh_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """Return the argv of ssh(1) to a machine, host key checked by its name."""
        records = load(self.folder)
        options = {
            "UserKnownHostsFile": str(self.keys / "known_hosts"),
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": machine.name,
            "IdentitiesOnly": "yes",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        at = records.addresses.get(machine.name, "") if records else ""
        return ["ssh", *flags, "-i", str(self.keys / "operator"), f"root@{at}", *words]
