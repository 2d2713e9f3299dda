"""Certificates: who they name, for what, and whether the key fits; never serials or dates."""

from contextlib import suppress
from dataclasses import dataclass

from hardway.meaning.base import ABSENT, Deviation
from hardway.pki.inspect import Read, issued_by, read
from hardway.pki.inventory import SERVER, Wanted
from hardway.text import text

NOTHING = ("no certificate",)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a certificate has to say."""

    common_name: str
    organization: str
    names: tuple[str, ...]
    """Names and addresses it has to be good for; it may be good for more."""
    usages: tuple[str, ...]
    ca: bytes
    """PEM of the CAs of which one has to have issued it; empty where that is not asked."""

    @classmethod
    def of(cls, wanted: Wanted, ca: bytes = b"") -> "Expected":
        """Return what a row's certificate has to say."""
        row = wanted.row
        return cls(wanted.common_name, row.organization, wanted.names, row.usages, ca)


def deviations(expected: Expected, certificate: bytes, public_key: bytes = b"") -> list[Deviation]:
    """Return how a certificate deviates; with a public key also whether it is the certificate's."""
    try:
        said = read(certificate)
    except ValueError:
        return [Deviation(text("certificate"), text("a certificate"), text("not a certificate"))]
    found = [*_subject(expected, said), *_names(expected, said)]
    if set(said.usages) != set(expected.usages):
        found.append(_listed(text("usages"), expected.usages, said.usages))
    if expected.ca and not any(issued_by(certificate, ca) for ca in split(expected.ca)):
        wanted = ", ".join(map(_named, split(expected.ca)))
        found.append(Deviation(text("issuer"), wanted, _other(said.issuer, wanted)))
    if public_key and public_key.split() != said.public_key.split():
        found.append(
            Deviation(text("key"), text("the certificate's key"), text("another certificate's key"))
        )
    return found


def _subject(expected: Expected, said: Read) -> list[Deviation]:
    """Return how the subject deviates; of certificates for servers alone clients read the names."""
    if tuple(expected.usages) == (SERVER,):
        return []
    pairs = (("CN", expected.common_name, said.common_name),
             ("O", expected.organization, said.organization))  # fmt: skip
    return [Deviation(at, a or ABSENT, b or ABSENT) for at, a, b in pairs if a != b]


def _names(expected: Expected, said: Read) -> list[Deviation]:
    there = {name.lower() for name in said.names}
    missing = [name for name in expected.names if name.lower() not in there]
    return [
        Deviation(text("name {name}", name=name), name, ", ".join(said.names) or ABSENT)
        for name in missing
    ]


def _listed(at: str, wanted: tuple[str, ...], found: tuple[str, ...]) -> Deviation:
    return Deviation(at, ", ".join(wanted), ", ".join(found) or ABSENT)


def _named(ca: bytes) -> str:
    try:
        return read(ca).common_name
    except ValueError:
        return text("a CA that cannot be read")


def _other(found: str, wanted: str) -> str:
    same = text("another CA that is called {found} too", found=found)
    return same if found == wanted else found


BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def split(bundle: bytes) -> list[bytes]:
    """Return the certificates of a PEM file, each as PEM in one form."""
    parts = [part.partition(END)[0] for part in bundle.split(BEGIN)[1:]]
    return [b"\n".join((BEGIN, b"".join(part.split()), END, b"")) for part in parts]


def public_keys(bundle: bytes) -> set[bytes]:
    """Return the keys of a PEM file's certificates; none of parts that cannot be read."""
    found = set()
    for pem in split(bundle):
        with suppress(ValueError):
            found.add(read(pem).public_key)
    return found
