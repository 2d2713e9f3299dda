"""What many tests begin with: clusters, secrets that are the same each time, components."""

from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from hardway import components
from hardway.components import Stored
from hardway.model.cluster import Cluster, HostFacts
from hardway.model.resolve import resolve
from hardway.pki.inventory import CAS, expand
from hardway.pki.issue import Pair
from hardway.pki.store import KeyPair, Secrets
from hardway.spec.load import parse
from hardway.steps.base import Given

TOPOLOGIES = {"3+3": (3, 3), "1+1": (1, 1), "5+2": (5, 2)}
HOST = HostFacts(
    cpus=4,
    memory_bytes=16 << 30,
    cgroup="v2",
    nameservers=("192.0.2.53",),
    shared=True,
    swap=False,
    capped_oom=False,
)


def cluster(text: str = "", **host: object) -> Cluster:
    """Return the cluster of a hardway.yaml on an ordinary host."""
    return resolve(parse(text, "hardway.yaml"), replace(HOST, **host), "1.37.2")


def topology(name: str) -> Cluster:
    """Return a cluster of so many control planes and workers."""
    control_planes, workers = TOPOLOGIES[name]
    return cluster(f"machines: {{controlPlanes: {control_planes}, workers: {workers}}}")


def fake_secrets(of: Cluster) -> Secrets:
    """Return secrets that say what they are."""

    def pair(*name: str) -> Pair:
        label = " ".join(filter(None, name))
        return Pair(f"certificate {label}\n".encode(), f"key {label}\n".encode())

    return Secrets(
        cas={row.name: pair("CA", row.name) for row in CAS},
        certificates={wanted.key: pair(*wanted.key) for wanted in expand(of)},
        service_account=KeyPair(b"key service-account\n", b"public service-account\n"),
        encryption_key=bytes(32),
    )


@cache
def fake_stored() -> dict[str, Stored]:
    """Return all components as if they were cached."""
    found = {}
    for component in components.for_kubernetes("1.37.2"):
        for file in component.files:
            digest = sha256(file.encode()).hexdigest()
            path = Path("/cache/objects") / digest / file
            found[file] = Stored(
                component.name, component.version, file, digest, 1000, "nowhere", path
            )
    return found


def given(of: Cluster) -> Given:
    """Return all that rendering depends on."""
    return Given(of, fake_secrets(of), fake_stored())
