"""What checks of machines judge, and what they say."""

from collections.abc import Mapping
from dataclasses import dataclass

from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.providers.base import Severity
from hardway.providers.hosts.probe import Seen


@dataclass(frozen=True, slots=True)
class Look:
    """All that a check of one machine may depend on."""

    cluster: Cluster
    machine: Machine
    seen: Seen
    facts: HostFacts
    all_seen: Mapping[str, Seen]
    """By the machine's name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a check says."""

    severity: Severity
    found: str
    needed: str
    cure: str


def refuse(found: str, needed: str, cure: str) -> Found:
    """Return what stands in the way."""
    return Found(Severity.REFUSE, found, needed, cure)


def warn(found: str, needed: str, cure: str) -> Found:
    """Return what one should know."""
    return Found(Severity.WARN, found, needed, cure)
