"""Sigstore signatures of release files: what can be checked with the files beside them alone.

Checked: the signature is of this file, by the key of this certificate; the certificate was issued
by sigstore's CA, to the identity that signs upstream's releases. Not checked, for want of a
connection to sigstore's log: that it was made in the ten minutes for which the certificate was
good. See docs/adr/0011.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from hardway.errors import ComponentError
from hardway.text import text

CA = Path(__file__).parent / "fulcio.pem"
ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
"""Fulcio's certificate extension that names who vouched for the identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs an upstream's releases, and where its signatures are."""

    signature: str
    """URL of the signature, base64; `{v}`, `{arch}` and `{file}` are filled in."""
    certificate: str
    """URL of the signer's certificate, PEM or base64 of PEM."""
    identity: str
    """E-mail address in the certificate."""
    issuer: str
    """Who vouched for it when the certificate was issued."""


def check(sha256: str, signature: str, certificate: str, signer: Signer, *, of: str) -> None:
    """Check the signature of a file with a given digest.

    Raises:
        ComponentError: saying what about it is wrong.
    """
    try:
        made = base64.b64decode(signature, validate=False)
        leaf = x509.load_pem_x509_certificate(_pem(certificate))
    except (ValueError, binascii.Error) as error:
        raise _wrong(text("{url}: its signature cannot be read: {error}", url=of, error=error)
                     ) from error  # fmt: skip
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _wrong(text("{url}: its signature is by a key of another kind ({kind})",
                          url=of, kind=type(key).__name__))  # fmt: skip
    try:
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(CA.read_bytes()))
    except (ValueError, TypeError, InvalidSignature) as error:
        raise _wrong(text("{url}: its signature is by a certificate that sigstore's CA did not "
                          "issue", url=of)) from error  # fmt: skip
    identities, issuer, signs_code = _claims(leaf)
    if identities != [signer.identity] or issuer != signer.issuer or not signs_code:
        nobody = text("nobody")
        raise _wrong(text(
            "{url}: its signature is by {found} (vouched for by {found_issuer}), expected "
            "{identity} ({issuer})",
            url=of, found=", ".join(identities) or nobody, found_issuer=issuer or nobody,
            identity=signer.identity, issuer=signer.issuer,
        ))  # fmt: skip
    try:
        key.verify(made, bytes.fromhex(sha256), ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature as error:
        raise _wrong(text("{url}: its signature is of another file", url=of)) from error


def _pem(said: str) -> bytes:
    return said.encode() if "-----BEGIN" in said else base64.b64decode(said)


def _claims(leaf: x509.Certificate) -> tuple[list[str], str, bool]:
    """Return the e-mail addresses of a certificate, who vouched for them, and if it signs code."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        issuer = leaf.extensions.get_extension_for_oid(ISSUER).value
    except x509.ExtensionNotFound:
        return [], "", False
    assert isinstance(issuer, x509.UnrecognizedExtension)  # noqa: S101 - of an OID that is not the library's
    emails = names.get_values_for_type(x509.RFC822Name)
    return emails, issuer.value.decode(errors="replace"), ExtendedKeyUsageOID.CODE_SIGNING in usages


def _wrong(what: str) -> ComponentError:
    return ComponentError(
        what, hint="do not use the file; somebody or something on the way changes downloads"
    )
