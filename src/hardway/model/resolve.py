"""From a spec to a cluster: every name and address decided, every rule checked. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations, cycle

from hardway.errors import SpecError
from hardway.model.cluster import (
    Cluster,
    Endpoint,
    EndpointKind,
    KeyAlgorithm,
    Machine,
    Role,
    Validity,
)
from hardway.spec import aws
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts, Named
from hardway.spec.ssh import Ssh

PODS_PER_WORKER_PREFIX = 24
FIRST = {Role.CONTROL_PLANE: 10, Role.WORKER: 20}
"""Where in network.nodes the machines of a role begin."""
ENDPOINT = 100
NAMES = {Role.CONTROL_PLANE: "controller", Role.WORKER: "worker"}
NODES: Mapping[str, IPv4Network] = {
    "local": IPv4Network("10.240.0.0/24"),
    "aws": IPv4Network("10.0.0.0/16"),
}
"""Machines' ranges where hardway.yaml has none, of providers that make machines."""
KINDS = {"local": EndpointKind.VIP, "ssh": EndpointKind.VIP, "aws": EndpointKind.MADE}
"""Kinds of endpoints where hardway.yaml says none, by provider."""
LOOPBACK = "127.0.0.1"
PRIVATE = tuple(IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                         "100.64.0.0/10"))  # fmt: skip
"""RFC 1918 and RFC 6598: nobody else's."""
SERVICES_SMALLEST, SERVICES_LARGEST = 28, 12
NODES_SMALLEST, NODES_LARGEST = 25, 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A machine as far as hardway.yaml describes it."""

    name: str
    role: Role
    address: IPv4Address | None = None
    host: str | None = None


def resolve(loaded: Loaded, kubernetes_version: str) -> Cluster:
    """Decide all that the spec leaves open.

    Raises:
        SpecError: with every rule that the spec breaks.
    """
    spec = loaded.spec
    network = spec.network
    nodes = network.nodes or NODES.get(spec.provider)
    if nodes is None:
        raise SpecError([loaded.problem(("network", "nodes"), "is needed: the range in which "
                                        "your machines have their addresses")])  # fmt: skip
    problems = [*_ranges(loaded, nodes)]
    if problems:
        # Addresses cannot be dealt out of ranges that make no sense.
        raise SpecError(problems)
    endpoint = _endpoint(loaded, nodes)
    subnets = (aws.subnets(spec.aws, nodes) if spec.provider == "aws" else ()) or (nodes,)
    asked = _asked(loaded)
    problems += [
        *_endpoint_problems(loaded, nodes),
        *_machines(loaded, asked, subnets, endpoint),
        *_reached(loaded),
        *_days(loaded),
    ]
    if spec.provider == "aws":
        problems += [loaded.problem(place, text) for place, text in aws.problems(spec.aws, nodes)]
    workers = sum(1 for a in asked if a.role is Role.WORKER)
    room = 1 << max(0, PODS_PER_WORKER_PREFIX - network.pods.prefixlen)
    if workers > room:
        problems.append(
            loaded.problem(("network", "pods"), f"{network.pods} has room for {room} workers "
                           f"with a /{PODS_PER_WORKER_PREFIX} each, found {workers}")
        )  # fmt: skip
    machines = _deal(asked, subnets, network.pods, endpoint)
    if len(machines) < len(asked):
        message = f"{nodes} has no address left for {asked[len(machines)].name}"
        problems.append(loaded.problem(("network", "nodes"), message))
    if problems:
        raise SpecError(problems)
    return Cluster(
        name=spec.name,
        provider=spec.provider,
        kubernetes_version=kubernetes_version,
        machines=tuple(machines),
        node_cidr=nodes,
        pod_cidr=network.pods,
        service_cidr=network.services,
        endpoint=endpoint,
        # Neighbours in other zones are in other subnets, and no next hop for a machine.
        routes_outside=spec.provider == "aws",
        key_algorithm=KeyAlgorithm(spec.pki.algorithm),
        validity=Validity(
            ca=timedelta(days=spec.pki.ca_days),
            leaf=timedelta(days=spec.pki.leaf_days),
            admin=timedelta(days=spec.pki.admin_days),
        ),
    )


def _asked(loaded: Loaded) -> Sequence[Asked]:
    """Return the machines as asked for, control planes first."""
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        counts = {Role.CONTROL_PLANE: machines.control_planes, Role.WORKER: machines.workers}
        return [Asked(f"{NAMES[role]}-{i}", role) for role, n in counts.items() for i in range(n)]
    listed = [Asked(m.name, Role(m.role), m.address or _as_address(m.host), m.host)
              for m in machines]  # fmt: skip
    return sorted(listed, key=lambda m: m.role is Role.WORKER)


def _as_address(host: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(host or "")
    except ValueError:
        return None


def _ranges(loaded: Loaded, nodes: IPv4Network) -> Iterator[str]:
    network = loaded.spec.network
    ranges = {"nodes": nodes, "pods": network.pods, "services": network.services}
    for name, cidr in ranges.items():
        made = name != "nodes" or loaded.spec.provider in NODES
        if made and not any(cidr.subnet_of(private) for private in PRIVATE):
            yield loaded.problem(
                ("network", name),
                f"{cidr} is not a private range (RFC 1918): it is somebody else's",
            )
    for (one, left), (other, right) in combinations(ranges.items(), 2):
        if left.overlaps(right):
            yield loaded.problem(("network", other), f"{right} overlaps network.{one} {left}")
    if not NODES_LARGEST <= nodes.prefixlen <= NODES_SMALLEST:
        yield loaded.problem(
            ("network", "nodes"), f"must be a /{NODES_LARGEST} to /{NODES_SMALLEST}, found "
            f"{nodes}")  # fmt: skip
    if not SERVICES_LARGEST <= network.services.prefixlen <= SERVICES_SMALLEST:
        yield loaded.problem(
            ("network", "services"), f"must be a /{SERVICES_LARGEST} to /{SERVICES_SMALLEST}, "
            f"found {network.services}")  # fmt: skip


def _endpoint(loaded: Loaded, nodes: IPv4Network) -> Endpoint:
    asked = loaded.spec.endpoint
    kind = EndpointKind(asked.kind or KINDS[loaded.spec.provider])
    hosts = {EndpointKind.VIP: str(nodes[ENDPOINT]), EndpointKind.GIVEN: "",
             EndpointKind.PROXY: LOOPBACK, EndpointKind.MADE: ""}  # fmt: skip
    return Endpoint(kind, asked.host or hosts[kind], asked.port)


def _endpoint_problems(loaded: Loaded, nodes: IPv4Network) -> Iterator[str]:
    asked, provider = loaded.spec.endpoint, loaded.spec.provider
    made, kind = provider in NODES, asked.kind or KINDS[provider]
    place = ("endpoint", "host")
    if provider == "aws":
        if asked.kind is not None or asked.host is not None:
            yield loaded.problem(("endpoint",), "on aws only its port can be set: hardway makes "
                                 "the load balancer")  # fmt: skip
    elif kind == "vip":
        if asked.host is None and not made:
            yield loaded.problem(
                place, "is needed: an address of network.nodes that nobody has; or let every "
                "machine have a proxy: endpoint: {kind: proxy}")  # fmt: skip
        elif asked.host is not None and not _usable(nodes, _as_address(asked.host)):
            yield loaded.problem(place, f"{asked.host} is not an address for machines in {nodes}")
    elif kind == "given" and asked.host is None:
        yield loaded.problem(place, "is needed: the address or name of your load balancer")
    elif kind == "proxy" and asked.host is not None:
        yield loaded.problem(place, "a proxy on every machine has no other host than loopback")


def _machines(
    loaded: Loaded, asked: Sequence[Asked], subnets: Sequence[IPv4Network], endpoint: Endpoint
) -> Iterator[str]:
    control_planes = sum(1 for a in asked if a.role is Role.CONTROL_PLANE)
    place: tuple[str | int, ...] = ("machines",)
    if isinstance(loaded.spec.machines, Counts):
        place = ("machines", "controlPlanes")
    if control_planes % 2 == 0:
        yield loaded.problem(
            place, f"an odd number of control planes is needed, found {control_planes}: of an even "
            "number half is no majority, so that one more helps nothing")  # fmt: skip
    if isinstance(loaded.spec.machines, Counts):
        return
    seen: dict[object, str] = {_as_address(endpoint.host): "the endpoint"}
    for index, machine in enumerate(loaded.spec.machines):
        address = machine.address or _as_address(machine.host)
        for what, value in (("name", machine.name), ("address", address)):
            where = ("machines", index, what)
            if value is not None and value in seen:
                yield loaded.problem(where, f"{value} is also that of {seen[value]}")
            elif value is not None:
                seen[value] = machine.name
        if address is not None and not any(_usable(subnet, address) for subnet in subnets):
            where = ("machines", index, "address")
            ranges = ", ".join(map(str, subnets))
            yield loaded.problem(where, f"{address} is not free for machines in {ranges}")


def _reached(loaded: Loaded) -> Iterator[str]:
    """Yield what is missing, or too much, of how machines are reached."""
    machines, there = loaded.spec.machines, loaded.spec.provider == "ssh"
    if isinstance(machines, Counts):
        if there:
            yield loaded.problem(("machines",), "a list is needed with provider ssh: your "
                                 "machines, each with name, role and host")  # fmt: skip
        return
    for index, machine in enumerate(machines):
        if there and machine.host is None:
            yield loaded.problem(("machines", index, "host"), "is needed with provider ssh")
        elif there and machine.address is None and _as_address(machine.host) is None:
            yield loaded.problem(
                ("machines", index, "address"), "is needed where host is a name: the address by "
                "which machines reach each other")  # fmt: skip
        if not there:
            yield from _unused(loaded, index, machine)


def _unused(loaded: Loaded, index: int, machine: Named) -> Iterator[str]:
    for name in ("host", *Ssh.model_fields):
        if getattr(machine, name) is not None:
            yield loaded.problem(("machines", index, name), "is a field of provider ssh only")


def _days(loaded: Loaded) -> Iterator[str]:
    pki = loaded.spec.pki
    for name, days in (("leafDays", pki.leaf_days), ("adminDays", pki.admin_days)):
        if days > pki.ca_days:
            yield loaded.problem(("pki", name), f"{days} is longer than the CA's {pki.ca_days}")


def _usable(nodes: IPv4Network, address: IPv4Address | None) -> bool:
    """Return whether a machine may have it: not the range's own, the bridge's, the broadcast."""
    return address is not None and nodes[2] <= address < nodes[-1]


def _deal(
    asked: Sequence[Asked], subnets: Sequence[IPv4Network], pods: IPv4Network, endpoint: Endpoint
) -> list[Machine]:
    """Return the machines with their addresses; fewer than asked for where those run out.

    Machines of a role go to the subnets in turn, so that the loss of one takes few of them.
    """
    taken = {_as_address(endpoint.host), *(a.address for a in asked)}
    ranges = iter(pods.subnets(new_prefix=max(pods.prefixlen, PODS_PER_WORKER_PREFIX)))
    turns = {role: cycle(subnets) for role in Role}
    machines = []
    for want in asked:
        subnet = next(turns[want.role])
        first = int(subnet[FIRST[want.role]])
        free = (IPv4Address(a) for a in range(first, int(subnet[-1])))
        address = want.address or next((a for a in free if a not in taken), None)
        pod_cidr = next(ranges, None) if want.role is Role.WORKER else None
        if address is None:
            break
        taken.add(address)
        reached_at = want.host or str(address)
        machines.append(Machine(want.name, want.role, address, pod_cidr, reached_at))
    return machines
