"""The cluster's secrets on disk: read all, decide (`pki.decide`), make what is missing, write.

What cannot be made again is never replaced.
"""

import json
import secrets as random
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from hardway.errors import PkiError
from hardway.files import write as write_file
from hardway.model.cluster import Cluster
from hardway.pki import decide
from hardway.pki.decide import ACCOUNT, ENCRYPTION, ENCRYPTION_BYTES, RING, Issue, Kept
from hardway.pki.inspect import Read
from hardway.pki.inspect import read as read_certificate
from hardway.pki.inventory import CAS, CERTIFICATES, Authority, Wanted, expand
from hardway.pki.issue import Leaf, new_ca, new_key, new_leaf, public_of
from hardway.pki.values import NamedKey, Pair, Secrets
from hardway.text import text

PRIVATE, PUBLIC = 0o600, 0o644
KINDS = {".crt": PUBLIC, ".pub": PUBLIC, ".json": PUBLIC, ".key": PRIVATE}
"""Files of secrets and their modes, by their suffixes."""
FOUND = "found-"
"""How the names of keys begin that were found on machines."""
RETIRED = "retired"
"""What nothing needs but backups, with the time."""
LEAVES = tuple(f"{row.ca}/{row.name}" for row in CERTIFICATES)
"""Where the paths of certificates begin that can be made again."""


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


def read(folder: Path) -> Kept:
    """Return the files of a folder of secrets; none if it does not exist."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in KINDS and not path.name.startswith(".")
    }


def make(
    issues: Sequence[Issue], kept: Kept, cluster: Cluster, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yield new files in an order in which writing may end anywhere; the only randomness."""
    there = dict(kept)
    for issue in issues:
        for path, content in _make(issue, there, cluster, now):
            there[path] = content
            yield path, content
    # A public key follows from its private key, which alone is kept with care.
    yield f"{ACCOUNT}.pub", public_of(there[f"{ACCOUNT}.key"])


def _make(
    issue: Issue, there: Kept, cluster: Cluster, now: datetime
) -> Iterator[tuple[str, bytes]]:
    match issue.what:
        case Authority() as row:
            # A run that was killed between the two files left the key: it is as good as a new one.
            key = there.get(f"{row.name}/ca.key") or new_key(cluster.key_algorithm)
            yield f"{row.name}/ca.key", key
            ca = new_ca(key, row.common_name, now, cluster.validity.ca)
            yield f"{row.name}/ca.crt", ca.certificate
        case Wanted() as wanted:
            pair = signed(wanted, new_key(cluster.key_algorithm), there, cluster, now)
            yield f"{wanted.stem}.key", pair.key
            yield f"{wanted.stem}.crt", pair.certificate
        case "service-account":
            yield f"{ACCOUNT}.key", new_key(cluster.key_algorithm)
        case "encryption":
            yield from _encryption(there)
        case NamedKey() as key:
            yield from _retired(there, key, now)


def signed(wanted: Wanted, key: bytes, there: Kept, cluster: Cluster, now: datetime) -> Pair:
    """Return a certificate for a key, signed by the cluster's CA."""
    row = wanted.row
    ca = Pair(there[f"{row.ca}/ca.crt"], there[f"{row.ca}/ca.key"])
    valid = cluster.validity.admin if row.short_lived else cluster.validity.leaf
    leaf = Leaf(wanted.common_name, row.organization, wanted.names, row.usages)
    return new_leaf(ca, key, leaf, now, valid)


def _encryption(there: Kept) -> Iterator[tuple[str, bytes]]:
    """Yield a key, then its ring: one that a killed run left without a ring is as good as new."""
    found = decide.ring_files(there)
    secret = b64decode(there[found[0]]) if found else random.token_bytes(ENCRYPTION_BYTES)
    name = f"key-{sha256(secret).hexdigest()[:8]}"
    file = f"{ENCRYPTION}/{name}.key"
    yield file, b64encode(secret) + b"\n"
    yield RING, _ring([{"name": name, "file": file}])


def _retired(there: Kept, key: NamedKey, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield the key's new place, for backups that need it, then a ring without it."""
    rows = {decide.named(there, row): row for row in decide.ring(there)}
    gone = rows.pop(key)
    place = gone["file"].replace("/", "-").removesuffix(".key")
    yield f"{RETIRED}/{place}-{now:%Y%m%dT%H%M%SZ}.key", there[gone["file"]]
    yield RING, _ring(list(rows.values()))


def _ring(rows: Sequence[Mapping[str, str]]) -> bytes:
    return json.dumps(rows, indent=2).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """What has to be made, made in memory, and the secrets as they are once it is written."""

    issues: tuple[Issue, ...]
    files: Kept = field(repr=False)
    """The new files, in the order in which they are to be written."""
    secrets: Secrets

    def of_this_host(self, cluster: Cluster) -> "Draft":
        """Return the part that no machine has to be given.

        Raises:
            PkiError: a CA has to be made first, which machines do have to be given.
        """
        for issue in self.issues:
            if isinstance(issue.what, Authority):
                raise PkiError(text("{name}: {why}", name=issue.name, why=issue.why),
                               hint="hardway up")  # fmt: skip
        own = {w.stem: w for w in expand(cluster) if not w.machine}
        issues = tuple(issue for issue in self.issues if issue.what in own.values())
        files = {path: c for path, c in self.files.items() if path.rpartition(".")[0] in own}
        return Draft(issues, files, self.secrets)


def draft(
    folder: Path, cluster: Cluster, now: datetime, unneeded: Sequence[NamedKey] = ()
) -> Draft:
    """Return what has to be made, and encryption keys put away; changes nothing.

    Raises:
        PkiError: something that cannot be made again is damaged or half gone.
    """
    kept = read(folder)
    away = (Issue(key, "no Secret in etcd needs it") for key in unneeded)
    issues = (*decide.decide(kept, cluster, now), *away)
    files = dict(make(issues, kept, cluster, now))
    return Draft(issues, files, decide.secrets({**kept, **files}, cluster))


def write(folder: Path, files: Kept) -> None:
    """Write secrets so that a kill at any moment leaves what `decide` can go on from.

    What cannot be made again is on the disk when this returns.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, content in files.items():
        mode, durable = KINDS[Path(path).suffix], not path.startswith(LEAVES)
        write_file(folder / path, content, mode=mode, durable=durable)
    for key in folder.rglob("*.key"):
        key.chmod(PRIVATE)
    ring = {row["file"] for row in decide.ring(read(folder))}
    for found in folder.glob(f"{ENCRYPTION}/{FOUND}*.key"):
        if str(found.relative_to(folder)) not in ring:
            found.unlink()


def ensure(folder: Path, cluster: Cluster, now: datetime) -> Secrets:
    """Return the cluster's secrets, having made those that were missing or due.

    Raises:
        PkiError: something that cannot be made again is damaged or half gone.
    """
    made = draft(folder, cluster, now)
    write(folder, made.files)
    return made.secrets


def add_encryption_keys(folder: Path, keys: Sequence[NamedKey]) -> list[NamedKey]:
    """Let keys be read with, after those that are there; return those that are new."""
    kept = read(folder)
    known, rows = set(decide.encryption_keys(kept)), list(decide.ring(kept))
    new = [key for key in dict.fromkeys(keys) if key not in known]
    files: dict[str, bytes] = {}
    for key in new:
        file = f"{ENCRYPTION}/{FOUND}{sha256(key.secret).hexdigest()[:8]}.key"
        files[file] = b64encode(key.secret) + b"\n"
        rows.append({"name": key.name, "provider": key.provider, "file": file})
    if new:
        write(folder, {**files, RING: _ring(rows)})
    return new


def ended(folder: Path, cluster: Cluster, now: datetime) -> bool:
    """Return whether a certificate of this host was issued and is over."""
    own = [folder / f"{w.stem}.crt" for w in expand(cluster) if not w.machine]
    return any(_read(path).not_after <= now for path in own if path.exists())


def forget(folder: Path, cluster: Cluster, machine: str) -> datetime | None:
    """Delete a machine's certificates and keys; return until when the last of them is good."""
    own = [folder / wanted.stem for wanted in expand(cluster) if wanted.machine == machine]
    ends = [_read(certificate).not_after
            for stem in own if (certificate := stem.with_name(f"{stem.name}.crt")).exists()
            ]  # fmt: skip
    for stem in own:
        for suffix in (".crt", ".key"):
            stem.with_name(stem.name + suffix).unlink(missing_ok=True)
    return max(ends, default=None)


def described(folder: Path, cluster: Cluster) -> list[Described]:
    """Return every certificate there is, CAs first; reads only.

    Raises:
        PkiError: one is missing or unreadable.
    """
    found = [_describe_ca(folder, row) for row in CAS]
    for wanted in expand(cluster):
        row = wanted.row
        words = (row.presented_by, row.verified_by, row.why)
        found.append(_describe(row.name, wanted.machine, folder / f"{wanted.stem}.crt", words))
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
        return read_certificate(path.read_bytes())
    except FileNotFoundError as error:
        raise PkiError(text("{path} is missing", path=path), hint="hardway up makes it") from error
    except ValueError as error:
        raise PkiError(text("{path} is not a certificate: {error}", path=path, error=error),
                       hint="hardway up") from error  # fmt: skip
