"""Reading certificates: what they say, and why one has to be replaced."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from hardway.pki.inventory import Wanted
from hardway.pki.issue import USAGES, public_of
from hardway.pki.values import Pair
from hardway.text import joined, text


@dataclass(frozen=True, slots=True)
class Read:
    """What a certificate says."""

    common_name: str
    organization: str
    issuer: str
    names: tuple[str, ...]
    usages: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    public_key: bytes


def read(pem: bytes) -> Read:
    """Return what a certificate says.

    Raises:
        ValueError: it is no certificate.
    """
    certificate = x509.load_pem_x509_certificate(pem)
    subject = certificate.subject
    words = {oid: usage for usage, oid in USAGES.items()}
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    return Read(
        common_name=_attribute(subject, NameOID.COMMON_NAME),
        organization=_attribute(subject, NameOID.ORGANIZATION_NAME),
        issuer=_attribute(certificate.issuer, NameOID.COMMON_NAME),
        names=tuple(str(n.value) for n in _extension(certificate, x509.SubjectAlternativeName)),
        usages=tuple(words[u] for u in usages if u in words),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        public_key=certificate.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _extension(certificate: x509.Certificate, kind: type) -> list:  # type: ignore[type-arg]
    try:
        return list(certificate.extensions.get_extension_for_class(kind).value)
    except x509.ExtensionNotFound:
        return []


def flaw(pair: Pair, wanted: Wanted, ca: bytes) -> str:
    """Return why a pair is not the certificate that is wanted; nothing if it is."""
    try:
        said = read(pair.certificate)
        belongs = said.public_key == public_of(pair.key)
    except (ValueError, TypeError):
        return text("damaged")
    row = wanted.row
    if not belongs:
        return text("its key belongs to another certificate")
    if not issued_by(pair.certificate, ca):
        return text("another CA issued it")
    if (said.common_name, said.organization) != (wanted.common_name, row.organization):
        return text("it has another subject")
    if said.names != wanted.names:
        return _renamed(set(said.names), set(wanted.names))
    return "" if said.usages == row.usages else text("its usages changed")


def _renamed(before: set[str], after: set[str]) -> str:
    new, gone = sorted(after - before), sorted(before - after)
    parts = (text("new {names}", names=", ".join(new)) if new else "",
             text("gone {names}", names=", ".join(gone)) if gone else "")  # fmt: skip
    return text("its names: {changes}", changes=joined("; ", filter(None, parts)))


def issued_by(certificate: bytes, ca: bytes) -> bool:
    """Return whether a CA signed a certificate, both PEM."""
    try:
        issuer = x509.load_pem_x509_certificate(ca)
        x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def due(certificate: bytes, now: datetime) -> str:
    """Return why a certificate has to be renewed now; nothing if it does not.

    It does in the last third of its time, and as long as its time has not begun: then a clock was
    wrong when it was issued.
    """
    said = read(certificate)
    if now < said.not_before:
        return text("not valid before {time:%Y-%m-%d %H:%M} UTC", time=said.not_before)
    if said.not_after <= now:
        return text("ended on {day:%Y-%m-%d}", day=said.not_after)
    left = said.not_after - now
    if left >= (said.not_after - said.not_before) / 3:
        return ""
    return text("1 day left") if left.days == 1 else text("{days} days left", days=left.days)
