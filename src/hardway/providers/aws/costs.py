"""What things cost by the hour, from dated list prices (prices.json), and at the most.

Data that leaves AWS, or goes from zone to zone, is not in it: nobody knows it beforehand.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hardway.providers.base import Cost
from hardway.text import text

HOURS_A_MONTH = 730
DISK, ADDRESS = "disk GiB-month", "public address"
BALANCER, CAPACITY = "load balancer", "load balancer capacity unit"


@dataclass(frozen=True, slots=True)
class Price:
    """So much of something on the price list."""

    of: str
    amount: float = 1
    at_most: float = 0
    """What may be added to it when everything is busy."""


def cost(prices: Iterable[Price], region: str) -> Cost:
    """Add prices up."""
    known: Mapping[str, float] = _data()["regions"].get(region, {})
    per_hour = at_most = 0.0
    unknown = set()
    for price in prices:
        each = known.get(price.of)
        if each is None:
            unknown.add(text("{thing} in {region}", thing=price.of, region=region))
            continue
        if price.of == DISK:
            each /= HOURS_A_MONTH
        per_hour += each * price.amount
        at_most += each * (price.amount + price.at_most) + surplus(price.of) * price.amount
    # Whatever the order they were added in: a millionth of a dollar is none.
    return Cost(round(per_hour, 6), round(at_most, 6), tuple(sorted(unknown)), _data()["as_of"])


def surplus(instance_type: str) -> float:
    """Return what an instance can cost beside its price when it never rests.

    T instances run on "unlimited" where nobody says otherwise: time above their baseline is
    billed for each core.
    """
    row = _data()["burstable"].get(instance_type)
    return row["vcpus"] * (1 - row["baseline"]) * row["surplus"] if row else 0.0


@cache
def _data() -> Any:
    return json.loads((files(__package__) / "prices.json").read_text())
