"""What the account of a test is like. The values are gentle; a test makes harsh what it is about.

What takes time on AWS takes *looks* here: something is so for so many calls that look at it. That
is the same on every run, however fast or slow the host is, and nobody waits.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """Quotas, delays and troubles of an account."""

    pending_looks: int = 2
    """Looks until a started instance runs; a stopped or terminated one is gone as slowly."""
    balancer_looks: int = 2
    """Looks until a load balancer is active."""
    health_looks: int = 2
    """Looks until a target that answers is healthy."""
    linger_looks: int = 3
    """Looks for which a deleted load balancer's network interfaces stay."""
    unknown_looks: int = 0
    """Calls for which what was just created is not found (eventual consistency)."""
    throttled_calls: frozenset[int] = frozenset()
    """Numbers of calls that are told to come back later."""
    page_size: int = 1000
    """Items in one answer of EC2's describe calls."""

    vpcs: int = 5
    vcpus: int = 32
    """Of running standard instances (quota L-1216C47A)."""
    routes: int = 50
    """Of one route table."""
    no_capacity: frozenset[str] = frozenset()
    """Instance types, or `type/zone`, of which AWS has none left."""
    balancer_address: str = ""
    """A private address that the next load balancer takes in its subnet; else from the end."""
    allowed: object = field(default=None)
    """An IAM policy document; with None everything is allowed."""
