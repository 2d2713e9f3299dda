"""Where connections use a certificate, a key or a CA: the reverse of the table of connections."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from posixpath import basename

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import Connection, Ref, having
from hardway.atlas.material import HOST_KUBECONFIGS
from hardway.explain.answer import Aspect, Point
from hardway.explain.things import joined
from hardway.text import Text, text


class End(Enum):
    """What an entry does for its connection, as a sentence."""

    DIALS = "{client} finds {server} by it"
    SERVER_SHOWS = "{server} shows it to {client}"
    CLIENT_TRUSTS = "{client} checks {server} with it"
    CLIENT_SHOWS = "{client} shows it to {server}"
    SERVER_TRUSTS = "{server} checks {client} with it"
    CLIENT_TOKEN = "{server} signs with it the token that {client} shows"  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class Use:
    """One end of a connection."""

    connection: Connection
    end: End
    ref: Ref

    @property
    def sentence(self) -> Text:
        """What is done with the thing behind the entry."""
        row = self.connection
        return text(self.end.value, client=row.client, server=row.server)


CHECKS = {End.CLIENT_TRUSTS, End.SERVER_TRUSTS}
"""Ends that check what the other one shows."""


OF_CLIENT = {End.DIALS, End.CLIENT_TRUSTS, End.CLIENT_SHOWS}
SHOWN = 2
"""Consequences that the short answer tells, where many connections use a thing."""


def ends(row: Connection) -> tuple[Use, ...]:
    """Return the ends of a connection that entries configure."""
    refs = {
        End.DIALS: row.dials if isinstance(row.dials, Ref) else None,
        End.SERVER_SHOWS: row.server_shows,
        End.CLIENT_TRUSTS: row.client_trusts,
        End.CLIENT_SHOWS: row.client_shows,
        End.SERVER_TRUSTS: row.server_trusts,
        End.CLIENT_TOKEN: row.client_token,
    }
    return tuple(Use(row, end, ref) for end, ref in refs.items() if ref)


def counterpart(use: Use) -> Use | None:
    """Return the other half of a proof: who checks what is shown, or who shows what is checked."""
    other = {
        End.SERVER_SHOWS: (End.CLIENT_TRUSTS,),
        End.CLIENT_TRUSTS: (End.SERVER_SHOWS,),
        End.CLIENT_SHOWS: (End.SERVER_TRUSTS,),
        End.CLIENT_TOKEN: (End.SERVER_TRUSTS,),
        End.SERVER_TRUSTS: (End.CLIENT_SHOWS, End.CLIENT_TOKEN),
    }.get(use.end, ())
    return next((own for own in ends(use.connection) if own.end in other), None)


def place(atlas: Atlas, ref: Ref) -> str:
    """Return the path that an entry names; of this host's kubeconfigs the file and the entry.

    The same on all machines that have the file: paths depend on roles only.
    """
    if ref.file.startswith(HOST_KUBECONFIGS):
        return f"{ref.file} {ref.entry}"
    if not ref.entry:
        return ref.file
    return atlas.value(atlas.at(ref.file)[0].machine, ref.file, ref.entry)


def uses(atlas: Atlas) -> Mapping[str, tuple[Use, ...]]:
    """Return the ends of the cluster's connections by the path behind each."""
    found: dict[str, list[Use]] = defaultdict(list)
    for row in having(atlas.cluster):
        for use in ends(row):
            if use.end is not End.DIALS:
                found[place(atlas, use.ref)].append(use)
    return {path: tuple(own) for path, own in found.items()}


def by_entry(atlas: Atlas) -> Mapping[tuple[str, str], tuple[Use, ...]]:
    """Return the ends of the cluster's connections by file and entry."""
    found: dict[tuple[str, str], list[Use]] = defaultdict(list)
    for row in having(atlas.cluster):
        for use in ends(row):
            found[use.ref.file, use.ref.entry].append(use)
    return {key: tuple(own) for key, own in found.items()}


def told(atlas: Atlas, found: Iterable[Use]) -> Iterator[Point]:
    """Yield what the ends of connections do with a thing: who shows it to whom, who checks whom."""
    groups: dict[tuple[End, Ref], list[Use]] = {}
    for use in dict.fromkeys(found):
        groups.setdefault((use.end, use.ref), []).append(use)
    checks = []
    for (end, _), own in groups.items():
        if end in CHECKS:
            checks.append(_checks(atlas, own))
        elif end is not End.DIALS:
            yield _shows(atlas, own)
    yield Point(Aspect.HANDSHAKE, rows=tuple(dict.fromkeys(checks)))


def lost(connections: Iterable[Connection]) -> Iterator[Point]:
    """Yield what stops with each connection that uses a thing; the first ones in short."""
    said = tuple({row.name: row.without for row in connections}.items())
    if len(said) == 1:
        yield Point(Aspect.WITHOUT, (said[0][1],))
        return
    yield Point(Aspect.WITHOUT, rows=said[:SHOWN])
    yield Point(Aspect.WITHOUT, rows=said[SHOWN:], more=True)


def _shows(atlas: Atlas, own: list[Use]) -> Point:
    """Return who shows a thing, to whom, and what these check it with."""
    end, row = own[0].end, own[0].connection
    program = row.client if end is End.CLIENT_SHOWS else row.server
    template = "{program} signs with it{by} the tokens of:" if end is End.CLIENT_TOKEN else (
        "{program} shows it{by} to:")  # fmt: skip
    said = text(template, program=program, by=_by(own[0].ref))
    return Point(Aspect.HANDSHAKE, (said,), rows=tuple(
        (use.connection.client if end is not End.CLIENT_SHOWS else use.connection.server,
         _checked(atlas, use)) for use in own
    ))  # fmt: skip


def _checked(atlas: Atlas, use: Use) -> str:
    other = counterpart(use)
    if other is None:
        return use.connection.why
    path, by = place(atlas, other.ref), _by(other.ref)
    if use.end is End.CLIENT_TOKEN:
        return text("{server} checks the token with {path}{by}", server=use.connection.server,
                    path=path, by=by)  # fmt: skip
    return text("checks it with {path}{by}", path=path, by=by)


def _checks(atlas: Atlas, own: list[Use]) -> tuple[str, str]:
    """Return who checks others with a thing, and whom."""
    end, row, ref = own[0].end, own[0].connection, own[0].ref
    checker = row.client if end is End.CLIENT_TRUSTS else row.server
    checked = (u.connection.server if end is End.CLIENT_TRUSTS else u.connection.client
               for u in own)  # fmt: skip
    label = f"{checker}{_by(ref)}"
    other = counterpart(own[0])
    whom = joined(checked)
    if len(own) > 1 or other is None:
        return label, text("checks {whom}", whom=whom)
    shown = place(atlas, other.ref)
    if other.end is End.CLIENT_TOKEN:
        return label, text("checks tokens of {whom}; {key} has signed them", whom=whom, key=shown)
    return label, text("checks {whom}, which shows {path}{by}", whom=whom, path=shown,
                       by=_by(other.ref))  # fmt: skip


def _by(ref: Ref) -> str:
    """Return the flag, or the file whose entry it is, where that tells more than the path does."""
    if not ref.entry or ref.file.startswith(HOST_KUBECONFIGS):
        return ""
    return f" ({ref.entry if ref.entry.startswith('--') else basename(ref.file)})"
