"""The cluster's secrets on disk. What cannot be made again is never replaced.

    pki/<ca>/ca.crt, ca.key
    pki/<ca>/<certificate>/<machine>.crt, .key        one for each machine of a role
    pki/<ca>/<certificate>.crt, .key                  of this host
    pki/service-account.key, service-account.pub
    pki/encryption.key                                base64 of 32 bytes

A leaf that is missing, damaged, no longer what is wanted, or in the last third of its time is
issued anew. A CA, the service-account key and the encryption key are made once: without them data
or trust is lost, so that damage to them is an error and nothing else.
"""

import secrets as random
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hardway.errors import PkiError
from hardway.files import write
from hardway.model.cluster import Cluster
from hardway.pki.inspect import Read, due, fits, read
from hardway.pki.inventory import CAS, Authority, Wanted, expand
from hardway.pki.issue import Leaf, Pair, new_ca, new_key, new_leaf, public_of

PRIVATE = 0o600
ENCRYPTION_BYTES = 32
RESTORE = "restore it from a backup of the cluster's folder; hardway down begins anew"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A bare key pair, PEM."""

    key: bytes = field(repr=False)
    public: bytes


@dataclass(frozen=True, slots=True)
class Secrets:
    """All of a cluster's secrets."""

    cas: Mapping[str, Pair]
    certificates: Mapping[tuple[str, str], Pair]
    """By row and machine; see `Wanted.key`."""
    service_account: KeyPair
    encryption_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Described:
    """A certificate in words, for `hardway certs`; its fields are that command's JSON."""

    name: str
    machine: str
    subject: str
    issuer: str
    sans: tuple[str, ...]
    usages: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    file: str
    presented_by: str
    verified_by: str
    why: str


def ensure(folder: Path, cluster: Cluster, now: datetime) -> Secrets:
    """Return the cluster's secrets, after making those that are missing or due.

    Raises:
        PkiError: something that cannot be made again is damaged or half gone.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cas = {row.name: _ensure_ca(folder / row.name, row, cluster, now) for row in CAS}
    leaves = {
        wanted.key: _ensure_leaf(folder, wanted, cas[wanted.row.ca], cluster, now)
        for wanted in expand(cluster)
    }
    return Secrets(cas, leaves, _ensure_account(folder, cluster), _ensure_encryption(folder))


def described(folder: Path, cluster: Cluster) -> list[Described]:
    """Return every certificate there is, CAs first; reads only.

    Raises:
        PkiError: one is missing or unreadable.
    """
    found = [_describe_ca(folder, row) for row in CAS]
    for wanted in expand(cluster):
        row, (crt, _) = wanted.row, _files(folder, wanted)
        words = (row.presented_by, row.verified_by, row.why)
        found.append(_describe(row.name, wanted.machine, crt, words))
    return found


def _describe_ca(folder: Path, row: Authority) -> Described:
    words = ("nobody: it signs", "all who trust it", row.why)
    return _describe(f"{row.name}-ca", "", folder / row.name / "ca.crt", words)


def _describe(name: str, machine: str, path: Path, words: tuple[str, str, str]) -> Described:
    said = _read(path)
    parts = [f"O={said.organization}"] if said.organization else []
    subject = ", ".join([*parts, f"CN={said.common_name}"])
    return Described(name, machine, subject, said.issuer, said.names, said.usages,
                     said.not_before, said.not_after, str(path), *words)  # fmt: skip


def _read(path: Path) -> Read:
    try:
        return read(path.read_bytes())
    except FileNotFoundError as error:
        raise PkiError(f"{path} is not there", hint="hardway up makes it") from error
    except ValueError as error:
        raise PkiError(f"{path} is no certificate: {error}", hint="hardway up") from error


def _files(folder: Path, wanted: Wanted) -> tuple[Path, Path]:
    """Return where a certificate and its key are."""
    stem = folder / wanted.row.ca / wanted.row.name
    if wanted.machine:
        stem /= wanted.machine
    return stem.with_name(f"{stem.name}.crt"), stem.with_name(f"{stem.name}.key")


def _ensure_ca(folder: Path, row: Authority, cluster: Cluster, now: datetime) -> Pair:
    crt, key = folder / "ca.crt", folder / "ca.key"
    if crt.exists() and not key.exists():
        raise PkiError(f"{key} is gone, and {crt} cannot sign without it", hint=RESTORE)
    if not key.exists():
        write(key, new_key(cluster.key_algorithm), mode=PRIVATE, durable=True)
    secret = _bytes(key)
    if not crt.exists():
        # A run that was killed between the two files left the key: it is as good as a new one.
        write(
            crt, new_ca(secret, row.common_name, now, cluster.validity.ca).certificate, durable=True
        )
    pair = Pair(_bytes(crt), secret)
    _check_ca(pair, crt, key, now)
    return pair


def _check_ca(pair: Pair, crt: Path, key: Path, now: datetime) -> None:
    said = _read(crt)
    if said.public_key != _public(key, pair.key):
        raise PkiError(f"{crt} is not the certificate of {key}", hint=RESTORE)
    if said.not_after <= now:
        raise PkiError(f"{crt} expired on {said.not_after:%Y-%m-%d}", hint=RESTORE)


def _ensure_leaf(folder: Path, wanted: Wanted, ca: Pair, cluster: Cluster, now: datetime) -> Pair:
    crt, key = _files(folder, wanted)
    if crt.exists() and key.exists():
        pair = Pair(crt.read_bytes(), key.read_bytes())
        if fits(pair, wanted, ca) and not due(pair, now):
            key.chmod(PRIVATE)
            return pair
    row = wanted.row
    valid = cluster.validity.admin if row.short_lived else cluster.validity.leaf
    leaf = Leaf(wanted.common_name, row.organization, wanted.names, row.usages)
    secret = new_key(cluster.key_algorithm)
    pair = new_leaf(ca, secret, leaf, now, valid)
    write(key, pair.key, mode=PRIVATE)
    write(crt, pair.certificate)
    return pair


def _ensure_account(folder: Path, cluster: Cluster) -> KeyPair:
    key, public = folder / "service-account.key", folder / "service-account.pub"
    if public.exists() and not key.exists():
        raise PkiError(f"{key} is gone, and with it all tokens of pods", hint=RESTORE)
    if not key.exists():
        write(key, new_key(cluster.key_algorithm), mode=PRIVATE, durable=True)
    pair = KeyPair(_bytes(key), _public(key, _bytes(key)))
    write(public, pair.public)
    return pair


def _ensure_encryption(folder: Path) -> bytes:
    file = folder / "encryption.key"
    if not file.exists():
        write(
            file,
            b64encode(random.token_bytes(ENCRYPTION_BYTES)) + b"\n",
            mode=PRIVATE,
            durable=True,
        )
    try:
        key = b64decode(_bytes(file), validate=False)
    except ValueError:
        key = b""
    if len(key) != ENCRYPTION_BYTES:
        raise PkiError(
            f"{file} is not the base64 of {ENCRYPTION_BYTES} bytes; no Secret is readable so",
            hint=RESTORE,
        )
    return key


def _public(path: Path, key: bytes) -> bytes:
    try:
        return public_of(key)
    except (ValueError, TypeError) as error:
        raise PkiError(f"{path} is no private key", hint=RESTORE) from error


def _bytes(path: Path) -> bytes:
    if path.suffix == ".key":
        path.chmod(PRIVATE)
    return path.read_bytes()
