"""The CA tree: which CA signed which certificate, who shows it, and how long it is good."""

from datetime import datetime

from hardway.atlas.atlas import Atlas
from hardway.pictures.model import Branch, Drawing, Tone, Tree
from hardway.pictures.view import MARKS, View
from hardway.pki.inspect import due, read
from hardway.pki.inventory import CAS, CERTIFICATES, CLIENT, SERVER, Authority, Certificate, expand
from hardway.text import Text, text

SHOWN = {
    (SERVER,): text("server"),
    (CLIENT,): text("client"),
    (SERVER, CLIENT): text("server and client"),
}


def draw(view: View, _argument: str) -> Drawing:
    """Return each CA with all that it signed, and the keys that no CA signed."""
    authorities = tuple(_authority(view, ca) for ca in CAS)
    account = Branch(
        "service-account.key",
        "Signs pods' tokens. Not a certificate: no CA signed it and TLS never sees it.",
        about="service-account",
    )
    return Drawing(
        "Who signed which certificate",
        Tree((*authorities, account)),
        text("{cas} CAs, none of whose keys is on any machine, and {certificates} certificates.",
             cas=len(CAS), certificates=len(list(expand(view.atlas.cluster)))),
        ("✓ good   ? hardway up renews it   ✗ not valid now",),
    )  # fmt: skip


def _authority(view: View, ca: Authority) -> Branch:
    pem = view.atlas.given.secrets.cas[ca.name].signer.certificate
    tone, days = _time(pem, view.now)
    own = tuple(_certificate(view, row) for row in CERTIFICATES if row.ca == ca.name)
    note = text("{why}; {days} left", why=ca.why, days=days)
    return Branch(ca.common_name, note, tone, own, about=ca.common_name, mark=MARKS[tone])


def _certificate(view: View, row: Certificate) -> Branch:
    pems = _all(view.atlas, row)
    if not pems:
        return Branch(row.name, "no machine has one", Tone.QUIET, mark=MARKS[Tone.QUIET])
    tone, days = min((_time(pem, view.now) for pem in pems), key=lambda seen: RANK[seen[0]])
    subject = ", ".join(
        filter(None, [f"CN={row.common_name}", row.organization and f"O={row.organization}"])
    )
    note = text(
        "{usage}, on {count} machines, {days} left. {subject}. Shown by {who}.",
        usage=SHOWN[row.usages], count=len(pems), days=days,
        subject=subject.format(machine="MACHINE"), who=row.presented_by,
    ) if row.role else text(
        "{usage}, on this host, {days} left. {subject}. Shown by {who}.",
        usage=SHOWN[row.usages], days=days, subject=subject, who=row.presented_by,
    )  # fmt: skip
    return Branch(row.name, note, tone, about=row.name, mark=MARKS[tone])


RANK = {Tone.BAD: 0, Tone.UNKNOWN: 1, Tone.GOOD: 2}


def _all(atlas: Atlas, row: Certificate) -> list[bytes]:
    pairs = atlas.given.secrets.certificates
    return [pairs[wanted.id].certificate for wanted in expand(atlas.cluster) if wanted.row == row]


def _time(pem: bytes, now: datetime) -> tuple[Tone, Text]:
    """Return how a certificate is and how long it is good for."""
    said = read(pem)
    left = said.not_after - now
    days = text("{days} days", days=left.days)
    if not said.not_before <= now < said.not_after:
        return Tone.BAD, days
    # Certificates of a few days are counted in hours.
    shown = (
        days if left.days >= 2 else text("{hours} hours", hours=int(left.total_seconds() // 3600))
    )
    return (Tone.UNKNOWN if due(pem, now) else Tone.GOOD), shown
