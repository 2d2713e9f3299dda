"""Certificates that people paste, or name by a file of this host: which of ours each is."""

from collections.abc import Callable
from pathlib import Path

import yaml

from hardway.atlas.atlas import Atlas
from hardway.explain.things import Thing
from hardway.pki.inspect import issued_by, read
from hardway.pki.inventory import CAS

BEGIN = "-----BEGIN CERTIFICATE-----"
LARGEST = 1 << 20
"""Bytes of a file that are read: no certificate and no kubeconfig is larger."""


def matching(
    atlas: Atlas, asked: str, folder: Path | None, known: Callable[[str], tuple[Thing, ...]]
) -> tuple[Thing, ...]:
    """Return the certificate that a text or a file of this host is, or whose kubeconfig it is."""
    said = asked if BEGIN in asked else _content(asked, folder)
    if BEGIN in said:
        return _certificate(atlas, said[said.index(BEGIN) :].encode(), known)
    return _kubeconfig(said, known) if "kind: Config" in said else ()


def _content(asked: str, folder: Path | None) -> str:
    if folder is None or "\n" in asked:
        return ""
    try:
        path = folder / asked
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        return path.read_text(errors="replace")
    except (OSError, ValueError):
        return ""


def _certificate(
    atlas: Atlas, pem: bytes, known: Callable[[str], tuple[Thing, ...]]
) -> tuple[Thing, ...]:
    try:
        said = read(pem)
    except ValueError:
        return ()
    secrets = atlas.given.secrets
    for (name, _), pair in secrets.certificates.items():
        own = read(pair.certificate)
        if (own.common_name, own.names, own.usages) == (said.common_name, said.names, said.usages):
            return known(f"certificate {name}")
    for ca in CAS:
        signer = secrets.cas[ca.name].signer.certificate
        if said.common_name == ca.common_name and issued_by(pem, signer):
            return known(ca.common_name)
    return known(said.common_name)


def _kubeconfig(said: str, known: Callable[[str], tuple[Thing, ...]]) -> tuple[Thing, ...]:
    """Return whose kubeconfig it is, by the file that its user's certificate is in."""
    try:
        user = yaml.safe_load(said)["users"][0]
        name = str(user["name"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError):
        return ()
    for own in ("break-glass", "admin"):
        if name.endswith(f"-{own}"):
            return known(f"{own}.kubeconfig")
    return known(f"/etc/kubernetes/{name}.kubeconfig")
