"""What hardway.yaml must not ask for: one function for each kind of rule. Pure."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from hardway.model import options
from hardway.model.ambiguities import ambiguities
from hardway.model.cluster import Endpoint, EndpointKind, Machine, Role
from hardway.model.providers import TRAITS
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts, Named
from hardway.spec.ssh import Ssh
from hardway.text import Text, text

PRIVATE = tuple(IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                         "100.64.0.0/10"))  # fmt: skip
"""RFC 1918 and RFC 6598: nobody else's."""
SERVICES_SMALLEST, SERVICES_LARGEST = 28, 12
NODES_SMALLEST, NODES_LARGEST = 25, 16


def wrong(
    loaded: Loaded,
    nodes: IPv4Network,
    subnets: Sequence[IPv4Network],
    endpoint: Endpoint,
    decided: Sequence[Machine],
) -> Iterator[Text]:
    """Yield the problems of a spec whose ranges are sound."""
    yield from _endpoint(loaded, nodes)
    yield from _machines(loaded, subnets, endpoint, decided)
    yield from _reached(loaded)
    yield from _ambiguous(loaded, endpoint, decided)
    yield from _days(loaded)
    yield from options.problems(loaded)
    for place, problem in TRAITS[loaded.spec.provider].problems(loaded.spec, nodes):
        yield loaded.problem(place, problem)


def wrong_ranges(loaded: Loaded, nodes: IPv4Network) -> Iterator[Text]:
    """Yield the problems of a spec's ranges, out of which addresses are dealt."""
    network = loaded.spec.network
    ranges = {"nodes": nodes, "pods": network.pods, "services": network.services}
    for name, cidr in ranges.items():
        made = name != "nodes" or TRAITS[loaded.spec.provider].makes_machines
        if made and not any(cidr.subnet_of(private) for private in PRIVATE):
            public = text("{cidr} is not a private range (RFC 1918): it is somebody else's",
                          cidr=cidr)  # fmt: skip
            yield loaded.problem(("network", name), public)
    for (one, left), (other, right) in combinations(ranges.items(), 2):
        if left.overlaps(right):
            both = text("{cidr} overlaps network.{other} {range}", cidr=right, other=one,
                        range=left)  # fmt: skip
            yield loaded.problem(("network", other), both)
    deals = TRAITS[loaded.spec.provider].makes_machines
    if deals and not NODES_LARGEST <= nodes.prefixlen <= NODES_SMALLEST:
        yield loaded.problem(("network", "nodes"), _size(NODES_LARGEST, NODES_SMALLEST, nodes))
    if not SERVICES_LARGEST <= network.services.prefixlen <= SERVICES_SMALLEST:
        size = _size(SERVICES_LARGEST, SERVICES_SMALLEST, network.services)
        yield loaded.problem(("network", "services"), size)


def _size(largest: int, smallest: int, found: IPv4Network) -> Text:
    return text("must be a /{largest} to /{smallest}, found {found}", largest=largest,
                smallest=smallest, found=found)  # fmt: skip


def _endpoint(loaded: Loaded, nodes: IPv4Network) -> Iterator[Text]:
    asked, provider = loaded.spec.endpoint, TRAITS[loaded.spec.provider]
    made, kind = provider.makes_machines, asked.kind or provider.endpoint
    place = ("endpoint", "host")
    if provider.endpoint is EndpointKind.MADE:
        if asked.kind is not None or asked.host is not None:
            only = text("on {provider} only its port can be set: hardway makes the load balancer",
                        provider=provider.name)  # fmt: skip
            yield loaded.problem(("endpoint",), only)
    elif kind == "vip":
        if asked.host is None and not made:
            needed = text("is needed: an address of network.nodes that nobody has; or let every "
                          "machine have a proxy: endpoint: {{kind: proxy}}")  # fmt: skip
            yield loaded.problem(place, needed)
        elif asked.host is not None and not _usable(nodes, as_address(asked.host), made=made):
            outside = text("{host} is not an address for machines in {nodes}", host=asked.host,
                           nodes=nodes)  # fmt: skip
            yield loaded.problem(place, outside)
    elif kind == "given" and asked.host is None:
        needed = text("is needed: the address or name of your load balancer")
        yield loaded.problem(place, needed)
    elif kind == "proxy" and asked.host is not None:
        loopback = text("a proxy on every machine has no other host than loopback")
        yield loaded.problem(place, loopback)


def _machines(
    loaded: Loaded,
    subnets: Sequence[IPv4Network],
    endpoint: Endpoint,
    decided: Sequence[Machine],
) -> Iterator[Text]:
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        place: tuple[str | int, ...] = ("machines", "controlPlanes")
        control_planes = machines.control_planes
    else:
        place = ("machines",)
        control_planes = sum(1 for m in machines if Role(m.role) is Role.CONTROL_PLANE)
    if control_planes % 2 == 0:
        even = text("an odd number of control planes is needed, found {found}: half of an even "
                    "number is not a majority, so one more helps nothing",
                    found=control_planes)  # fmt: skip
        yield loaded.problem(place, even)
    if isinstance(machines, Counts):
        return
    listed, made = {m.name for m in machines}, TRAITS[loaded.spec.provider].makes_machines
    seen: dict[object, str] = {as_address(endpoint.host): text("the endpoint")}
    seen |= {m.address: m.name for m in decided if m.name not in listed}
    for index, machine in enumerate(machines):
        address = machine.address or as_address(machine.host)
        for what, value in (("name", machine.name), ("address", address)):
            where = ("machines", index, what)
            if value is not None and value in seen:
                twice = text("{value} is also that of {other}", value=value, other=seen[value])
                yield loaded.problem(where, twice)
            elif value is not None:
                seen[value] = machine.name
        if address is not None and not any(
            _usable(subnet, address, made=made) for subnet in subnets
        ):
            where = ("machines", index, "address")
            ranges = ", ".join(map(str, subnets))
            taken = text("{address} is not free for machines in {ranges}", address=address,
                         ranges=ranges)  # fmt: skip
            yield loaded.problem(where, taken)


def _reached(loaded: Loaded) -> Iterator[Text]:
    """Yield what is missing, or too much, of how machines are reached."""
    machines, there = loaded.spec.machines, not TRAITS[loaded.spec.provider].makes_machines
    if isinstance(machines, Counts):
        if there:
            a_list = text("a list is needed with provider ssh: your machines, each with name, role "
                          "and host")  # fmt: skip
            yield loaded.problem(("machines",), a_list)
        return
    for index, machine in enumerate(machines):
        if there and machine.host is None:
            needed = text("is needed with provider ssh")
            yield loaded.problem(("machines", index, "host"), needed)
        elif there and machine.address is None and as_address(machine.host) is None:
            needed = text("is needed where host is a name: the address by which machines reach "
                          "each other")  # fmt: skip
            yield loaded.problem(("machines", index, "address"), needed)
        if not there:
            yield from _unused(loaded, index, machine)


def _unused(loaded: Loaded, index: int, machine: Named) -> Iterator[Text]:
    for name in ("host", *Ssh.model_fields):
        if getattr(machine, name) is not None:
            unused = text("is a field of provider ssh only")
            yield loaded.problem(("machines", index, name), unused)


def _days(loaded: Loaded) -> Iterator[Text]:
    pki = loaded.spec.pki
    for name, days in (("leafDays", pki.leaf_days), ("adminDays", pki.admin_days)):
        if days > pki.ca_days:
            longer = text("{days} is longer than the CA's {most}", days=days, most=pki.ca_days)
            yield loaded.problem(("pki", name), longer)


def _ambiguous(loaded: Loaded, endpoint: Endpoint, decided: Sequence[Machine]) -> Iterator[Text]:
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


def as_address(host: str | None) -> IPv4Address | None:
    """Return a host as the address that it is; None for a name, or for none."""
    try:
        return IPv4Address(host or "")
    except ValueError:
        return None
