"""Connections: who dials whom, and how each proves to the other who it is."""

from collections.abc import Iterator
from functools import partial

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import Connection, having, pairs
from hardway.atlas.handshake import Handshake, Proof, flaws, resolve
from hardway.explain import certificates
from hardway.explain.answer import Aspect, Point
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.model.checks import Subject
from hardway.text import Text, text

A_POD = "a pod"
HTTPS = 443
"""The port of the Service `kubernetes`."""


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield a thing for each connection of the cluster."""
    for row in having(atlas.cluster):
        client, server = (name.removeprefix("a ").removeprefix("an ") for name in
                          (row.client, row.server))  # fmt: skip
        yield Thing(
            kind=Kind.CONNECTION,
            name=row.name,
            aliases=(*(f"{client} {word} {server}" for word in ("to", "->", "=>", "and")),
                     f"{client.removeprefix('kube-')} to {server.removeprefix('kube-')}",
                     f"connection {row.name}"),
            tags=(row.name, "connection", server, client),
            summary=row.why,
            machines=tuple(dict.fromkeys(
                end.name for pair in pairs(atlas.cluster, row) for end in pair if end
            )),
            points=partial(_points, atlas, row),
        )  # fmt: skip


def _points(atlas: Atlas, row: Connection, scene: Scene) -> Iterator[Point]:
    found = pairs(atlas.cluster, row)
    client, server = next(
        ((c, s) for c, s in found if c and scene.machine == c.name),
        next(((c, s) for c, s in found if scene.machine == s.name), found[0]),
    )
    made = resolve(atlas, row, client, server)
    yield Point(Aspect.WHAT, (
        text("By this connection {client} dials {server} at {address}.", client=row.client,
             server=row.server, address=_address(atlas, made)),
        row.why,
    ))  # fmt: skip
    if len(found) > 1:
        who = joined(text("{client} -> {server}", server=s.name,
                          client=c.name if c else text("this host or a pod"))
                     for c, s in found)  # fmt: skip
        yield Point(Aspect.WHAT, (who,), title=text("Between"), more=True)
    yield Point(Aspect.MADE, rows=tuple(_configured(row)), title="What configures it")
    nowhere = text("on any worker") if row.client == A_POD else text("on this host")
    yield Point(Aspect.READERS, rows=(
        (row.client, scene.process(client.name, row.client) if client else nowhere),
        (row.server, scene.process(server.name, row.server)),
    ), title="Its ends")  # fmt: skip
    yield Point(Aspect.HANDSHAKE, rows=tuple(_proofs(made)))
    yield Point(Aspect.HANDSHAKE, tuple(_judged(atlas, made)))
    user, group = made.identity
    if user:
        yield from certificates.as_whom(user, group, with_grants=False)
    yield Point(Aspect.IDENTITY, (row.authorizes,))
    yield Point(Aspect.WITHOUT, (row.without,))
    subject = Subject("machine", (client or server).name, atlas.cluster)
    yield Point(Aspect.SEE, commands=(subject.fill(row.see, {"SERVER": server.name}),))


def _address(atlas: Atlas, made: Handshake) -> str:
    """Return what is dialed, with the port there: a Service and the endpoint have their own."""
    cluster, row = atlas.cluster, made.connection
    ports = {
        str(cluster.api_service_ip): HTTPS,
        cluster.api_from_here.host: cluster.api_from_here.port,
        cluster.endpoint.host: cluster.endpoint.port,
    }
    port = ports.get(made.dialed, row.port.number if row.port else 0)
    return f"{made.dialed}:{port}" if port else made.dialed


def _configured(row: Connection) -> Iterator[tuple[str, str]]:
    """Yield the entries by which each end is configured."""
    labels = {
        text("finds the server by"): row.dials,
        text("the server shows"): row.server_shows,
        text("the client trusts"): row.client_trusts,
        text("the client shows"): row.client_shows,
        text("the token is signed by"): row.client_token,
        text("the server trusts"): row.server_trusts,
    }
    for label, ref in labels.items():
        if ref and not isinstance(ref, str):
            yield label, f"{ref.file} {ref.entry}".strip()


def _proofs(made: Handshake) -> Iterator[tuple[str, str]]:
    row = made.connection
    if made.server_proof:
        yield text("1 the server proves itself"), _proof(row.server, row.client, made.server_proof)
        yield "", text("Then {client} looks for the name {dialed} in it.", client=row.client,
                       dialed=made.dialed)  # fmt: skip
    elif row.server_shows is None and row.port is None:
        yield text("no TLS"), text("The socket's permissions decide who may connect.")
    if made.client_proof and made.client_proof.certificate:
        yield text("2 the client proves itself"), _proof(row.client, row.server, made.client_proof)
    elif made.client_proof:
        yield text("2 the client proves itself"), text(
            "{client} shows a token, signed with {key}; {server} checks it with {public}.",
            client=row.client, server=row.server, key=made.client_proof.shown.path,
            public=made.client_proof.trusted.path,
        )  # fmt: skip
    elif row.server_shows:
        yield text("2 the client proves itself"), text("It shows no certificate.")


def _proof(shower: str, checker: str, proof: Proof) -> Text:
    return text(
        "{shower} shows {path}; {checker} checks with {ca} that the {name} CA signed it.",
        shower=shower, path=proof.shown.path, checker=checker, ca=proof.trusted.path,
        name=proof.trusted.ca.name if proof.trusted.ca else "",
    )  # fmt: skip


def _judged(atlas: Atlas, made: Handshake) -> Iterator[str]:
    """Say whether both ends would accept each other, by the certificates in this folder."""
    if not (made.server_proof or made.client_proof):
        return
    found = flaws(atlas, made)
    yield from found or (text("The certificates in this cluster's folder fit: each end would "
                              "accept the other."),)  # fmt: skip
