"""The certificate map: connection -> certificates -> flags, and back from each certificate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import Connection, Ref, having, pairs
from hardway.atlas.handshake import Proof, resolve
from hardway.pki.inventory import CERTIFICATES, TRUSTED
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of a connection: what one end shows, and what the other end checks it with."""

    certificate: str
    """The row's name in the table of certificates; empty where a token is shown."""
    file: str
    shown_by: str
    """The flag or setting that names the file, and whose it is."""
    ca: str
    ca_file: str
    checked_by: str


@dataclass(frozen=True, slots=True)
class Use:
    """A connection with both of its directions; the same on all machines that have it."""

    connection: Connection
    server: Side | None
    client: Side | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate, whether it is presented, and when it was last seen in use."""

    name: str
    machine: str
    """Empty for this host's."""
    fingerprint: str
    not_after: datetime
    presented: str
    """`yes`, `no: …`, `unknown`; empty where it is no server's or nobody was asked."""
    requests: int | None
    """How many API servers logged with it lately; None where nobody was asked or it is no client's
    of the API."""


@dataclass(frozen=True, slots=True)
class CertificateMap:
    """All of it."""

    uses: tuple[Use, ...]
    certificates: tuple[Leaf, ...]
    connections: Mapping[str, tuple[str, ...]]
    """Names of connections by certificate."""
    cas: Mapping[str, tuple[str, ...]]
    """Flags and settings by CA file."""
    strangers: Mapping[str, str]
    """Users whose client certificate is none of the folder's, by fingerprint."""


def uses(atlas: Atlas) -> tuple[Use, ...]:
    """Return the connections of a cluster with the files and flags behind them."""
    found = []
    for row in having(atlas.cluster):
        client, server = pairs(atlas.cluster, row)[0]
        made = resolve(atlas, row, client, server)
        found.append(Use(row, _side(made.server_proof), _side(made.client_proof)))
    return tuple(found)


def _side(proof: Proof | None) -> Side | None:
    if proof is None:
        return None
    wanted, trusted = proof.certificate, proof.trusted
    return Side(
        certificate=wanted.row.name if wanted else "",
        file=proof.shown.path,
        shown_by=entry(proof.shown_by),
        ca=trusted.ca.common_name if trusted.ca else "",
        ca_file=trusted.path,
        checked_by=entry(proof.checked_by),
    )


def entry(ref: Ref) -> str:
    """Return an entry as people read it, e.g. `--etcd-cafile of kube-apiserver.service`."""
    name = ref.file.rsplit("/", 1)[-1]
    # A kubeconfig's parts have one entry each here: the key says which.
    key = ref.entry.rpartition("].")[2].rpartition(".")[2] if "]." in ref.entry else ref.entry
    return text("{entry} of {file}", entry=key, file=name) if key else name


def by_certificate(found: Sequence[Use]) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the connections in which each certificate is shown."""
    names: dict[str, dict[str, None]] = {row.name: {} for row in CERTIFICATES}
    for use, side in _sides(found):
        if side.certificate:
            names[side.certificate][use.connection.name] = None
    return {name: tuple(own) for name, own in names.items()}


def by_ca_file(found: Sequence[Use]) -> Mapping[str, tuple[str, ...]]:
    """Return the flags and settings by which each CA file on machines decides."""
    entries: dict[str, dict[str, None]] = {path: {} for _, path, _, _ in TRUSTED}
    for _, side in _sides(found):
        if side.ca_file in entries:
            entries[side.ca_file][side.checked_by] = None
    return {path: tuple(own) for path, own in entries.items()}


def _sides(found: Sequence[Use]) -> Iterator[tuple[Use, Side]]:
    for use in found:
        for side in (use.server, use.client):
            if side:
                yield use, side
