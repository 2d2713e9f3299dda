"""From a spec to a cluster: every name and address decided, every rule (rules.py) checked. Pure.

What was decided before (model/decisions.py) stays: a machine keeps its address, pod range and
number wherever it stands in hardway.yaml, and a machine that no longer stands there is kept, for
only `hardway node remove` takes one away. `model/delta.py` lists what then differs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import count

from hardway.errors import SpecError
from hardway.model import options
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
from hardway.model.rules import as_address, wrong, wrong_ranges
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts, Named
from hardway.spec.ssh import Ssh
from hardway.text import text

FIRST = {Role.CONTROL_PLANE: 10, Role.WORKER: 20}
"""Where in network.nodes the machines of a role begin."""
ENDPOINT = 100
NAMES = {Role.CONTROL_PLANE: "controller", Role.WORKER: "worker"}
LOOPBACK = "127.0.0.1"


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
        needed = text("is needed: the range in which your machines have their addresses")
        raise SpecError([loaded.problem(("network", "nodes"), needed)])
    problems = [*wrong_ranges(loaded, nodes)]
    if problems:
        # Addresses cannot be dealt out of ranges that make no sense.
        raise SpecError(problems)
    endpoint = _endpoint(loaded, nodes)
    subnets = provider.subnets(spec, nodes)
    asked = _asked(loaded, decided)
    problems += wrong(loaded, nodes, subnets, endpoint, decided)
    known = {m.name: m for m in decided}
    roles = [known[a.name].role if a.name in known else a.role for a in asked]
    workers = sum(1 for role in roles if role is Role.WORKER)
    room = 1 << max(0, PODS_PER_WORKER_PREFIX - network.pods.prefixlen)
    if workers > room:
        narrow = text("{pods} has room for {room} workers with a /{prefix} each, found {workers}",
                      pods=network.pods, room=room, prefix=PODS_PER_WORKER_PREFIX,
                      workers=workers)  # fmt: skip
        problems.append(loaded.problem(("network", "pods"), narrow))
    machines = _deal(asked, subnets, network.pods, endpoint, known)
    there = {m.name for m in machines}
    if left_out := [a.name for a in asked if a.name not in there]:
        full = text("{nodes} has no address left for {machine}", nodes=nodes, machine=left_out[0])
        problems.append(loaded.problem(("network", "nodes"), full))
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
            Asked(m.name, Role(m.role), m.address or as_address(m.host), m.host, _login(loaded, m))
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


def _endpoint(loaded: Loaded, nodes: IPv4Network) -> Endpoint:
    asked = loaded.spec.endpoint
    kind = EndpointKind(asked.kind or TRAITS[loaded.spec.provider].endpoint)
    vip = nodes[min(ENDPOINT, nodes.num_addresses - 1)]
    hosts = {EndpointKind.VIP: str(vip), EndpointKind.GIVEN: "",
             EndpointKind.PROXY: LOOPBACK, EndpointKind.MADE: ""}  # fmt: skip
    return Endpoint(kind, asked.host or hosts[kind], asked.port)


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
    taken = {as_address(endpoint.host), *(a.address for a in asked), *(m.address for m in kept)}
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
    # By number at once: the order in which the next run finds them among the decisions.
    return sorted(machines.values(), key=lambda m: (m.role is Role.WORKER, m.number))


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
