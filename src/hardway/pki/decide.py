"""Which certificates and keys have to be made, and why. Pure: it reads what was read.

    pki/<ca>/ca.crt, ca.key
    pki/<ca>/<certificate>/<machine>.crt, .key        one for each machine of a role
    pki/<ca>/<certificate>.crt, .key                  of this host
    pki/service-account.key, service-account.pub
    pki/encryption/ring.json                          the keys; the first one writes
    pki/encryption/<name>.key                         base64 of 32 bytes
    pki/retired/…                                     keys that only backups need, with the time
    pki/encryption.key                                the first key of clusters without a ring

A leaf that is missing, damaged, no longer what is wanted, in the last third of its time or not
valid yet is issued again. A CA, the service-account key and the encryption keys are made once:
without them data or trust is lost, so that damage to them is an error and nothing else.
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from hardway.errors import PkiError
from hardway.model.cluster import Cluster
from hardway.pki.inspect import due, flaw, read
from hardway.pki.inventory import CAS, Authority, Wanted, expand
from hardway.pki.issue import public_of
from hardway.pki.values import PROVIDER, KeyPair, NamedKey, Pair, Secrets, ServiceAccountKeys, Trust
from hardway.text import text

Kept = Mapping[str, bytes]
"""The files in the folder of secrets, by their paths in it."""

RESTORE = "restore it from a backup of the cluster's folder; to start over: hardway down"
ACCOUNT = "service-account"
ENCRYPTION = "encryption"
RING = f"{ENCRYPTION}/ring.json"
FIRST_KEY = f"{ENCRYPTION}.key"
FIRST_NAME = "key-1"
ENCRYPTION_BYTES = 32
KEY_BYTES = {16, 24, ENCRYPTION_BYTES}
"""Found ones may be AES keys."""


What = Authority | Wanted | NamedKey | str
"""A CA, a certificate, a key that is no longer needed, or the name of a key to be made."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that has to be made, or put away."""

    what: What
    why: str

    @property
    def name(self) -> str:
        """Its name for people."""
        match self.what:
            case Authority(name):
                return f"{name}-ca"
            case Wanted(row):
                return row.name
            case NamedKey(name):
                return text("found encryption key {name}", name=name)
        return f"{self.what}-key"

    @property
    def verb(self) -> str:
        """What is done with it."""
        return "put away" if isinstance(self.what, NamedKey) else "issue"

    @property
    def machine(self) -> str:
        """The machine it is for; empty for what is not one machine's."""
        return self.what.machine if isinstance(self.what, Wanted) else ""


def decide(kept: Kept, cluster: Cluster, now: datetime) -> tuple[Issue, ...]:
    """Return what has to be made, CAs first.

    Raises:
        PkiError: something that cannot be made again is damaged or half gone.
    """
    wanted: tuple[tuple[What, str], ...] = (
        *((row, _authority(kept, row, now)) for row in CAS),
        *((leaf, _leaf(kept, leaf, now)) for leaf in expand(cluster)),
        (ACCOUNT, "" if _account(kept) else text("missing")),
        (ENCRYPTION, "" if encryption_keys(kept) else text("missing")),
    )
    return tuple(Issue(what, why) for what, why in wanted if why)


def _authority(kept: Kept, row: Authority, now: datetime) -> str:
    """Return why a CA's certificate has to be made; nothing if it is good.

    One that is not valid yet is made again with its own key: what it signed stays good.
    """
    crt, key = f"{row.name}/ca.crt", f"{row.name}/ca.key"
    if crt not in kept:
        return text("missing")
    if key not in kept:
        raise PkiError(text("pki/{key} is missing, and pki/{crt} cannot sign without it", key=key,
                            crt=crt), hint=RESTORE)  # fmt: skip
    try:
        said = read(kept[crt])
    except ValueError as error:
        raise PkiError(text("pki/{crt} is not a certificate: {error}", crt=crt, error=error),
                       hint=RESTORE) from error  # fmt: skip
    if said.public_key != _public(kept, key):
        raise PkiError(text("pki/{crt} is not the certificate of pki/{key}", crt=crt, key=key),
                       hint=RESTORE)  # fmt: skip
    if said.not_after <= now:
        raise PkiError(text("pki/{crt} expired on {day:%Y-%m-%d}", crt=crt, day=said.not_after),
                       hint=RESTORE)  # fmt: skip
    return due(kept[crt], now) if now < said.not_before else ""


def _leaf(kept: Kept, wanted: Wanted, now: datetime) -> str:
    pair = _pair(kept, wanted.stem)
    if pair is None:
        return text("missing")
    ca = kept.get(f"{wanted.row.ca}/ca.crt")
    if ca is None:
        return text("its CA is new")
    return flaw(pair, wanted, ca) or due(pair.certificate, now)


def _pair(kept: Kept, stem: str) -> Pair | None:
    crt, key = kept.get(f"{stem}.crt"), kept.get(f"{stem}.key")
    return Pair(crt, key) if crt is not None and key is not None else None


def _account(kept: Kept) -> bool:
    """Return whether there is a service-account key, after looking whether it is one."""
    key, public = f"{ACCOUNT}.key", f"{ACCOUNT}.pub"
    if key in kept:
        _public(kept, key)
    elif public in kept:
        raise PkiError(text("pki/{key} is missing: no token of a pod is valid without it", key=key),
                       hint=RESTORE)  # fmt: skip
    return key in kept


def encryption_keys(kept: Kept) -> tuple[NamedKey, ...]:
    """Return the keys for encryption at rest, the one that writes first; maybe none."""
    return tuple(named(kept, row) for row in ring(kept))


def ring(kept: Kept) -> tuple[Mapping[str, str], ...]:
    """Return the rows of the ring: name and file of each key, and its provider if it was found.

    Raises:
        PkiError: it cannot be read, or it is gone and there are several keys.
    """
    if RING in kept:
        return tuple(_rows(kept))
    if FIRST_KEY in kept:
        return ({"name": FIRST_NAME, "file": FIRST_KEY},)
    if len(ring_files(kept)) > 1:
        raise PkiError(text("pki/{ring} is missing: it says which key writes", ring=RING),
                       hint=RESTORE)  # fmt: skip
    return ()


def ring_files(kept: Kept) -> list[str]:
    """Return the encryption keys beside a ring; one alone, without a ring, was just made."""
    return [path for path in kept if path.startswith(f"{ENCRYPTION}/") and path.endswith(".key")]


def _rows(kept: Kept) -> Iterator[dict[str, str]]:
    try:
        yield from json.loads(kept[RING])
    except ValueError as error:
        raise PkiError(text("pki/{ring} cannot be read: {error}", ring=RING, error=error),
                       hint=RESTORE) from error  # fmt: skip


def named(kept: Kept, row: Mapping[str, str]) -> NamedKey:
    """Return the key of a row of the ring.

    Raises:
        PkiError: its file is gone or damaged.
    """
    file = row["file"]
    try:
        secret = b64decode(kept[file])
    except KeyError as error:
        raise PkiError(text("pki/{file} is missing; no Secret can be read without it", file=file),
                       hint=RESTORE) from error  # fmt: skip
    except binascii.Error:
        secret = b""
    if len(secret) not in KEY_BYTES:
        raise PkiError(
            text("pki/{file} is not the base64 of {bytes} bytes; no Secret can be read by it",
                 file=file, bytes=ENCRYPTION_BYTES),
            hint=RESTORE,
        )  # fmt: skip
    return NamedKey(row["name"], secret, row.get("provider", PROVIDER))


def _public(kept: Kept, path: str) -> bytes:
    try:
        return public_of(kept[path])
    except (ValueError, TypeError) as error:
        raise PkiError(text("pki/{path} is not a private key", path=path),
                       hint=RESTORE) from error  # fmt: skip


def secrets(kept: Kept, cluster: Cluster) -> Secrets:
    """Return the secrets of a folder for which nothing has to be made."""
    cas = {row.name: Pair(kept[f"{row.name}/ca.crt"], kept[f"{row.name}/ca.key"]) for row in CAS}
    leaves = {w.id: Pair(kept[f"{w.stem}.crt"], kept[f"{w.stem}.key"]) for w in expand(cluster)}
    account = KeyPair(kept[f"{ACCOUNT}.key"], _public(kept, f"{ACCOUNT}.key"))
    return Secrets(
        cas={name: Trust(pair, (pair.certificate,)) for name, pair in cas.items()},
        certificates=leaves,
        service_account=ServiceAccountKeys(account, (account.public,)),
        encryption_keys=encryption_keys(kept),
    )
