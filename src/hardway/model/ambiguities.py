"""What in hardway.yaml means two things.

A living cluster keeps it and is told: a rule that came later locks nobody out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.model.cluster import Endpoint
from hardway.model.names import TAKEN
from hardway.spec.load import Loaded
from hardway.spec.schema import Counts


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Something in hardway.yaml that has a second meaning."""

    place: tuple[str | int, ...]
    text: str
    machine: str = ""
    """Whose name it is."""


def ambiguities(loaded: Loaded, endpoint: Endpoint) -> Iterator[Ambiguity]:
    """Yield names that mean two things."""
    machines = loaded.spec.machines
    if isinstance(machines, Counts):
        return
    taken = {**TAKEN, endpoint.host: "the endpoint's host"}
    for index, machine in enumerate(machines):
        if machine.name in taken:
            text = f"{machine.name} already is {taken[machine.name]}: another name is needed"
            yield Ambiguity(("machines", index, "name"), text, machine.name)
