"""Routes: to the internet, and to each worker's pods by its instance."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hardway.errors import ProviderError
from hardway.providers.aws.api import Answer, Api
from hardway.providers.aws.base import (
    NOT_YET,
    Design,
    Found,
    Ids,
    Kind,
    Row,
    Site,
    Work,
    gone,
    tagged,
    there_already,
)
from hardway.providers.aws.network import DEFAULT_ROUTE, TABLES
from hardway.text import joined, text

TARGETS = ("GatewayId", "InstanceId", "NetworkInterfaceId")
LIMIT = 50
"""Routes in a route table, as AWS allows by default; one is the VPC's own."""


def count(design: Design) -> int:
    """Return how many routes the table will have."""
    return len(design.cluster.workers) + 2


def _rows(design: Design, ids: Ids) -> list[Row]:
    if not design.aws.subnets:
        return [_row("route-table", cidr, role, ids) for cidr, role in _wanted(design)]
    tables = [f"route-table-{i}" for i in range(len(design.aws.subnets))]
    return [
        _row(table, cidr, role, ids, shared=ids.get(table, NOT_YET))
        for table in tables
        for cidr, role in _wanted(design)
        # How machines in a shared subnet reach the outside is its owner's business.
        if cidr != DEFAULT_ROUTE
    ]


def _row(table: str, cidr: str, role: str, ids: Ids, shared: str = "") -> Row:
    target = ids.get(role, NOT_YET)
    key = "GatewayId" if cidr == DEFAULT_ROUTE else "InstanceId"
    wanted = {"Destination": cidr, "Key": key, "Target": target}
    title = text(
        "route {range} via {next} ({target})" if shared else "route {range} via {next}",
        range=cidr, next=role, target=target,
    )  # fmt: skip
    return Row(f"{table} {cidr}", wanted, title, shared)


def _wanted(design: Design) -> list[tuple[str, str]]:
    pods = [(str(m.pod_cidr), m.name) for m in design.cluster.workers]
    return [(DEFAULT_ROUTE, "internet-gateway"), *pods]


def _routes(table_role: str, raw: Answer) -> list[Found]:
    found = []
    for route in raw.get("Routes", ()):
        cidr = route.get("DestinationCidrBlock")
        # The VPC's own range is always there and cannot be made or deleted.
        if cidr is None or route.get("GatewayId") == "local":
            continue
        targets = ",".join(route[key] for key in TARGETS if route.get(key))
        seen = {"Destination": cidr, "Targets": targets, "State": route.get("State", "active")}
        found.append(Found(f"{table_role} {cidr}", f"{raw['RouteTableId']} {cidr}", seen))
    return found


async def _find(site: Site) -> list[Found]:
    tables: list[Found] = []

    def parse(role: str, raw: Answer) -> Found:
        tables.extend(_routes(role, raw))
        return Found(role, raw["RouteTableId"], {})

    await tagged(site, TABLES, "RouteTables", parse)
    return tables


async def _look_up(api: Api, row: Row) -> Found | None:
    """Look for a route in somebody else's table; one that leads elsewhere is none."""
    raws = await api.pages(TABLES, "RouteTables", RouteTableIds=[row.shared])
    table = row.role.partition(" ")[0]
    found = {route.role: route for raw in raws for route in _routes(table, raw)}
    route = found.get(row.role)
    return route if route and _leads(row, route) else None


def _leads(row: Row, route: Found) -> bool:
    right = row.first("Target") in route.seen["Targets"].split(",")
    return right and route.seen["State"] == "active"


def _parameters(work: Work, row: Row) -> dict[str, Any]:
    return {
        "RouteTableId": work.ids["route-table"],
        "DestinationCidrBlock": row.first("Destination"),
        row.first("Key"): row.first("Target"),
    }


async def _make(work: Work, row: Row) -> str:
    await there_already(work.site.api.call("ec2:CreateRoute", **_parameters(work, row)))
    return f"{work.ids['route-table']} {row.first('Destination')}"


async def _settle(work: Work, rows: Sequence[Row]) -> None:
    """Let routes of replaced machines lead to the new ones; look whether all do.

    Raises:
        ProviderError: a route leads elsewhere, whatever AWS said to our calls.
    """
    own = [row for row in rows if not row.shared]

    async def wrong() -> list[Row]:
        there = {route.role: route for route in await _find(work.site)}
        return [r for r in own if r.role not in there or not _leads(r, there[r.role])]

    replaced = await wrong()
    await asyncio.gather(
        *(work.site.api.call("ec2:ReplaceRoute", **_parameters(work, row)) for row in replaced)
    )
    if replaced and (left := await wrong()):
        raise ProviderError(
            text(
                "routes do not lead where they should: {routes}",
                routes=joined(", ", [row.title for row in left]),
            ),
            hint="hardway up",
        )


async def _delete(site: Site, found: Found) -> None:
    table, _, cidr = found.id.partition(" ")
    await gone(site.api.call("ec2:DeleteRoute", RouteTableId=table, DestinationCidrBlock=cidr))


ROUTE = Kind(name="route", needs=("route table",), rows=_rows, find=_find, look_up=_look_up,
             make=_make, settle=_settle, delete=_delete, idempotent=True)  # fmt: skip
