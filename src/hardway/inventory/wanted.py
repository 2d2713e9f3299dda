"""What hardway would have in the place of a cluster that others made: its atlas, on their terms.

Their machines' names and addresses, their ranges and their endpoint are taken over, so that these
are no deviations.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import cycle
from urllib.parse import urlsplit

from hardway import components
from hardway.atlas.assumed import ordinary_hosts
from hardway.atlas.atlas import Atlas
from hardway.errors import SpecError
from hardway.inventory.look import Process, Seen, bridge
from hardway.meaning import kubeconfig
from hardway.meaning.commands import flags
from hardway.meaning.document import at as held
from hardway.model import options
from hardway.model.cluster import (
    API_PORT,
    Cluster,
    Endpoint,
    EndpointKind,
    KeyAlgorithm,
    Machine,
    Role,
    Validity,
)
from hardway.pki.inventory import CAS, expand
from hardway.pki.values import KeyPair, NamedKey, Pair, Secrets, ServiceAccountKeys, Trust
from hardway.spec.inventory import Found, Inventory
from hardway.spec.schema import ClusterSpec
from hardway.steps.base import Given
from hardway.text import text

SERVICES = "10.0.0.0/24"
"""kube-apiserver's default."""
PODS = "10.200.0.0/16"
PER_NODE = 24
EVERYWHERE = IPv4Network("0.0.0.0/0")


def said(process: Process | None) -> Mapping[str, tuple[str, ...]]:
    """Return the flags that a process runs with."""
    return flags(["", *(process.arguments if process else ())])[1]


def wanted(inventory: Inventory, seen: Mapping[str, Seen]) -> Atlas:
    """Return what hardway would have on the same machines.

    Raises:
        SpecError: a machine's address is not known.
    """
    of = _cluster(inventory, seen)
    needed = components.for_kubernetes(of.kubernetes_version)
    here = components.architecture()
    stored = components.lookup(needed, here, cache=components.cache_folder(), absent_ok=True)
    return Atlas.of(Given(of, _blank(of), {here: stored}, ordinary_hosts(of)), assumed=True)


def _cluster(inventory: Inventory, seen: Mapping[str, Seen]) -> Cluster:
    pods = _range(_flag(seen, "kube-controller-manager", "--cluster-cidr"), PODS)
    services = _range(_flag(seen, "kube-apiserver", "--service-cluster-ip-range"), SERVICES)
    ranges = cycle(pods.subnets(new_prefix=max(PER_NODE, pods.prefixlen)))
    machines = tuple(
        Machine(
            name=found.name,
            role=Role(found.role),
            address=_address(found, seen.get(found.name)),
            pod_cidr=_pods(seen.get(found.name)) or next(ranges)
            if Role(found.role) is Role.WORKER
            else None,
            reached_at=found.host or found.name,
        )
        for found in inventory.machines
    )
    day = timedelta(days=1)
    return Cluster(
        name="inventory",
        provider="ssh",
        kubernetes_version=components.resolve_version(inventory.kubernetes),
        machines=machines,
        node_cidr=EVERYWHERE,
        pod_cidr=pods,
        service_cidr=services,
        endpoint=_endpoint(seen, machines),
        routes_outside=False,
        key_algorithm=KeyAlgorithm.ECDSA_P256,
        validity=Validity(ca=day, leaf=day, admin=day),
        options=options.decide(ClusterSpec(), (m.name for m in machines)),
    )


def _flag(seen: Mapping[str, Seen], component: str, name: str) -> str:
    """Return what the first machine that runs a component tells it."""
    found = (said(one.processes.get(component)).get(name) for one in seen.values())
    return next((values[0] for values in found if values), "")


def _address(found: Found, seen: Seen | None) -> IPv4Address:
    candidates = (found.address, found.host, *(seen.addresses if seen else ()))
    for candidate in candidates:
        try:
            return IPv4Address(str(candidate))
        except ValueError:
            continue
    raise SpecError([text("{machine}: its address is not known: add `address:`",
                          machine=found.name)])  # fmt: skip


def _pods(seen: Seen | None) -> IPv4Network | None:
    """Return the range that a worker's bridge gives pods addresses of."""
    ipam = held(bridge(seen)[1], "ipam") if seen else None
    subnets = (held(ipam, "subnet"), held(ipam, "ranges", 0, 0, "subnet"))
    return next((of for subnet in subnets if (of := _ipv4(str(subnet)))), None)


def _range(said: str, default: str) -> IPv4Network:
    """Return the first range for IPv4 of those that a flag says."""
    found = (_ipv4(one) for one in said.split(","))
    return next((of for of in found if of), IPv4Network(default))


def _ipv4(said: str) -> IPv4Network | None:
    try:
        return IPv4Network(said, strict=False)
    except ValueError:
        return None


def _endpoint(seen: Mapping[str, Seen], machines: tuple[Machine, ...]) -> Endpoint:
    """Return where kubelets find the API; without any the first control plane."""
    for url in _servers(seen):
        parts = urlsplit(url)
        if parts.hostname:
            return Endpoint(EndpointKind.GIVEN, parts.hostname, parts.port or 443)
    first = next(m for m in machines if m.role is Role.CONTROL_PLANE)
    return Endpoint(EndpointKind.GIVEN, str(first.address), API_PORT)


def _servers(seen: Mapping[str, Seen]) -> Iterator[str]:
    for one in seen.values():
        if kubelet := one.processes.get("kubelet"):
            for path in said(kubelet).get("--kubeconfig", ()):
                try:
                    yield kubeconfig.parse(kubelet.read(path) or b"", kubelet.read, path).server
                except ValueError:
                    continue


def _blank(cluster: Cluster) -> Secrets:
    """Return secrets without content: what is compared by meaning is not compared with these."""
    pair, keys = Pair(b"", b""), KeyPair(b"", b"")
    return Secrets(
        cas={ca.name: Trust(pair, ()) for ca in CAS},
        certificates={one.id: pair for one in expand(cluster)},
        service_account=ServiceAccountKeys(keys, ()),
        encryption_keys=(NamedKey("key", bytes(32)),),
    )
