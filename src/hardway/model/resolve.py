"""From a spec to a cluster: every name and address decided, every rule checked. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from hardway.errors import SpecError
from hardway.model.cluster import Cluster, HostFacts, KeyAlgorithm, Machine, Role, Validity
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts

PODS_PER_WORKER_PREFIX = 24
FIRST = {Role.CONTROL_PLANE: 10, Role.WORKER: 20}
"""Where in network.nodes the machines of a role begin."""
ENDPOINT = 100
NAMES = {Role.CONTROL_PLANE: "controller", Role.WORKER: "worker"}
PRIVATE = tuple(IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                         "100.64.0.0/10"))  # fmt: skip
"""RFC 1918 and RFC 6598: nobody else's."""
SERVICES_SMALLEST, SERVICES_LARGEST = 28, 12
NODES_SMALLEST, NODES_LARGEST = 25, 16

Asked = tuple[str, Role, IPv4Address | None]


def resolve(loaded: Loaded, host: HostFacts, kubernetes_version: str) -> Cluster:
    """Decide all that the spec leaves open.

    Raises:
        SpecError: with every rule that the spec breaks.
    """
    spec = loaded.spec
    network = spec.network
    problems = [*_ranges(loaded)]
    if problems:
        # Addresses cannot be dealt out of ranges that make no sense.
        raise SpecError(problems)
    endpoint = network.endpoint or network.nodes[ENDPOINT]
    asked = _asked(loaded)
    problems += [*_endpoint(loaded, endpoint), *_machines(loaded, asked, endpoint), *_days(loaded)]
    workers = sum(1 for _, role, _ in asked if role is Role.WORKER)
    room = 1 << max(0, PODS_PER_WORKER_PREFIX - network.pods.prefixlen)
    if workers > room:
        problems.append(
            loaded.problem(("network", "pods"), f"{network.pods} has room for {room} workers "
                           f"with a /{PODS_PER_WORKER_PREFIX} each, found {workers}")
        )  # fmt: skip
    machines = _deal(asked, network.nodes, network.pods, endpoint)
    if len(machines) < len(asked):
        message = f"{network.nodes} has no address left for {asked[len(machines)][0]}"
        problems.append(loaded.problem(("network", "nodes"), message))
    if problems:
        raise SpecError(problems)
    return Cluster(
        name=spec.name,
        provider=spec.provider,
        kubernetes_version=kubernetes_version,
        machines=tuple(machines),
        node_cidr=network.nodes,
        pod_cidr=network.pods,
        service_cidr=network.services,
        endpoint=endpoint,
        key_algorithm=KeyAlgorithm(spec.pki.algorithm),
        validity=Validity(
            ca=timedelta(days=spec.pki.ca_days),
            leaf=timedelta(days=spec.pki.leaf_days),
            admin=timedelta(days=spec.pki.admin_days),
        ),
        host=host,
    )


def _asked(loaded: Loaded) -> Sequence[Asked]:
    """Return the machines as asked for, control planes first."""
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        counts = {Role.CONTROL_PLANE: machines.control_planes, Role.WORKER: machines.workers}
        return [(f"{NAMES[role]}-{i}", role, None) for role, n in counts.items() for i in range(n)]
    listed = [(m.name, Role(m.role), m.address) for m in machines]
    return sorted(listed, key=lambda m: m[1] is Role.WORKER)


def _ranges(loaded: Loaded) -> Iterator[str]:
    network = loaded.spec.network
    ranges = {"nodes": network.nodes, "pods": network.pods, "services": network.services}
    for name, cidr in ranges.items():
        if not any(cidr.subnet_of(private) for private in PRIVATE):
            yield loaded.problem(
                ("network", name),
                f"{cidr} is not a private range (RFC 1918): it is somebody else's",
            )
    for (one, left), (other, right) in combinations(ranges.items(), 2):
        if left.overlaps(right):
            yield loaded.problem(("network", other), f"{right} overlaps network.{one} {left}")
    if not NODES_LARGEST <= network.nodes.prefixlen <= NODES_SMALLEST:
        yield loaded.problem(
            ("network", "nodes"), f"must be a /{NODES_LARGEST} to /{NODES_SMALLEST}, found "
            f"{network.nodes}")  # fmt: skip
    if not SERVICES_LARGEST <= network.services.prefixlen <= SERVICES_SMALLEST:
        yield loaded.problem(
            ("network", "services"), f"must be a /{SERVICES_LARGEST} to /{SERVICES_SMALLEST}, "
            f"found {network.services}")  # fmt: skip


def _endpoint(loaded: Loaded, endpoint: IPv4Address) -> Iterator[str]:
    nodes = loaded.spec.network.nodes
    if not _usable(nodes, endpoint):
        yield loaded.problem(
            ("network", "endpoint"), f"{endpoint} is not an address for machines in {nodes}"
        )


def _machines(loaded: Loaded, asked: Sequence[Asked], endpoint: IPv4Address) -> Iterator[str]:
    control_planes = sum(1 for _, role, _ in asked if role is Role.CONTROL_PLANE)
    place: tuple[str | int, ...] = ("machines",)
    if isinstance(loaded.spec.machines, Counts):
        place = ("machines", "controlPlanes")
    if control_planes % 2 == 0:
        yield loaded.problem(
            place, f"an odd number of control planes is needed, found {control_planes}: of an even "
            "number half is no majority, so that one more helps nothing")  # fmt: skip
    if isinstance(loaded.spec.machines, Counts):
        return
    nodes = loaded.spec.network.nodes
    seen: dict[object, str] = {endpoint: "the endpoint"}
    for index, machine in enumerate(loaded.spec.machines):
        for what, value in (("name", machine.name), ("address", machine.address)):
            where = ("machines", index, what)
            if value in seen:
                yield loaded.problem(where, f"{value} is also that of {seen[value]}")
            elif value is not None:
                seen[value] = machine.name
        if machine.address is not None and not _usable(nodes, machine.address):
            where = ("machines", index, "address")
            yield loaded.problem(where, f"{machine.address} is not free for machines in {nodes}")


def _days(loaded: Loaded) -> Iterator[str]:
    pki = loaded.spec.pki
    for name, days in (("leafDays", pki.leaf_days), ("adminDays", pki.admin_days)):
        if days > pki.ca_days:
            yield loaded.problem(("pki", name), f"{days} is longer than the CA's {pki.ca_days}")


def _usable(nodes: IPv4Network, address: IPv4Address) -> bool:
    """Return whether a machine may have it: not the range's own, the bridge's, the broadcast."""
    return nodes[2] <= address < nodes[-1]


def _deal(
    asked: Sequence[Asked], nodes: IPv4Network, pods: IPv4Network, endpoint: IPv4Address
) -> list[Machine]:
    """Return the machines with their addresses; fewer than asked for where those run out."""
    taken = {endpoint, *(address for _, _, address in asked if address)}
    ranges = iter(pods.subnets(new_prefix=max(pods.prefixlen, PODS_PER_WORKER_PREFIX)))
    machines = []
    for name, role, given in asked:
        first = int(nodes[FIRST[role]])
        free = (IPv4Address(a) for a in range(first, int(nodes[-1])))
        address = given or next((a for a in free if a not in taken), None)
        pod_cidr = next(ranges, None) if role is Role.WORKER else None
        if address is None:
            break
        taken.add(address)
        machines.append(Machine(name, role, address, pod_cidr))
    return machines
