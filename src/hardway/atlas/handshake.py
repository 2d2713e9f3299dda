"""Both directions of a connection's handshake, from rendered files and the certificates in them.

What is wrong here is wrong before anything runs: another CA, a name that is missing, a certificate
for the other end. The live counterparts are checks.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from hardway.atlas.atlas import HOST, Atlas
from hardway.atlas.connections import Connection, Ref
from hardway.atlas.material import Material
from hardway.model.cluster import Machine
from hardway.pki.inspect import issued_by, read
from hardway.pki.inventory import CLIENT, SERVER, Wanted
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Proof:
    """What one end shows, and what the other end checks it with."""

    shown_by: Ref
    shown: Material
    checked_by: Ref
    trusted: Material

    @property
    def certificate(self) -> Wanted | None:
        """The certificate that is shown; None where a token is."""
        return self.shown.wanted


@dataclass(frozen=True, slots=True)
class Handshake:
    """A connection between two machines, resolved."""

    connection: Connection
    client: Machine | None
    """None: this host, or a pod's machine."""
    server: Machine
    dialed: str
    """The host or address, or the path of a socket, that the client dials."""
    port: int
    """The port that it dials, which may be a load balancer's or a Service's; 0 for a socket."""
    server_proof: Proof | None
    client_proof: Proof | None

    @property
    def identity(self) -> tuple[str, str]:
        """The user and group that the server takes the client for; empty without a certificate."""
        wanted = self.client_proof.certificate if self.client_proof else None
        return (wanted.common_name, wanted.row.organization) if wanted else ("", "")


def resolve(atlas: Atlas, row: Connection, client: Machine | None, server: Machine) -> Handshake:
    """Return a connection of two machines with the files behind its entries.

    A proof is absent where one of the ends has none, or checks none.

    Raises:
        KeyError: an entry that the row names is not there, or names no certificate.
    """
    host, port = dialed(atlas, row, client, server)
    return Handshake(
        row, client, server, host, port,
        _proof(atlas, (row.server_shows, server), (row.client_trusts, client)),
        _proof(atlas, (row.client_shows or row.client_token, client), (row.server_trusts, server)),
    )  # fmt: skip


def _proof(
    atlas: Atlas,
    shown: tuple[Ref | None, Machine | None],
    checked: tuple[Ref | None, Machine | None],
) -> Proof | None:
    shown_by, checked_by = shown[0], checked[0]
    if shown_by is None or checked_by is None:
        return None
    return Proof(shown_by, material(atlas, shown_by, shown[1]),
                 checked_by, material(atlas, checked_by, checked[1]))  # fmt: skip


def material(atlas: Atlas, ref: Ref, machine: Machine | None) -> Material:
    """Return the certificate, key or CA behind an entry.

    What pods and aggregated APIs go by is published by the control planes (tokens, the ConfigMaps
    kube-root-ca.crt and extension-apiserver-authentication): the entry is one of theirs.

    Raises:
        KeyError: there is no such entry, or it names none.
    """
    own = atlas.materials[machine.name if machine else HOST]
    for place in (ref.file, f"{ref.file} {ref.entry}"):
        if place in own:
            return own[place]
    holder = machine if machine and atlas.at(ref.file, machine.name) else None
    holder = holder or atlas.cluster.control_planes[0]
    path = atlas.value(holder.name, ref.file, ref.entry)
    return atlas.materials[holder.name][path]


API_SERVICE_PORT = 443
"""The port of the Service `kubernetes`, which the API server makes."""


def dialed(
    atlas: Atlas, row: Connection, client: Machine | None, server: Machine
) -> tuple[str, int]:
    """Return the host or address and the port that a client dials, or a socket's path and 0."""
    listens = row.port.number if row.port else 0
    if isinstance(row.dials, Ref):
        holder = client or server
        url = urlsplit(atlas.value(holder.name, row.dials.file, row.dials.entry))
        return url.hostname or url.path, url.port or listens
    cluster = atlas.cluster
    end = cluster.api_from_here
    words = {
        "<API_FROM_HERE>": (end.host, end.port),
        "<API_SERVICE_IP>": (str(cluster.api_service_ip), API_SERVICE_PORT),
        "<SERVER_ADDRESS>": (str(server.address), listens),
    }
    return words.get(row.dials, (row.dials, listens))


def flaws(atlas: Atlas, made: Handshake) -> list[str]:
    """Return why a handshake would fail, end by end; nothing if both ends accept each other."""
    secrets = atlas.given.secrets
    found: list[str] = []
    for proof, usage in ((made.server_proof, SERVER), (made.client_proof, CLIENT)):
        if proof is None or proof.certificate is None:
            continue
        wanted, trusted = proof.certificate, proof.trusted
        pem = secrets.certificates[wanted.id].certificate
        said = read(pem)
        authority = trusted.ca.name if trusted.ca else wanted.row.ca
        if not issued_by(pem, secrets.cas[authority].signer.certificate):
            found.append(text("{ca} has not signed {certificate}", ca=authority,
                              certificate=wanted.row.name))  # fmt: skip
        if usage not in said.usages:
            found.append(text("{certificate} is not good for {usage}",
                              certificate=wanted.row.name, usage=usage))  # fmt: skip
        # A load balancer that is not made yet has no name.
        if usage == SERVER and made.dialed and made.dialed not in said.names:
            found.append(text("{certificate} does not have the name {name}",
                              certificate=wanted.row.name, name=made.dialed))  # fmt: skip
    return found
