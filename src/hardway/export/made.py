"""What stands in rendered files for what the reader makes: certificates and keys. Values only.

Rendering takes secrets; here they are marks with the names of files. A file that is a mark is made
by a command, and one that holds marks is a template. So no secret of the living cluster can get
into an export.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from hardway.model.cluster import Cluster
from hardway.pki.inventory import CAS, expand
from hardway.pki.values import KeyPair, NamedKey, Pair, Secrets, ServiceAccountKeys, Trust

MARK = re.compile(r"@made:([^@]*)@\n?")
"""Stands for the content of a file below the folder of keys."""
ENCRYPTION_KEY = "encryption.key"
KEY_NAME = "key-1"


def mark(name: str) -> bytes:
    """Return what stands for the content of a file that the reader makes."""
    return f"@made:{name}@\n".encode()


def encoded(name: str) -> str:
    """Return what stands in a template for that content in base64."""
    return f"@base64:{name}@"


def pair(stem: str) -> Pair:
    """Return what stands for a certificate and its key."""
    return Pair(mark(f"{stem}.crt"), mark(f"{stem}.key"))


def ca_stem(ca: str) -> str:
    """Return where a CA is below the folder of keys, without suffix."""
    return f"{ca}/ca"


def secrets(cluster: Cluster) -> Secrets:
    """Return marks for all of a cluster's secrets."""
    cas = {row.name: pair(ca_stem(row.name)) for row in CAS}
    account = KeyPair(mark("service-account.key"), mark("service-account.pub"))
    return Secrets(
        cas={name: Trust(signer, (signer.certificate,)) for name, signer in cas.items()},
        certificates={wanted.id: pair(wanted.stem) for wanted in expand(cluster)},
        service_account=ServiceAccountKeys(account, (account.public,)),
        encryption_keys=(NamedKey(KEY_NAME, mark(ENCRYPTION_KEY)),),
    )


def names(cluster: Cluster) -> tuple[str, ...]:
    """Return the names of all files that marks stand for."""
    stems = (*(ca_stem(row.name) for row in CAS), *(wanted.stem for wanted in expand(cluster)))
    return (*(f"{stem}.{suffix}" for stem in stems for suffix in ("crt", "key")),
            "service-account.key", "service-account.pub", ENCRYPTION_KEY)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """Where the content of a file comes from."""

    text: bytes = b""
    copy: str = ""
    """The file below the folder of keys that it is a copy of; the text is empty then."""
    template: bool = False
    """The text has marks, to be replaced by what the reader made, in base64."""


def content(rendered: bytes, known: Iterable[str]) -> Content:
    """Return where a rendered file's content comes from; `known` are the names of marks."""
    if whole := MARK.fullmatch(rendered.decode()):
        return Content(copy=whole[1])
    text = rendered.decode()
    for name in known:
        text = text.replace(b64encode(mark(name)).decode(), encoded(name))
    return Content(text.encode(), template=text.encode() != rendered)
