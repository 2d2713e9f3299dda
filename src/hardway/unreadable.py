"""Secrets that no API server can read: what wrote them had a key that nobody has any more.

One of them is enough: listing Secrets fails in the whole cluster, an API server that starts never
gets ready, its namespace never goes. The API removes such objects from 1.37 on, where it is told
to in so many words; before that an etcd transaction does, on the revision that was seen.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hardway.checks import run
from hardway.checks.live import Live
from hardway.errors import CommandError, RefusedError
from hardway.model import etcd
from hardway.model.cluster import API_PORT
from hardway.model.resources import Change, File, Kind
from hardway.model.trials import TRIAL
from hardway.project import Project
from hardway.report import Event, Happened, Report
from hardway.steps import encryption
from hardway.steps.keys_in_use import KEYS_IN_USE
from hardway.text import text
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Transport, run_checked, way

ASKED_AT_ONCE = 50
UNIT = "kube-apiserver.service"
UNSAFE = (
    "/api/v1/namespaces/{secret.namespace}/secrets/{secret.name}"
    "?ignoreStoreReadErrorWithClusterBreakingPotential=true"
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A Secret that no API server can read."""

    namespace: str
    name: str
    revision: int
    """Of etcd, when it was seen."""
    own: bool
    """A trial of hardway's made it: its namespace says so."""

    @property
    def key(self) -> str:
        """Where it is in etcd."""
        return f"{encryption.PREFIX}{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def same_keys(live: Live, changes: Iterable[Change]) -> bool:
    """Return whether all control planes answer and were started with the keys they should have.

    A process carries the digest of the files it was started with (ADR 3), so that what has
    nothing to be changed was started with the wanted configuration.
    """
    names = {m.name for m in live.cluster.control_planes}
    other = {
        change.machine
        for change in changes
        if (change.path_or_unit == UNIT and change.kind is not Kind.ENABLE)
        or (isinstance(change.item, File) and change.path_or_unit == encryption.PATH)
    }
    return names <= live.fleet.keys() and not names & other


async def keys_in_use(live: Live) -> bool:
    """Return whether each API server says that it uses the keys which its file now has.

    It reads the file again within a minute: somebody's key may be in use still.
    """
    return all(f.ok for f in await run.look(run.cases([KEYS_IN_USE], live), live))


async def find(live: Live) -> list[Unreadable]:
    """Return the Secrets that cannot be read; reads only.

    Raises:
        CommandError: neither Secrets nor an error about them came from the API.
    """
    kubectl, transport = _past_the_endpoint(live)
    try:
        await kubectl.run("get", "secrets", "--all-namespaces", "--output=name")
    except CommandError as error:
        if not encryption.unreadable(error.output):
            raise
    else:
        return []
    own, revisions = await asyncio.gather(_trials(kubectl), _revisions(transport))
    by_namespace: dict[str, list[Unreadable]] = {}
    for key, revision in revisions.items():
        namespace, _, name = key.removeprefix(encryption.PREFIX).partition("/")
        secret = Unreadable(namespace, name, revision, namespace in own)
        by_namespace.setdefault(namespace, []).append(secret)
    return [
        secret
        for secrets in by_namespace.values()
        for begin in range(0, len(secrets), ASKED_AT_ONCE)
        for secret in await _refused(kubectl, secrets[begin : begin + ASKED_AT_ONCE])
    ]


async def _trials(kubectl: Kubectl) -> set[str]:
    found = await kubectl.objects("namespaces", f"--selector={TRIAL}")
    return {namespace["metadata"]["name"] for namespace in found}


async def _revisions(transport: Transport) -> dict[str, int]:
    """Return the revision of each Secret in etcd, by its key there."""
    words = ("get", "--prefix", encryption.PREFIX, "--keys-only", "--write-out=json")
    rows = json.loads(await run_checked(transport, etcd.argv(*words))).get("kvs", [])
    return {b64decode(row["key"]).decode(): row["mod_revision"] for row in rows}


async def _refused(kubectl: Kubectl, secrets: Sequence[Unreadable]) -> list[Unreadable]:
    """Return which Secrets of one namespace the API server has and cannot read."""
    where, names = f"--namespace={secrets[0].namespace}", [s.name for s in secrets]
    try:
        await kubectl.run("get", "secrets", where, "--output=name", *names)
    except CommandError as error:
        lines = [line for line in error.output.splitlines() if encryption.unreadable(line)]
        return [s for s in secrets if any(f"/secrets/{s}," in line for line in lines)]
    return []


def _past_the_endpoint(live: Live) -> tuple[Kubectl, Transport]:
    """Return kubectl for one API server, and its machine: none of them may be ready."""
    machine = next(m for m in live.cluster.control_planes if m.name in live.fleet)
    host = machine.address if way(live.fleet) else machine.reached_at
    return replace(live.kubectl, server=f"https://{host}:{API_PORT}"), live.fleet[machine.name]


async def remove(live: Live, secrets: Sequence[Unreadable]) -> None:
    """Remove Secrets that cannot be read; one that was written again meanwhile stays.

    Raises:
        RefusedError: one was written again meanwhile.
    """
    kubectl, transport = _past_the_endpoint(live)
    for secret in secrets:
        try:
            await kubectl.run("delete", f"--raw={UNSAFE.format(secret=secret)}")
        except CommandError as error:
            # Before 1.37 the API does not know that option, and reads what it is to delete.
            if not encryption.unreadable(error.output):
                raise
            await _remove_in_etcd(transport, secret)


async def _remove_in_etcd(transport: Transport, secret: Unreadable) -> None:
    """Remove a key if its revision is the one that was found unreadable."""
    transaction = f'mod("{secret.key}") = "{secret.revision}"\n\ndel {secret.key}\n\n\n'
    done = await run_checked(transport, etcd.argv("txn"), stdin=transaction.encode())
    if not done.startswith("SUCCESS"):
        raise RefusedError(
            text("Secret {secret} was written again while hardway looked at it; it stays",
                 secret=secret),
            hint="look again: hardway verify encryption",
        )  # fmt: skip


async def sweep(live: Live, changes: Sequence[Change], report: Report) -> bool:
    """Remove what trials of hardway's left that nobody can read; return whether that was any.

    Others' are named only. Nothing is looked for unless all control planes run with the same
    keys: with others, they might be readable.
    """
    try:
        proved = same_keys(live, changes) and await keys_in_use(live)
        found = await find(live) if proved else []
    except CommandError:
        return False
    own = [secret for secret in found if secret.own]
    await remove(live, own)
    for said in (
        *(text("removed Secret {secret} of a trial, which no key reads", secret=s) for s in own),
        *(text("no key reads Secret {secret}: hardway unreadable", secret=s)
          for s in found if not s.own),
    ):  # fmt: skip
        report(Event(happened=Happened.WARNED, text=said))
    return bool(own)


async def look(project: Project, changes: Sequence[Change]) -> list[Unreadable]:
    """Return the Secrets that nobody can read; `changes` are those that `up` would make.

    Raises:
        RefusedError: control planes run with other keys than they should, or do not answer.
    """
    async with project.reach() as live:
        if not (same_keys(live, changes) and await keys_in_use(live)):
            raise RefusedError(
                "control planes do not answer, or run with other keys than they should: another "
                "one might read what one of them cannot read",
                hint="hardway up",
            )
        return await find(live)


async def give_up(project: Project, secrets: Sequence[Unreadable]) -> None:
    """Remove Secrets that `look` returned, under the cluster's lock; see `remove`."""
    with project.workspace.locked():
        async with project.reach() as live:
            await remove(live, secrets)
