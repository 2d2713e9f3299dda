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
    architecture="amd64",
    interface="eth0",
    cpus=4,
    memory_bytes=16 << 30,
    cgroup="v2",
    nameservers=("192.0.2.53",),
    resolv_conf="/etc/resolv.conf",
    shared=True,
    swap=False,
    capped_oom=False,
)


def cluster(text: str = "") -> Cluster:
    """Return the cluster of a hardway.yaml."""
    return resolve(parse(text, "hardway.yaml"), "1.37.2")


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
                component=component.name,
                version=component.version,
                architecture="amd64",
                file=file,
                sha256=digest,
                size_bytes=1000,
                source="nowhere",
                path=path,
            )
    return found


def given(of: Cluster, **host: object) -> Given:
    """Return all that rendering depends on, on ordinary machines but for what is said."""
    hosts = {m.name: replace(HOST, **host) for m in of.machines}
    return Given(of, fake_secrets(of), {HOST.architecture: fake_stored()}, hosts)
