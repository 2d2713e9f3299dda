"""Kubeconfigs: where the current context leads, whom it trusts, and who it is.

What is embedded and what is named by its path mean the same.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join
from typing import Any

from hardway.meaning.base import ABSENT, Deviation
from hardway.meaning.certificate import split
from hardway.meaning.contexts import current
from hardway.meaning.document import load_yaml
from hardway.pki.inspect import read
from hardway.text import reason, text

Files = Callable[[str], bytes | None]
"""Returns the content at a path; None where there is none."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What a client acts on."""

    server: str
    authorities: frozenset[bytes] = field(repr=False)
    """Certificates of the CAs that the API's may be of."""
    certificate: bytes = field(repr=False)
    """What the client shows; empty where it shows none."""
    key: bytes = field(repr=False)
    others: Mapping[str, str]
    """Further entries that change what it does, such as `insecure-skip-tls-verify`."""

    @property
    def identity(self) -> str:
        """Who its certificate says that the client is, and who says so."""
        if not self.certificate:
            return text("no certificate")
        try:
            said = read(self.certificate)
        except ValueError:
            return text("not a certificate")
        group = f", O={said.organization}" if said.organization else ""
        return text("{subject}, issued by {issuer}", subject=f"CN={said.common_name}{group}",
                    issuer=said.issuer)  # fmt: skip


CLUSTER = ("insecure-skip-tls-verify", "tls-server-name", "proxy-url")
USER = ("token", "tokenFile", "username", "exec", "auth-provider", "as")
SECRET = frozenset({"token", "username"})
"""Entries whose values are not shown."""


def parse(text: bytes, files: Files, path: str = "/") -> Kubeconfig:
    """Return what a kubeconfig at a path means.

    Raises:
        ValueError: it has no current context, cluster or user, or is no YAML.
    """
    cluster, user = current(load_yaml(text))

    def content(entry: Mapping[str, Any], name: str) -> bytes:
        if data := entry.get(f"{name}-data"):
            return b64decode(data)
        at = entry.get(name)
        return (files(join(dirname(path), at)) or b"") if at else b""

    others = [(name, entry.get(name)) for entry, names in ((cluster, CLUSTER), (user, USER))
              for name in names]  # fmt: skip
    ca = content(cluster, "certificate-authority")
    return Kubeconfig(
        server=str(cluster.get("server", "")).rstrip("/"),
        authorities=frozenset(split(ca)),
        certificate=content(user, "client-certificate"),
        key=content(user, "client-key"),
        others={name: "set" if name in SECRET else str(value) for name, value in others if value},
    )


def deviations(wanted: Kubeconfig, found: Kubeconfig) -> list[Deviation]:
    """Return how one kubeconfig deviates from another, whose client is the same."""
    pairs = [("server", wanted.server, found.server)]
    if wanted.authorities != found.authorities:
        pairs.append(("certificate-authority", text("the cluster's CA"), _trusts(found)))
    pairs += [("user", wanted.identity, found.identity)]
    names = dict.fromkeys((*wanted.others, *found.others))
    pairs += [(name, wanted.others.get(name, ABSENT), found.others.get(name, ABSENT))
              for name in names]  # fmt: skip
    return [Deviation(at, ours, theirs) for at, ours, theirs in pairs if ours != theirs]


def _trusts(found: Kubeconfig) -> str:
    return text("another CA") if found.authorities else ABSENT


def compare(wanted: bytes, found: bytes, files: Files, path: str = "/") -> list[Deviation]:
    """Return how a kubeconfig at a path deviates from the wanted one."""
    try:
        theirs = parse(found, files, path)
    except ValueError as error:
        return [Deviation(text("the file"), text("a kubeconfig"), reason(error))]
    return deviations(parse(wanted, files, path), theirs)
