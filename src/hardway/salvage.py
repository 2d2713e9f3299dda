"""What machines have that the cluster's folder does not know, kept before `up` overwrites it.

A file that somebody edited on a machine is kept once in the folder, under `edited/`. An encryption
key that is found so stays a reading key on all control planes: without it nobody could read what
was written with it.
"""

import asyncio
import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Iterator, Sequence

import yaml

from hardway.errors import CommandError, RefusedError
from hardway.model import etcd
from hardway.model.resources import Change, File, Kind
from hardway.pki import decide, store
from hardway.pki.inventory import SIGNING
from hardway.pki.secretbox import sealed_by
from hardway.pki.values import PROVIDER, NamedKey
from hardway.project import Project
from hardway.report import Event, Happened, Report
from hardway.steps import encryption
from hardway.text import Text, text
from hardway.transport.base import Fleet, Transport, run_checked, run_raw

KEYS = {encryption.PATH, *(path for path, _, _ in SIGNING)}
"""Files with what cannot be made again: kept also where the folder knows of no earlier ones."""
KEYED = {"secretbox", "aesgcm", "aescbc"}
"""Providers of an EncryptionConfiguration that need nothing but a key."""
AT_ONCE = 500


async def keep(project: Project, fleet: Fleet, changes: Sequence[Change], report: Report) -> bool:
    """Keep what is about to be overwritten; return whether encryption keys were found in it.

    Raises:
        RefusedError: what is encrypted there could not be read with keys alone.
    """
    edited = [(change, item) for change in changes if (item := _edited(project, change))]
    found = await asyncio.gather(*(_fetch(fleet, change.machine, item) for change, item in edited))
    for (change, item), content in zip(edited, found, strict=True):
        if place := project.workspace.keep_edited(change.machine, item, content):
            kept = text("{machine}: {path} was edited there; what it said is kept in {place}",
                        machine=change.machine, path=item.path, place=place)  # fmt: skip
            report(Event(happened=Happened.WARNED, machine=change.machine, text=kept))
    keys = [
        key
        for (change, item), content in zip(edited, found, strict=True)
        if item.path == encryption.PATH
        for key in encryption_keys(change.machine, content)
    ]
    return bool(_add(project, keys, report))


def _edited(project: Project, change: Change) -> File | None:
    """Return the file that a change overwrites, where it is not what hardway last put there."""
    item = change.item
    if not isinstance(item, File) or change.kind is not Kind.UPDATE:
        return None
    given = project.workspace.given(change.machine, item)
    if change.before in {"", item.digest, given} or not (given or item.path in KEYS):
        return None
    return item


async def _fetch(fleet: Fleet, machine: str, file: File) -> bytes:
    return await run_raw(fleet[machine], ["cat", file.path])


def encryption_keys(machine: str, content: bytes) -> tuple[NamedKey, ...]:
    """Return the keys in an EncryptionConfiguration; none of one that cannot be read.

    Raises:
        RefusedError: it encrypts in ways, or things, that hardway's configuration could not read.
    """
    try:
        return tuple(_keys(machine, yaml.safe_load(content)))
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, Base64Error):
        return ()


def _keys(machine: str, value: dict[str, list[dict[str, list[object]]]]) -> Iterator[NamedKey]:
    for row in value["resources"]:
        if row["resources"] != ["secrets"]:
            kinds = ", ".join(map(str, row["resources"]))
            raise _unreadable(machine, text("{kinds} are encrypted", kinds=kinds))
        for provider in row["providers"]:
            ((kind, settings),) = dict(provider).items()  # type: ignore[call-overload]
            if kind in KEYED:
                for key in settings["keys"]:
                    yield NamedKey(key["name"], b64decode(key["secret"]), kind)
            elif kind != "identity":
                raise _unreadable(machine, text("Secrets are encrypted by {kind}", kind=kind))


def _unreadable(machine: str, what: Text) -> RefusedError:
    return RefusedError(
        text("{machine}: somebody edited {path} there, and by it {what}. With hardway's file, "
             "which encrypts Secrets by keys, nobody could read them any more; nothing was changed",
             machine=machine, path=encryption.PATH, what=what),
        hint="undo that edit step by step (identity first, rewrite all objects), then: hardway up",
    )  # fmt: skip


async def unneeded(project: Project, fleet: Fleet) -> tuple[NamedKey, ...]:
    """Return the found keys without which every Secret in etcd can be read.

    Nothing is known of that while etcd or a control plane, which may write with one of them, does
    not answer.
    """
    keys = decide.encryption_keys(store.read(project.workspace.pki))
    control_planes = [m.name for m in project.cluster.control_planes]
    if len(keys) <= 1 or not set(control_planes) <= fleet.keys():
        return ()
    needed: set[NamedKey] = set()
    try:
        async for value in _values(fleet[control_planes[0]]):
            needed |= {key for key in keys if _reads(key, value)}
    except CommandError:
        return ()
    return tuple(key for key in keys[1:] if key not in needed)


def _reads(key: NamedKey, value: bytes) -> bool:
    prefix = f"k8s:enc:{key.provider}:v1:{key.name}:".encode()
    if not value.startswith(prefix):
        return False
    return key.provider != PROVIDER or sealed_by(key.secret, value.removeprefix(prefix))


async def _values(transport: Transport) -> AsyncIterator[bytes]:
    """Yield all Secrets as etcd has them, some at a time."""
    begin, more = encryption.PREFIX, True
    while more:
        words = ("get", begin, encryption.PREFIX_END, f"--limit={AT_ONCE}", "--write-out=json")
        answer = json.loads(await run_checked(transport, etcd.argv(*words)))
        rows = answer.get("kvs", [])
        for row in rows:
            yield b64decode(row["value"])
        more = answer.get("more", False)
        begin = b64decode(rows[-1]["key"]).decode() + "\0" if rows else begin


def _add(project: Project, keys: Sequence[NamedKey], report: Report) -> list[NamedKey]:
    new = store.add_encryption_keys(project.workspace.pki, keys)
    for key in new:
        kept = text("an encryption key called {name} that this folder did not know is kept, and "
                    "stays a key that reads on all control planes", name=key.name)  # fmt: skip
        report(Event(happened=Happened.WARNED, text=kept))
    return new
