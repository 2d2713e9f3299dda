"""What an account wants of the lab, as values: machines, load balancers, rules, routes. Pure."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Interface

from tests.aws.world import (
    FakeLoadBalancer,
    Instance,
    NetworkInterface,
    SecurityGroupRule,
    World,
)

PENDING_OR_RUNNING = {"pending", "running"}
KEPT = {"stopping", "stopped"}


class Kind(StrEnum):
    """What is behind an interface."""

    MACHINE = "machine"
    BALANCER = "balancer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """A rule of a security group: from there, by that protocol, to these ports."""

    protocol: str
    ports: tuple[int, int] | None
    cidr: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What has addresses in the VPC: an instance, or a load balancer in all its subnets."""

    id: str
    kind: Kind
    addresses: tuple[IPv4Interface, ...]
    """With the prefix of their subnet."""
    public: tuple[tuple[str, str], ...]
    """Private and public address."""
    groups: frozenset[str]
    checked: bool
    """Packets that are neither from nor to its own address are dropped."""

    @property
    def link(self) -> str:
        """The router's end of its cable; Linux allows 15 characters."""
        return f"v{self.id[-12:]}"

    @property
    def own(self) -> tuple[str, ...]:
        """Its private addresses."""
        return tuple(str(address.ip) for address in self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a listener sends connections."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A port of a load balancer, its targets, and how their health is looked at."""

    port: int
    targets: tuple[Target, ...]
    path: str
    """Asked by HTTPS; empty for a plain connection."""
    interval_s: int
    rise: int
    fall: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What an instance boots with."""

    id: str
    state: str
    address: str
    user_data: bytes = field(repr=False)
    key: str
    """The public key of its key pair."""
    image: str
    zone: str
    type: str
    hop_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All of it at one moment."""

    nodes: tuple[Node, ...]
    boots: tuple[Boot, ...]
    listeners: tuple[tuple[str, tuple[Listener, ...]], ...]
    """By load balancer."""
    ingress: tuple[tuple[str, tuple[Allow, ...]], ...]
    """By security group."""
    egress: tuple[tuple[str, tuple[Allow, ...]], ...]
    routes: tuple[tuple[str, str], ...]
    """Range, and the id of the instance it leads to."""
    vpcs: tuple[str, ...]
    outside: bool
    """Whether an internet gateway is attached and a route leads there."""
    names: tuple[tuple[str, str], ...]
    """What the resolver knows: name and address."""

    def listeners_of(self, node: Node) -> tuple[Listener, ...]:
        """Return a load balancer's listeners."""
        return dict(self.listeners).get(node.id, ())


def take(world: World) -> View:
    """Return what is wanted now."""
    instances = [i for i in world.instances() if i.state in PENDING_OR_RUNNING | KEPT]
    up = [i for i in instances if i.state in PENDING_OR_RUNNING]
    routes = [route for table in world.route_tables() for route in table.routes]
    return View(
        nodes=(
            *(_machine(world, i) for i in up),
            *(_balancer(world, b) for b in world.balancers()),
        ),
        boots=tuple(_boot(world, i) for i in instances),
        listeners=tuple((_name(b), tuple(_listeners(world, b))) for b in world.balancers()),
        ingress=tuple((g.id, _allows(g.ingress_rules)) for g in world.groups()),
        egress=tuple((g.id, _allows(g.egress_rules)) for g in world.groups()),
        routes=tuple(
            (str(route.destination_cidr_block), route.instance.id)
            for route in routes
            if route.instance in up
        ),
        vpcs=tuple(str(world.ec2.vpcs[vpc].cidr_block) for vpc in world.vpcs()),
        outside=any(g.vpc for g in world.gateways())
        and any((route.gateway_id or "").startswith("igw-") for route in routes),
        names=tuple(_names(world, up)),
    )


def _names(world: World, up: Iterable[Instance]) -> Iterator[tuple[str, str]]:
    for instance in up:
        yield str(instance.private_dns_name), str(instance.private_ip)
    for balancer in world.balancers():
        for eni in _interfaces(world, balancer):
            yield balancer.dns_name, eni.public_ip or str(eni.private_ip_address)


def _name(balancer: FakeLoadBalancer) -> str:
    return f"nlb-{balancer.arn.rpartition('/')[2]}"


def _interfaces(world: World, balancer: FakeLoadBalancer) -> list[NetworkInterface]:
    description = f"ELB {balancer.arn.split('loadbalancer/')[1]}"
    return [eni for eni in world.interfaces() if eni.description == description]


def _addresses(enis: Iterable[NetworkInterface]) -> tuple[IPv4Interface, ...]:
    return tuple(IPv4Interface(f"{e.private_ip_address}/{e.subnet.cidr.prefixlen}") for e in enis)


def _public(enis: Iterable[NetworkInterface]) -> tuple[tuple[str, str], ...]:
    return tuple((str(e.private_ip_address), e.public_ip) for e in enis if e.public_ip)


def _machine(world: World, instance: Instance) -> Node:
    enis = world.interfaces_of_instance(instance)
    return Node(
        id=instance.id,
        kind=Kind.MACHINE,
        addresses=_addresses(enis),
        public=_public(enis),
        groups=frozenset(str(group.id) for group in enis[0].group_set),
        checked=enis[0].source_dest_check,
    )


def _balancer(world: World, balancer: FakeLoadBalancer) -> Node:
    enis = _interfaces(world, balancer)
    return Node(
        id=_name(balancer),
        kind=Kind.BALANCER,
        addresses=_addresses(enis),
        public=_public(enis),
        groups=frozenset(balancer.security_groups or ()),
        checked=True,
    )


def _boot(world: World, instance: Instance) -> Boot:
    keys = world.ec2.key_pairs
    return Boot(
        id=instance.id,
        state=instance.state,
        address=str(instance.private_ip),
        user_data=base64.b64decode(str(instance.user_data or "")),
        key=keys[instance.key_name].material.decode() if instance.key_name in keys else "",
        image=str(instance.image_id),
        zone=str(instance.availability_zone),
        type=instance.instance_type,
        hop_limit=instance.metadata_options.http_put_response_hop_limit,
    )


def _listeners(world: World, balancer: FakeLoadBalancer) -> Iterator[Listener]:
    groups = {group.arn: group for group in world.target_groups()}
    for listener in balancer.listeners.values():
        group = groups.get(listener.default_actions[0].data["TargetGroupArn"])
        if group is None:
            continue
        https = group.health_check_protocol == "HTTPS"
        yield Listener(
            port=int(listener.port),
            targets=tuple(
                Target(address=str(t["Id"]), port=int(t["Port"])) for t in group.targets.values()
            ),
            path=str(group.health_check_path) if https else "",
            interval_s=int(group.health_check_interval_seconds),
            rise=int(group.healthy_threshold_count),
            fall=int(group.unhealthy_threshold_count),
        )


def _allows(rules: Iterable[SecurityGroupRule]) -> tuple[Allow, ...]:
    return tuple(
        Allow(
            protocol=str(rule.ip_protocol),
            ports=None if rule.from_port is None else (int(rule.from_port), int(str(rule.to_port))),
            cidr=rule.cidr_ipv4 or "",
            group=rule.source_group.get("GroupId", ""),
        )
        for rule in rules
    )
