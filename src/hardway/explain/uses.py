"""Where connections use a certificate, a key or a CA: the reverse of the table of connections."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from posixpath import basename

from hardway.atlas.atlas import Atlas
from hardway.atlas.connections import Connection, Ref, having
from hardway.atlas.material import HOST_KUBECONFIGS
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


def told(atlas: Atlas, found: Iterable[Use]) -> tuple[tuple[str, str], ...]:
    """Return a row for each use: the connection, and what is shown to whom and checked by what."""
    return tuple((use.connection.name, _both(atlas, use)) for use in found)


def _both(atlas: Atlas, use: Use) -> Text:
    """Return both halves of a proof: who shows what, and who checks it with what."""
    other = counterpart(use)
    if other is None:
        return use.sentence
    row = use.connection
    of_server = End.SERVER_SHOWS in {use.end, other.end}
    shower, checker = (row.server, row.client) if of_server else (row.client, row.server)
    template = {
        End.SERVER_SHOWS: "{said}: {shower} shows {path}{by}",
        End.CLIENT_SHOWS: "{said}: {shower} shows {path}{by}",
        End.CLIENT_TOKEN: "{said}: {shower} shows a token that was signed with {path}{by}",
    }.get(other.end, "{said}; {checker} checks that with {path}{by}")
    return text(template, said=use.sentence, shower=shower, checker=checker,
                path=place(atlas, other.ref), by=_by(other.ref))  # fmt: skip


def _by(ref: Ref) -> str:
    """Return the flag, or the file whose entry it is, where that tells more than the path does."""
    if not ref.entry or ref.file.startswith(HOST_KUBECONFIGS):
        return ""
    return f" ({ref.entry if ref.entry.startswith('--') else basename(ref.file)})"
