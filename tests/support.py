"""What many tests begin with: clusters, secrets that are the same each time, components."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from hardway import components
from hardway.atlas.atlas import Atlas
from hardway.components import Stored
from hardway.engine.render import manifests, merged, object_files
from hardway.model.cluster import Cluster, HostFacts
from hardway.model.names import ENDPOINT
from hardway.model.resolve import resolve
from hardway.model.resources import Desired
from hardway.pki.inventory import CAS, expand
from hardway.pki.values import KeyPair, NamedKey, Pair, Secrets, ServiceAccountKeys, Trust
from hardway.spec.load import parse
from hardway.steps.base import Given
from hardway.steps.index import STEPS

VERSION = "1.37.2"
OWN_HOSTS = """provider: ssh
machines:
- {name: controller-0, role: control-plane, host: 10.240.0.10}
- {name: worker-0, role: worker, host: one.example.com, address: 10.240.0.20}
- {name: worker-1, role: worker, host: 10.240.0.21}
network: {nodes: 10.240.0.0/24}
"""
OPTIONS = """endpoint: {sans: [api.example.com, 203.0.113.7]}
network: {nodePorts: [primary, 198.51.100.0/24], podMtu: 1400}
nodes: {labels: {disk: ssd}, taints: ["dedicated=db:NoSchedule"], podPidsLimit: -1}
podSecurity: {enforce: baseline}
serviceAccounts: {issuers: ["https://id.example.com"], publicDiscovery: true}
components:
  kube-apiserver: {flags: {max-requests-inflight: 800}, featureGates: {SomeThing: false}}
  kubelet: {flags: {max-pods: 60}, featureGates: {SomeThing: true}}
"""
AWS = """provider: aws
aws: {region: eu-central-1, operators: [192.0.2.1/32]}
"""


@dataclass(frozen=True)
class Topology:
    """One of the situations that rendering distinguishes."""

    spec: str = ""
    version: str = VERSION
    host: Mapping[str, object] = field(default_factory=dict)
    """What is special about its machines."""


TOPOLOGIES = {
    "3+3": Topology(),
    "1+1": Topology("machines: {controlPlanes: 1, workers: 1}"),
    "1+0": Topology("machines: {controlPlanes: 1, workers: 0}"),
    "5+2": Topology("machines: {controlPlanes: 5, workers: 2}"),
    "endpoint-given": Topology("endpoint: {kind: given, host: api.example.com, port: 443}"),
    "endpoint-proxy": Topology("endpoint: {kind: proxy}"),
    "own-hosts": Topology(OWN_HOSTS + "endpoint: {kind: vip, host: 10.240.0.99}",
                          host={"shared": False, "interface": "ens3"}),
    "endpoint-made-aws": Topology(AWS, host={"shared": False, "interface": "ens5"}),
    "host-cgroup-v1": Topology(host={"cgroup": "v1", "capped_oom": True, "swap": True}),
    "host-without-resolvers": Topology(host={"nameservers": ()}),
    "options": Topology(OPTIONS),
    "kubernetes-1.36": Topology(version="1.36.3"),
    "kubernetes-1.35": Topology(version="1.35.4"),
}  # fmt: skip
CHECKS = tuple(
    check for step in STEPS for check in (*step.checks, *(step.trial.checks if step.trial else ()))
)
"""All checks of a living cluster."""
HOST = HostFacts(
    architecture="amd64",
    interface="eth0",
    mtu=1500,
    cpus=4,
    memory_bytes=16 << 30,
    cgroup="v2",
    nameservers=("192.0.2.53",),
    resolv_conf="/etc/resolv.conf",
    shared=True,
    swap=False,
    capped_oom=False,
)


@cache
def cluster(text: str = "", version: str = VERSION) -> Cluster:
    """Return the cluster of a hardway.yaml."""
    return resolve(parse(text, "hardway.yaml"), version)


TWO_HOSTS = """provider: ssh
network: {nodes: 192.168.7.0/24}
endpoint: {kind: KIND}
machines:
- {name: a, role: control-plane, host: 192.168.7.4}
- {name: b, role: worker, host: 192.168.7.5}
"""


def hosts(endpoint: str) -> Cluster:
    """Return a cluster of two hosts of provider ssh, before the first change to them."""
    return cluster(TWO_HOSTS.replace("KIND", endpoint))


def topology(name: str) -> Cluster:
    """Return the cluster of a topology."""
    return cluster(TOPOLOGIES[name].spec, TOPOLOGIES[name].version)


@cache
def given_topology(name: str) -> Given:
    """Return all that rendering a topology depends on."""
    return given(topology(name), **TOPOLOGIES[name].host)


@cache
def atlas(name: str) -> Atlas:
    """Return the atlas of a topology, with secrets that say what they are."""
    return Atlas.of(given_topology(name))


def wanted(name: str) -> Mapping[str, Desired]:
    """Return what each machine of a topology gets from all steps, by the machine's name."""
    return {machine: merged(own.values()) for machine, own in atlas(name).rendered.items()}


def fake_secrets(of: Cluster) -> Secrets:
    """Return secrets that say what they are."""

    def pair(*name: str) -> Pair:
        label = " ".join(filter(None, name))
        return Pair(f"certificate {label}\n".encode(), f"key {label}\n".encode())

    cas = {row.name: pair("CA", row.name) for row in CAS}
    account = KeyPair(b"key service-account\n", b"public service-account\n")
    return Secrets(
        cas={name: Trust(signer, (signer.certificate,)) for name, signer in cas.items()},
        certificates={wanted.id: pair(*wanted.id) for wanted in expand(of)},
        service_account=ServiceAccountKeys(account, (account.public,)),
        encryption_keys=(NamedKey("key-1", bytes(32)),),
    )


@cache
def fake_stored(version: str = VERSION) -> dict[str, Stored]:
    """Return all components as if they were cached."""
    found = {}
    for component in components.for_kubernetes(version):
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
    return Given(
        of, fake_secrets(of), {HOST.architecture: fake_stored(of.kubernetes_version)}, hosts
    )


@cache
def flags(unit: str, role: str) -> list[str]:
    """Return the flags of a unit as rendered for three and three machines (tests/golden)."""
    machine = {"control-plane": "controller-0", "worker": "worker-0"}[role]
    file = Path(__file__).parent / "golden/3+3" / machine / "etc/systemd/system" / unit
    return command(file.read_text())[1:]


def command(unit_file: str) -> list[str]:
    """Return the words that a unit starts."""
    text = unit_file.split("\nExecStart=", 1)[1].split("\n\n", 1)[0]
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    end = next(n for n, line in enumerate(lines) if not line.endswith("\\"))
    words = shlex.split("".join(line.removesuffix("\\") for line in lines[: end + 1]))
    return [word.replace("%%", "%").replace("$$", "$") for word in words]


def recorded(check: str, name: str) -> str:
    """Return a recorded answer (tests/answers)."""
    return (Path(__file__).parent / "answers" / check / f"{name}.txt").read_text()


@cache
def given_files(topology: str) -> dict[str, dict[str, bytes]]:
    """Return the files that machines are given, but for secret ones: by machine, then by path.

    Of the endpoint they are the API's objects.
    """
    of_machines = {
        name: {f.path: f.content for f in desired.files if not f.secret}
        for name, desired in wanted(topology).items()
    }
    return {**of_machines, ENDPOINT: object_files(manifests(STEPS, given_topology(topology)))}


def others_thorough(cases: Iterable[object]) -> list[object]:
    """Return cases for `parametrize`: the first in each run, the others in thorough ones."""
    first, *others = cases
    return [first, *(pytest.param(case, marks=pytest.mark.thorough) for case in others)]
