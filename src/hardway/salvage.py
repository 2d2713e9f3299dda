"""What machines have that the cluster's folder does not know, kept before `up` overwrites it.

A file that somebody edited on a machine is kept once in the folder, under `edited/`. An encryption
key that is found so stays a reading key on all control planes: without it nobody could read what
was written with it.
"""

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence

import yaml

from hardway.errors import RefusedError
from hardway.model.resources import Change, File, Kind
from hardway.pki import store
from hardway.pki.inventory import SIGNING
from hardway.pki.values import NamedKey
from hardway.report import Event, Happened, Report
from hardway.setup import Setup
from hardway.steps import encryption
from hardway.transport.base import Fleet, run_raw

KEYS = {encryption.PATH, *(path for path, _, _ in SIGNING)}
"""Files with what cannot be made again: kept also where the folder knows of no earlier ones."""
KEYED = {"secretbox", "aesgcm", "aescbc"}
"""Providers of an EncryptionConfiguration that need nothing but a key."""


async def keep(at: Setup, fleet: Fleet, changes: Sequence[Change], report: Report) -> bool:
    """Keep what is about to be overwritten; return whether encryption keys were found in it.

    Raises:
        RefusedError: what is encrypted there could not be read with keys alone.
    """
    edited = [(change, item) for change in changes if (item := _edited(at, change))]
    found = await asyncio.gather(*(_fetch(fleet, change.machine, item) for change, item in edited))
    for (change, item), content in zip(edited, found, strict=True):
        if place := at.workspace.keep_edited(change.machine, item, content):
            text = f"{item.path} was edited there; what it said is kept in {place}"
            report(Event(happened=Happened.WARNED, machine=change.machine,
                         text=f"{change.machine}: {text}"))  # fmt: skip
    keys = [
        key
        for (change, item), content in zip(edited, found, strict=True)
        if item.path == encryption.PATH
        for key in encryption_keys(change.machine, content)
    ]
    return bool(_add(at, keys, report))


def _edited(at: Setup, change: Change) -> File | None:
    """Return the file that a change overwrites, where it is not what hardway last put there."""
    item = change.item
    if not isinstance(item, File) or change.kind is not Kind.UPDATE:
        return None
    given = at.workspace.given(change.machine, item)
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
            raise _unreadable(machine, f"{', '.join(map(str, row['resources']))} are encrypted")
        for provider in row["providers"]:
            ((kind, settings),) = dict(provider).items()  # type: ignore[call-overload]
            if kind in KEYED:
                for key in settings["keys"]:
                    yield NamedKey(key["name"], b64decode(key["secret"]), kind)
            elif kind != "identity":
                raise _unreadable(machine, f"Secrets are encrypted by {kind}")


def _unreadable(machine: str, what: str) -> RefusedError:
    return RefusedError(
        f"{machine}: by {encryption.PATH}, which somebody edited there, {what}: with hardway's, "
        "which encrypts Secrets by keys, nobody could read them any more; nothing was changed",
        hint="undo that edit step by step (identity first, rewrite all objects), then: hardway up",
    )


def _add(at: Setup, keys: Sequence[NamedKey], report: Report) -> list[NamedKey]:
    new = store.add_encryption_keys(at.workspace.pki, keys)
    for key in new:
        text = (
            f"an encryption key called {key.name} that this folder did not know is kept, and "
            "stays a key that reads on all control planes"
        )
        report(Event(happened=Happened.WARNED, text=text))
    return new
