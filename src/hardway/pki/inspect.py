"""Reading certificates: what they say, and whether they are what is wanted."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from hardway.pki.inventory import Wanted
from hardway.pki.issue import USAGES, Pair, public_of


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
        public_key=_pem(certificate),
    )


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _extension(certificate: x509.Certificate, kind: type) -> list:  # type: ignore[type-arg]
    try:
        return list(certificate.extensions.get_extension_for_class(kind).value)
    except x509.ExtensionNotFound:
        return []


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    return certificate.public_key().public_bytes(
        form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo
    )


def fits(pair: Pair, wanted: Wanted, ca: Pair) -> bool:
    """Return whether a pair belongs together, is signed by the CA, and says what is wanted."""
    try:
        said = read(pair.certificate)
        belongs = said.public_key == public_of(pair.key)
        issuer = x509.load_pem_x509_certificate(ca.certificate)
        x509.load_pem_x509_certificate(pair.certificate).verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    row = wanted.row
    return (
        belongs
        and (said.common_name, said.organization) == (wanted.common_name, row.organization)
        and said.names == wanted.names
        and said.usages == row.usages
    )


def due(pair: Pair, now: datetime) -> bool:
    """Return whether less than a third of a certificate's time is left."""
    said = read(pair.certificate)
    return said.not_after - now < (said.not_after - said.not_before) / 3
