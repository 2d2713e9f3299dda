"""From a spec to a cluster: every name and address decided, every rule checked. Pure.

What was decided before (model/decisions.py) stays: a machine keeps its address, pod range and
number wherever it stands in hardway.yaml, and a machine that no longer stands there is kept, for
only `hardway node remove` takes one away. `model/delta.py` lists what then differs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations, count

from hardway.errors import SpecError
from hardway.model import options
from hardway.model.ambiguities import ambiguities
from hardway.model.cluster import (
    Cluster,
    Endpoint,
    EndpointKind,
    KeyAlgorithm,
    Machine,
    Role,
    Validity,
)
from hardway.model.decisions import PODS_PER_WORKER_PREFIX
from hardway.model.providers import TRAITS
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts, Named
from hardway.spec.ssh import Ssh

FIRST = {Role.CONTROL_PLANE: 10, Role.WORKER: 20}
"""Where in network.nodes the machines of a role begin."""
ENDPOINT = 100
NAMES = {Role.CONTROL_PLANE: "controller", Role.WORKER: "worker"}
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
    login: tuple[tuple[str, str], ...] = ()


def resolve(loaded: Loaded, kubernetes_version: str, decided: Sequence[Machine] = ()) -> Cluster:
    """Decide all that the spec and earlier decisions leave open.

    Raises:
        SpecError: with every rule that the spec breaks.
    """
    spec = loaded.spec
    network = spec.network
    provider = TRAITS[spec.provider]
    nodes = network.nodes or provider.nodes
    if nodes is None:
        raise SpecError([loaded.problem(("network", "nodes"), "is needed: the range in which "
                                        "your machines have their addresses")])  # fmt: skip
    problems = [*_ranges(loaded, nodes)]
    if problems:
        # Addresses cannot be dealt out of ranges that make no sense.
        raise SpecError(problems)
    endpoint = _endpoint(loaded, nodes)
    subnets = provider.subnets(spec, nodes)
    asked = _asked(loaded, decided)
    problems += [
        *_endpoint_problems(loaded, nodes),
        *_machines(loaded, subnets, endpoint, decided),
        *_reached(loaded),
        *_ambiguous(loaded, endpoint, decided),
        *_days(loaded),
        *options.problems(loaded),
        *(loaded.problem(place, text) for place, text in provider.problems(spec, nodes)),
    ]
    known = {m.name: m for m in decided}
    roles = [known[a.name].role if a.name in known else a.role for a in asked]
    workers = sum(1 for role in roles if role is Role.WORKER)
    room = 1 << max(0, PODS_PER_WORKER_PREFIX - network.pods.prefixlen)
    if workers > room:
        problems.append(
            loaded.problem(("network", "pods"), f"{network.pods} has room for {room} workers "
                           f"with a /{PODS_PER_WORKER_PREFIX} each, found {workers}")
        )  # fmt: skip
    machines = _deal(asked, subnets, network.pods, endpoint, known)
    if len(machines) < len(asked):
        left_out = next(a.name for a in asked if a.name not in {m.name for m in machines})
        message = f"{nodes} has no address left for {left_out}"
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
        routes_outside=provider.routes_outside,
        key_algorithm=KeyAlgorithm(spec.pki.algorithm),
        validity=Validity(
            ca=timedelta(days=spec.pki.ca_days),
            leaf=timedelta(days=spec.pki.leaf_days),
            admin=timedelta(days=spec.pki.admin_days),
        ),
        options=options.decide(spec, (m.name for m in machines)),
    )


def _asked(loaded: Loaded, decided: Sequence[Machine]) -> Sequence[Asked]:
    """Return the machines as asked for, and those decided before; control planes first."""
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        counts = {Role.CONTROL_PLANE: machines.control_planes, Role.WORKER: machines.workers}
        listed = [a for role, n in counts.items() for a in _counted(role, n, decided)]
    else:
        listed = [
            Asked(m.name, Role(m.role), m.address or _as_address(m.host), m.host, _login(loaded, m))
            for m in machines
        ]
    names = {asked.name for asked in listed}
    kept = [Asked(m.name, m.role) for m in decided if m.name not in names]
    order = {m.name: m.number for m in decided}
    # Decided ones in their old order: what is new comes after them and moves nobody.
    return sorted(
        [*listed, *kept],
        key=lambda a: (a.role is Role.WORKER, order.get(a.name, len(listed) + len(order))),
    )


def _counted(role: Role, number: int, decided: Sequence[Machine]) -> Iterator[Asked]:
    """Yield as many machines of a role; those decided before first, whatever their names."""
    there = [m.name for m in decided if m.role is role]
    taken = {m.name for m in decided}
    names = (name for i in count() if (name := f"{NAMES[role]}-{i}") not in taken)
    for index in range(number):
        yield Asked(there[index] if index < len(there) else next(names), role)


def _login(loaded: Loaded, machine: Named) -> tuple[tuple[str, str], ...]:
    """Return how a machine is reached: what it says itself, else what `ssh:` says for all."""
    said = {name: getattr(machine, name) or getattr(loaded.spec.ssh, name)
            for name in Ssh.model_fields}  # fmt: skip
    return tuple((name, str(value)) for name, value in said.items() if value is not None)


def _as_address(host: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(host or "")
    except ValueError:
        return None


def _ranges(loaded: Loaded, nodes: IPv4Network) -> Iterator[str]:
    network = loaded.spec.network
    ranges = {"nodes": nodes, "pods": network.pods, "services": network.services}
    for name, cidr in ranges.items():
        made = name != "nodes" or TRAITS[loaded.spec.provider].makes_machines
        if made and not any(cidr.subnet_of(private) for private in PRIVATE):
            yield loaded.problem(
                ("network", name),
                f"{cidr} is not a private range (RFC 1918): it is somebody else's",
            )
    for (one, left), (other, right) in combinations(ranges.items(), 2):
        if left.overlaps(right):
            yield loaded.problem(("network", other), f"{right} overlaps network.{one} {left}")
    deals = TRAITS[loaded.spec.provider].makes_machines
    if deals and not NODES_LARGEST <= nodes.prefixlen <= NODES_SMALLEST:
        yield loaded.problem(
            ("network", "nodes"), f"must be a /{NODES_LARGEST} to /{NODES_SMALLEST}, found "
            f"{nodes}")  # fmt: skip
    if not SERVICES_LARGEST <= network.services.prefixlen <= SERVICES_SMALLEST:
        yield loaded.problem(
            ("network", "services"), f"must be a /{SERVICES_LARGEST} to /{SERVICES_SMALLEST}, "
            f"found {network.services}")  # fmt: skip


def _endpoint(loaded: Loaded, nodes: IPv4Network) -> Endpoint:
    asked = loaded.spec.endpoint
    kind = EndpointKind(asked.kind or TRAITS[loaded.spec.provider].endpoint)
    vip = nodes[min(ENDPOINT, nodes.num_addresses - 1)]
    hosts = {EndpointKind.VIP: str(vip), EndpointKind.GIVEN: "",
             EndpointKind.PROXY: LOOPBACK, EndpointKind.MADE: ""}  # fmt: skip
    return Endpoint(kind, asked.host or hosts[kind], asked.port)


def _endpoint_problems(loaded: Loaded, nodes: IPv4Network) -> Iterator[str]:
    asked, provider = loaded.spec.endpoint, TRAITS[loaded.spec.provider]
    made, kind = provider.makes_machines, asked.kind or provider.endpoint
    place = ("endpoint", "host")
    if provider.endpoint is EndpointKind.MADE:
        if asked.kind is not None or asked.host is not None:
            yield loaded.problem(("endpoint",), f"on {provider.name} only its port can be set: "
                                 "hardway makes the load balancer")  # fmt: skip
    elif kind == "vip":
        if asked.host is None and not made:
            yield loaded.problem(
                place, "is needed: an address of network.nodes that nobody has; or let every "
                "machine have a proxy: endpoint: {kind: proxy}")  # fmt: skip
        elif asked.host is not None and not _usable(nodes, _as_address(asked.host), made=made):
            yield loaded.problem(place, f"{asked.host} is not an address for machines in {nodes}")
    elif kind == "given" and asked.host is None:
        yield loaded.problem(place, "is needed: the address or name of your load balancer")
    elif kind == "proxy" and asked.host is not None:
        yield loaded.problem(place, "a proxy on every machine has no other host than loopback")


def _machines(
    loaded: Loaded,
    subnets: Sequence[IPv4Network],
    endpoint: Endpoint,
    decided: Sequence[Machine],
) -> Iterator[str]:
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        place: tuple[str | int, ...] = ("machines", "controlPlanes")
        control_planes = machines.control_planes
    else:
        place = ("machines",)
        control_planes = sum(1 for m in machines if Role(m.role) is Role.CONTROL_PLANE)
    if control_planes % 2 == 0:
        yield loaded.problem(
            place, f"an odd number of control planes is needed, found {control_planes}: of an even "
            "number half is no majority, so that one more helps nothing")  # fmt: skip
    if isinstance(machines, Counts):
        return
    listed, made = {m.name for m in machines}, TRAITS[loaded.spec.provider].makes_machines
    seen: dict[object, str] = {_as_address(endpoint.host): "the endpoint"}
    seen |= {m.address: m.name for m in decided if m.name not in listed}
    for index, machine in enumerate(machines):
        address = machine.address or _as_address(machine.host)
        for what, value in (("name", machine.name), ("address", address)):
            where = ("machines", index, what)
            if value is not None and value in seen:
                yield loaded.problem(where, f"{value} is also that of {seen[value]}")
            elif value is not None:
                seen[value] = machine.name
        if address is not None and not any(
            _usable(subnet, address, made=made) for subnet in subnets
        ):
            where = ("machines", index, "address")
            ranges = ", ".join(map(str, subnets))
            yield loaded.problem(where, f"{address} is not free for machines in {ranges}")


def _reached(loaded: Loaded) -> Iterator[str]:
    """Yield what is missing, or too much, of how machines are reached."""
    machines, there = loaded.spec.machines, not TRAITS[loaded.spec.provider].makes_machines
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


def _ambiguous(loaded: Loaded, endpoint: Endpoint, decided: Sequence[Machine]) -> Iterator[str]:
    """Yield what means two things and is new; a living cluster's own is told, not refused."""
    lived_with = {m.name for m in decided} | ({""} if decided else set())
    for found in ambiguities(loaded, endpoint):
        if found.machine not in lived_with:
            yield loaded.problem(found.place, found.text)


def _usable(nodes: IPv4Network, address: IPv4Address | None, *, made: bool) -> bool:
    """Return whether a machine may have it: not the range's own, nor the broadcast.

    Nor the bridge's, where the provider has `made` the network.
    """
    first = nodes[0] + (2 if made else 1)
    return address is not None and first <= address < nodes[-1]


def _deal(
    asked: Sequence[Asked],
    subnets: Sequence[IPv4Network],
    pods: IPv4Network,
    endpoint: Endpoint,
    decided: Mapping[str, Machine],
) -> list[Machine]:
    """Return the machines with their addresses; fewer than asked for where those run out.

    Decided ones keep what they have. A new one gets the lowest that is free, in the subnet that has
    the fewest machines of its role, so that the loss of one takes few of them.
    """
    kept = [_kept(decided[a.name], a) for a in asked if a.name in decided]
    taken = {_as_address(endpoint.host), *(a.address for a in asked), *(m.address for m in kept)}
    prefix = max(pods.prefixlen, PODS_PER_WORKER_PREFIX)
    used = {m.pod_cidr for m in kept}
    ranges = (free for free in pods.subnets(new_prefix=prefix) if free not in used)
    numbers = (n for n in count() if n not in {m.number for m in kept})
    machines = {m.name: m for m in kept}
    for want in asked:
        if want.name in machines:
            continue
        address = want.address or _free(want.role, subnets, taken, machines.values())
        pod_cidr = next(ranges, None) if want.role is Role.WORKER else None
        if address is None:
            break
        taken.add(address)
        reached_at = want.host or str(address)
        machines[want.name] = Machine(
            want.name, want.role, address, pod_cidr, reached_at, next(numbers), want.login
        )
    return [machines[want.name] for want in asked if want.name in machines]


def _kept(machine: Machine, asked: Asked) -> Machine:
    """Return a decided machine; how it is reached is as hardway.yaml says now, if it says that."""
    if asked.host is None:
        return machine
    return replace(machine, reached_at=asked.host, login=asked.login)


def _free(
    role: Role,
    subnets: Sequence[IPv4Network],
    taken: set[IPv4Address | None],
    machines: Iterable[Machine],
) -> IPv4Address | None:
    """Return a free address for a machine of a role; None where there is none."""
    others = [m.address for m in machines if m.role is role]
    subnet = min(subnets, key=lambda s: sum(1 for address in others if address in s))
    addresses = (IPv4Address(a) for a in range(int(subnet[0]) + FIRST[role], int(subnet[-1])))
    return next((a for a in addresses if a not in taken), None)
