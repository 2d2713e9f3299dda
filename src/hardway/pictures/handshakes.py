"""The handshake of a connection: what each end shows, and what the other end checks it with."""

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import Connection, Ref, having, pairs
from hardway.atlas.handshake import Handshake, Proof, flaws, resolve
from hardway.atlas.identities import identity
from hardway.errors import RefusedError
from hardway.model.cluster import Machine
from hardway.pictures.model import Box, Drawing, Ladder, Message, Tone
from hardway.pictures.view import View
from hardway.text import Text, text

CLIENT, SERVER = 0, 1


def choices(atlas: Atlas) -> tuple[str, ...]:
    """Return the names of the cluster's connections."""
    return tuple(row.name for row in having(atlas.cluster))


def draw(view: View, argument: str) -> Drawing:
    """Return a connection's handshake; between the first machines that have it.

    Raises:
        RefusedError: there is no such connection.
    """
    known = {row.name: row for row in having(view.atlas.cluster)}
    if argument not in known:
        raise RefusedError(
            text("this cluster has no connection '{connection}'", connection=argument),
            hint=text("hardway picture handshake NAME; the names: {names}",
                      names=", ".join(known)),
        )  # fmt: skip
    row = known[argument]
    client, server = pairs(view.atlas.cluster, row)[0]
    made = resolve(view.atlas, row, client, server)
    wrong = flaws(view.atlas, made)
    return Drawing(
        text("{client} to {server}", client=row.client, server=row.server),
        Ladder((_end(row.client, client), _end(row.server, server)), _messages(made, wrong)),
        row.why,
        (row.authorizes, text("If it fails: {without}", without=row.without)),
    )


def _end(program: str, machine: Machine | None) -> Box:
    place = text("on {machine}", machine=machine.name) if machine else "anywhere"
    return Box(program, (place,), about=program)


def _messages(made: Handshake, wrong: list[str]) -> tuple[Message, ...]:
    row = made.connection
    port = f":{made.port}" if made.port else ""
    found = [Message(CLIENT, SERVER, text("dials {address}", address=f"{made.dialed}{port}"),
                     _where_from(row))]  # fmt: skip
    if made.server_proof:
        found += _proved(made.server_proof, SERVER, CLIENT, made)
    if made.client_proof:
        found += _proved(made.client_proof, CLIENT, SERVER, made)
    user, group = made.identity
    known = identity(user) if user else None
    if user:
        grants = known.grants if known else row.authorizes
        found.append(Message(SERVER, SERVER, _who(user, group), grants))
    found += [Message(CLIENT, CLIENT, "refused", flaw, Tone.BAD) for flaw in wrong]
    return tuple(found)


def _who(user: str, group: str) -> Text:
    if not group:
        return text("the client is {user}", user=user)
    return text("the client is {user}, group {group}", user=user, group=group)


def _where_from(row: Connection) -> str:
    if isinstance(row.dials, Ref):
        return text("The address is in {file}, {entry}.", file=row.dials.file,
                    entry=row.dials.entry)  # fmt: skip
    return ""


def _proved(proof: Proof, shower: int, checker: int, made: Handshake) -> list[Message]:
    shown, wanted = proof.shown, proof.certificate
    if wanted is None:
        shows = Message(shower, checker, "shows a token",
                        text("Signed with {path} ({entry} of the API server).", path=shown.path,
                             entry=proof.shown_by.entry))  # fmt: skip
    else:
        names = ", ".join(wanted.names) or "-"
        group = wanted.row.organization
        subject = ", ".join(filter(None, [group and f"O={group}", f"CN={wanted.common_name}"]))
        shows = Message(
            shower, checker, text("shows {subject}", subject=subject),
            text("{path}, by {entry} of {file}. Good for: {names}.", path=shown.path,
                 entry=proof.shown_by.entry or "its path", file=proof.shown_by.file, names=names)
            if shower == SERVER
            else text("{path}, by {entry} of {file}.", path=shown.path,
                      entry=proof.shown_by.entry or "its path", file=proof.shown_by.file),
        )  # fmt: skip
    trusted = proof.trusted
    signer = trusted.ca.common_name if trusted.ca else "the signing key"
    checks = Message(
        checker, checker, text("signed by {ca}?", ca=signer),
        text("{path}, by {entry} of {file}.", path=trusted.path,
             entry=proof.checked_by.entry or "its path", file=proof.checked_by.file),
    )  # fmt: skip
    if shower == SERVER:
        named = Message(checker, checker, text("is {address} among its names?",
                                               address=made.dialed))  # fmt: skip
        return [shows, checks, named]
    return [shows, checks]
