"""Kubeconfigs: where the current context leads, whom it trusts, and who it is.

What is embedded and what is named by its path mean the same.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join
from typing import Any

from hardway.engine.meaning.base import ABSENT, Deviation
from hardway.engine.meaning.certificate import split
from hardway.engine.meaning.document import load_yaml
from hardway.pki.inspect import read

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
            return "no certificate"
        try:
            said = read(self.certificate)
        except ValueError:
            return "text that is no certificate"
        group = f", O={said.organization}" if said.organization else ""
        return f"CN={said.common_name}{group}, issued by {said.issuer}"


CLUSTER = ("insecure-skip-tls-verify", "tls-server-name", "proxy-url")
USER = ("token", "tokenFile", "username", "exec", "auth-provider", "as")
SECRET = frozenset({"token", "username"})
"""Entries whose values are not shown."""


def parse(text: bytes, files: Files, path: str = "/") -> Kubeconfig:
    """Return what a kubeconfig at a path means.

    Raises:
        ValueError: it has no current context, cluster or user, or is no YAML.
    """
    document = load_yaml(text)
    if not isinstance(document, Mapping):
        raise ValueError("not a kubeconfig")  # noqa: TRY004 - bad content, not type
    context = _named(document, "contexts", document.get("current-context"), "context")
    cluster = _named(document, "clusters", context.get("cluster"), "cluster")
    user = _named(document, "users", context.get("user"), "user")

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


def _named(document: Mapping[str, Any], kind: str, name: object, part: str) -> Mapping[str, Any]:
    entries: Iterable[Any] = document.get(kind) or ()
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("name") == name and name:
            found = entry.get(part)
            return found if isinstance(found, Mapping) else {}
    raise ValueError(f"no {part} called {name}" if name else f"no current {part}")


def deviations(wanted: Kubeconfig, found: Kubeconfig) -> list[Deviation]:
    """Return how one kubeconfig deviates from another, whose client is the same."""
    pairs = [("server", wanted.server, found.server)]
    if wanted.authorities != found.authorities:
        pairs.append(("certificate-authority", "the cluster's CA", _trusts(found)))
    pairs += [("user", wanted.identity, found.identity)]
    names = dict.fromkeys((*wanted.others, *found.others))
    pairs += [(name, wanted.others.get(name, ABSENT), found.others.get(name, ABSENT))
              for name in names]  # fmt: skip
    return [Deviation(at, ours, theirs) for at, ours, theirs in pairs if ours != theirs]


def _trusts(found: Kubeconfig) -> str:
    return "another CA" if found.authorities else ABSENT


def compare(wanted: bytes, found: bytes, files: Files, path: str = "/") -> list[Deviation]:
    """Return how a kubeconfig at a path deviates from the wanted one."""
    try:
        theirs = parse(found, files, path)
    except ValueError as error:
        return [Deviation("the file", "a kubeconfig", str(error))]
    return deviations(parse(wanted, files, path), theirs)
