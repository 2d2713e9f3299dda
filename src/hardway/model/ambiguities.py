"""What in hardway.yaml means two things.

A living cluster keeps it and is told: a rule that came later locks nobody out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.model.cluster import BALANCED, Endpoint, EndpointKind, Role
from hardway.model.names import TAKEN
from hardway.model.ports import PORTS, SSH, Listens
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts
from hardway.text import Text, joined, text


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Something in hardway.yaml that has a second meaning."""

    place: tuple[str | int, ...]
    text: Text
    machine: str = ""
    """Whose name it is; empty where it is nobody's."""


def ambiguities(loaded: Loaded, endpoint: Endpoint) -> Iterator[Ambiguity]:
    """Yield names and ports that mean two things."""
    yield from _names(loaded, endpoint)
    yield from _port(endpoint)


ROLES = {Role.CONTROL_PLANE: text("control planes"), Role.WORKER: text("workers")}
BALANCERS = {
    EndpointKind.VIP: frozenset({Listens.EVERYWHERE}),
    EndpointKind.PROXY: frozenset({Listens.EVERYWHERE, Listens.LOOPBACK, Listens.BOTH}),
}
"""How other services listen whose ports are taken where haproxy serves the endpoint: at an address
of its own, or at loopback."""


def _port(endpoint: Endpoint) -> Iterator[Ambiguity]:
    listening = BALANCERS.get(endpoint.kind, frozenset())
    for port in (*PORTS, SSH):
        beside = port.roles & BALANCED[endpoint.kind]
        if port.number == endpoint.port and port.listens in listening and beside:
            said = text("{number} already is the port of {service} on {roles}: another port is "
                        "needed", number=port.number, service=port.service,
                        roles=joined(", ", (ROLES[role] for role in sorted(beside))))  # fmt: skip
            yield Ambiguity(("endpoint", "port"), said)


def _names(loaded: Loaded, endpoint: Endpoint) -> Iterator[Ambiguity]:
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        return
    taken = {**TAKEN, endpoint.host: text("the endpoint's host")}
    for index, machine in enumerate(machines):
        if machine.name in taken:
            said = text("{name} already is {what}: another name is needed", name=machine.name,
                        what=taken[machine.name])  # fmt: skip
            yield Ambiguity(("machines", index, "name"), said, machine.name)
