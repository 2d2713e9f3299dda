"""The certificate map of a living cluster: what is presented, and who used which certificate."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import having, pairs
from hardway.atlas.handshake import resolve
from hardway.atlas.usage import CertificateMap, Leaf, by_ca_file, by_certificate, uses
from hardway.checks.ask import of_machine
from hardway.checks.presented import USED, Listener, Seen, presented, presenting, used
from hardway.operations.chart import draw, draw_live
from hardway.pki.inspect import read
from hardway.pki.inventory import Wanted, expand
from hardway.project import Project


def offline(project: Project) -> CertificateMap:
    """Return the map without asking anybody."""
    return _mapped(draw(project), {}, None)


async def live(project: Project) -> CertificateMap:
    """Return the map with what machines present and API servers logged; changes nothing."""
    async with project.provider.connect(project.cluster) as fleet:
        atlas = await draw_live(project, fleet)
        listeners = _listeners(atlas)
        names = [m.name for m in project.cluster.machines]
        control_planes = {m.name for m in project.cluster.control_planes}
        answers = await asyncio.gather(*(
            of_machine(fleet, name, [presenting(listeners.get(name, ())),
                                     *([USED] if name in control_planes else [])])
            for name in names
        ))  # fmt: skip
    seen = {
        (name, one.listener.path): one
        for name, (said, *_) in zip(names, answers, strict=True)
        for one in presented(listeners.get(name, ()), said)
    }
    logged = [said[1] for said in answers if len(said) > 1]
    return _mapped(atlas, seen, {f: (u.user, u.requests) for f, u in used(logged).items()})


def _listeners(atlas: Atlas) -> dict[str, tuple[Listener, ...]]:
    """Return where each machine's certificates should be presented: once for each certificate."""
    found: dict[str, dict[str, Listener]] = {}
    for row in having(atlas.cluster):
        for client, server in pairs(atlas.cluster, row):
            made = resolve(atlas, row, client, server)
            if made.server_proof is None or row.port is None:
                continue
            address = "127.0.0.1" if row.local else str(server.address)
            path = made.server_proof.shown.path
            own = found.setdefault(server.name, {})
            own.setdefault(path, Listener(path, address, row.port.number))
    return {name: tuple(own.values()) for name, own in found.items()}


Seens = Mapping[tuple[str, str], Seen]


def _mapped(
    atlas: Atlas, seen: Seens, logged: Mapping[str, tuple[str, int]] | None
) -> CertificateMap:
    found = uses(atlas)
    clients = {use.client.certificate for use in found
               if use.client and use.connection.server == "kube-apiserver"}  # fmt: skip
    leaves = []
    for wanted in expand(atlas.cluster):
        pem = atlas.given.secrets.certificates[wanted.id].certificate
        fingerprint = digest(pem)
        requests = (
            None if logged is None or wanted.row.name not in clients
            else logged.get(fingerprint, ("", 0))[1]
        )  # fmt: skip
        leaves.append(Leaf(wanted.row.name, wanted.machine, fingerprint, read(pem).not_after,
                           _presented(wanted, seen), requests))  # fmt: skip
    known = {leaf.fingerprint for leaf in leaves}
    strangers = {f: user for f, (user, _) in (logged or {}).items() if f not in known}
    return CertificateMap(found, tuple(leaves), by_certificate(found), by_ca_file(found), strangers)


def _presented(wanted: Wanted, seen: Seens) -> str:
    one = seen.get((wanted.machine, f"{wanted.row.path}.crt"))
    return one.verdict if one else ""


def digest(pem: bytes) -> str:
    """Return a certificate's fingerprint as API servers log it: SHA-256 of its DER, in hex."""
    return sha256(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).hexdigest()
