"""Making keys and certificates. Profiles follow RFC 5280."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hardway.model.cluster import KeyAlgorithm
from hardway.pki.inventory import CLIENT, SERVER
from hardway.pki.values import Pair

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

USAGES = {SERVER: ExtendedKeyUsageOID.SERVER_AUTH, CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}
SKEW = timedelta(minutes=5)
"""Certificates begin that much early, for machines whose clocks are behind."""


def new_key(algorithm: KeyAlgorithm) -> bytes:
    """Return a new private key as PEM (PKCS #8, not encrypted)."""
    match algorithm:
        case KeyAlgorithm.ECDSA_P256:
            key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
        case KeyAlgorithm.ECDSA_P384:
            key = ec.generate_private_key(ec.SECP384R1())
        case KeyAlgorithm.RSA_2048:
            key = rsa.generate_private_key(65537, 2048)
        case KeyAlgorithm.RSA_4096:
            key = rsa.generate_private_key(65537, 4096)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_of(key: bytes) -> bytes:
    """Return a private key's public half as PEM.

    Raises:
        ValueError: it is no private key.
    """
    return (
        _private(key)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def new_ca(key: bytes, common_name: str, now: datetime, valid: timedelta) -> Pair:
    """Return a self-signed CA that signs leaves only."""
    private = _private(key)
    name = _name(common_name, "")
    builder = (
        _builder(name, name, private, now, valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
    )
    return _signed(builder, private, key)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a certificate is to say."""

    common_name: str
    organization: str
    names: Sequence[str]
    """DNS names and IP addresses of a server; none for a client."""
    usages: Sequence[str]
    """Keys of `USAGES`."""


def new_leaf(ca: Pair, key: bytes, leaf: Leaf, now: datetime, valid: timedelta) -> Pair:
    """Return a certificate for a key, signed by a CA; it ends with its CA at the latest."""
    private, issuer = _private(key), x509.load_pem_x509_certificate(ca.certificate)
    subject = _name(leaf.common_name, leaf.organization)
    until = min(now + valid, issuer.not_valid_after_utc)
    builder = (
        _builder(subject, issuer.subject, private, now, until - now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(encipher=isinstance(private, rsa.RSAPrivateKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([USAGES[u] for u in leaf.usages]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
    )
    if leaf.names:
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in leaf.names])
        builder = builder.add_extension(alternatives, critical=False)
    return _signed(builder, _private(ca.key), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, valid: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, by: PrivateKey, key: bytes) -> Pair:
    certificate = builder.sign(by, hashes.SHA256())
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), key)


def _private(key: bytes) -> PrivateKey:
    loaded = serialization.load_pem_private_key(key, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither an EC nor an RSA key")  # noqa: TRY004 - bad content, not type
    return loaded


def _name(common_name: str, organization: str) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, sign_certificates: bool = False, encipher: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=encipher,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
