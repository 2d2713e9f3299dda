"""The table of everything a cluster has on AWS, in the order it is made in.

Making, plan, status, costs, deletion and the report of what is left all read these rows.
"""

import asyncio

from hardway.providers.aws.balancer import BALANCER_KIND, INTERFACE, LISTENER, TARGET_GROUP
from hardway.providers.aws.base import Found, Kind, Row, Site
from hardway.providers.aws.costs import cost
from hardway.providers.aws.groups import GROUP, RULE
from hardway.providers.aws.instances import DISK_KIND, INSTANCE, KEY_PAIR, RUNNING
from hardway.providers.aws.network import GATEWAY, SUBNET, TABLE, VPC
from hardway.providers.aws.routes import ROUTE
from hardway.providers.base import Cost
from hardway.text import text

KINDS: tuple[Kind, ...] = (
    VPC,
    GATEWAY,
    KEY_PAIR,
    SUBNET,
    TABLE,
    GROUP,
    # Before the load balancer: AWS gives it any free address of a subnet, also a machine's.
    INSTANCE,
    TARGET_GROUP,
    BALANCER_KIND,
    LISTENER,
    RUNNING,
    # Of the instances' public addresses, and through them.
    RULE,
    ROUTE,
    DISK_KIND,
    INTERFACE,
)

Survey = dict[str, list[Found]]
"""What is there, by the name of its kind."""


async def survey(site: Site) -> Survey:
    """Look for everything a cluster has, by its tags alone."""
    found = await asyncio.gather(*(kind.find(site) for kind in KINDS))
    return {kind.name: things for kind, things in zip(KINDS, found, strict=True)}


def total(there: Survey, region: str) -> Cost:
    """Return what all that is there costs."""
    prices = [p for kind in KINDS for found in there[kind.name] for p in kind.bills(found.seen)]
    return cost(prices, region)


def differences(row: Row, found: Found) -> list[str]:
    """Return a line for each property of a thing that is not as wanted."""
    lines: list[str] = []
    for key, wanted in row.wanted.items():
        allowed = (wanted,) if isinstance(wanted, str) else wanted
        if key in found.seen and found.seen[key] not in allowed:
            lines.append(text(
                "{thing} ({id}): {key} is {found}, hardway.yaml says {wanted}",
                thing=row.role, id=found.id, key=key, found=found.seen[key] or text("nothing"),
                wanted=", ".join(allowed),
            ))  # fmt: skip
    return lines
