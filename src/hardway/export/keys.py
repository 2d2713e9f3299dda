"""The commands that make keys and certificates, one for each row of `pki.inventory`."""

import shlex
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address

from hardway.export import made
from hardway.model.cluster import Cluster, KeyAlgorithm
from hardway.pki.inventory import CAS, Wanted, expand

ALGORITHMS = {
    KeyAlgorithm.ECDSA_P256: "EC -pkeyopt ec_paramgen_curve:P-256",
    KeyAlgorithm.ECDSA_P384: "EC -pkeyopt ec_paramgen_curve:P-384",
    KeyAlgorithm.RSA_2048: "RSA -pkeyopt rsa_keygen_bits:2048",
    KeyAlgorithm.RSA_4096: "RSA -pkeyopt rsa_keygen_bits:4096",
}
"""What `openssl genpkey -algorithm` takes."""


def commands(cluster: Cluster) -> Iterator[str]:
    """Yield the commands that make all of a cluster's keys; those that are there stay.

    They are functions of lib/keys.sh.
    """
    yield f"export algorithm={shlex.quote(ALGORITHMS[cluster.key_algorithm])}"
    for row in CAS:
        yield f"authority {row.name} {row.common_name} {cluster.validity.ca.days}"
    for wanted in expand(cluster):
        yield _certificate(cluster, wanted)
    yield "signing_key service-account"
    yield f"random_key {made.ENCRYPTION_KEY}"


def _certificate(cluster: Cluster, wanted: Wanted) -> str:
    row = wanted.row
    organization = f"/O={row.organization}" if row.organization else ""
    words = [
        "certificate", row.ca, wanted.stem, f"{organization}/CN={wanted.common_name}",
        str(_valid(cluster, short=row.short_lived).days), ",".join(row.usages),
        ",".join(_alternative(name) for name in wanted.names),
    ]  # fmt: skip
    return shlex.join(words[:-1] if not words[-1] else words)


def _valid(cluster: Cluster, *, short: bool) -> timedelta:
    return cluster.validity.admin if short else cluster.validity.leaf


def _alternative(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"
