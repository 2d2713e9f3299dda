"""The cluster's network at AWS: VPC, internet gateway, subnets, route table, routes to pods."""

import asyncio
from collections.abc import Sequence

from hardway.providers.aws import names
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
    specification,
    tagged,
    there_already,
)
from hardway.text import text

DEFAULT_ROUTE = "0.0.0.0/0"
TABLES = "ec2:DescribeRouteTables"
GATEWAYS = "ec2:DescribeInternetGateways"


def _vpc_rows(design: Design, _ids: Ids) -> list[Row]:
    if design.aws.vpc:
        return [Row("vpc", {}, text("VPC {id}, yours", id=design.aws.vpc), design.aws.vpc)]
    cidr = str(design.cluster.node_cidr)
    return [Row("vpc", {"CidrBlock": cidr}, text("VPC {range}", range=cidr))]


def _vpc(role: str, raw: Answer) -> Found:
    return Found(role, raw["VpcId"], {"CidrBlock": raw["CidrBlock"]})


async def _find_vpc(site: Site) -> list[Found]:
    return await tagged(site, "ec2:DescribeVpcs", "Vpcs", _vpc)


async def _look_up_vpc(api: Api, row: Row) -> Found | None:
    wanted = names.filters({"vpc-id": row.shared})
    raws = await api.pages("ec2:DescribeVpcs", "Vpcs", Filters=wanted)
    return _vpc(row.role, raws[0]) if raws else None


async def _make_vpc(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "ec2:CreateVpc",
        CidrBlock=row.first("CidrBlock"),
        TagSpecifications=specification(work.design, row.role, "vpc"),
    )
    return str(made["Vpc"]["VpcId"])


async def _delete_vpc(site: Site, found: Found) -> None:
    await gone(site.api.call("ec2:DeleteVpc", VpcId=found.id))


VPC = Kind(name="vpc", rows=_vpc_rows, find=_find_vpc, look_up=_look_up_vpc, make=_make_vpc,
           delete=_delete_vpc)  # fmt: skip


def _gateway_rows(design: Design, _ids: Ids) -> list[Row]:
    if design.aws.vpc:
        title = text("internet gateway of {id}, yours", id=design.aws.vpc)
        return [Row("internet-gateway", {}, title, design.aws.vpc)]
    return [Row("internet-gateway", {}, text("internet gateway"))]


def _gateway(role: str, raw: Answer) -> Found:
    attached = [a["VpcId"] for a in raw.get("Attachments", ())]
    return Found(role, raw["InternetGatewayId"], {"VpcId": ",".join(attached)})


async def _find_gateway(site: Site) -> list[Found]:
    return await tagged(site, GATEWAYS, "InternetGateways", _gateway)


async def _look_up_gateway(api: Api, row: Row) -> Found | None:
    wanted = names.filters({"attachment.vpc-id": row.shared})
    raws = await api.pages(GATEWAYS, "InternetGateways", Filters=wanted)
    return _gateway(row.role, raws[0]) if raws else None


async def _make_gateway(work: Work, row: Row) -> str:
    tags = specification(work.design, row.role, "internet-gateway")
    made = await work.site.api.call("ec2:CreateInternetGateway", TagSpecifications=tags)
    return str(made["InternetGateway"]["InternetGatewayId"])


async def _attach(work: Work, rows: Sequence[Row]) -> None:
    if rows[0].shared:
        return
    own = work.ids["internet-gateway"]
    there = {found.id: found for found in await _find_gateway(work.site)}
    if own not in there or not there[own].seen["VpcId"]:
        await there_already(
            work.site.api.call(
                "ec2:AttachInternetGateway", InternetGatewayId=own, VpcId=work.ids["vpc"]
            )
        )


async def _delete_gateway(site: Site, found: Found) -> None:
    for vpc in filter(None, found.seen["VpcId"].split(",")):
        await gone(
            site.api.call("ec2:DetachInternetGateway", InternetGatewayId=found.id, VpcId=vpc)
        )
    await gone(site.api.call("ec2:DeleteInternetGateway", InternetGatewayId=found.id))


GATEWAY = Kind(name="internet gateway", needs=("vpc",), rows=_gateway_rows, find=_find_gateway,
               look_up=_look_up_gateway, make=_make_gateway, settle=_attach,
               delete=_delete_gateway)  # fmt: skip


def _subnet_rows(design: Design, ids: Ids) -> list[Row]:
    rows = []
    for index, cidr in enumerate(design.subnets):
        wanted = {"VpcId": ids.get("vpc", NOT_YET), "CidrBlock": str(cidr)}
        if design.aws.subnets:
            shared = design.aws.subnets[index].id
            title = text("subnet {id}, yours", id=shared)
            rows.append(Row(f"subnet-{index}", wanted, title, shared))
            continue
        zone = design.zones[index]
        wanted["AvailabilityZone"] = zone
        title = text("subnet {range} in {zone}", range=cidr, zone=zone)
        rows.append(Row(f"subnet-{index}", wanted, title))
    return rows


def _subnet(role: str, raw: Answer) -> Found:
    keys = ("VpcId", "CidrBlock", "AvailabilityZone")
    return Found(role, raw["SubnetId"], {key: raw[key] for key in keys})


async def _find_subnets(site: Site) -> list[Found]:
    return await tagged(site, "ec2:DescribeSubnets", "Subnets", _subnet)


async def _look_up_subnet(api: Api, row: Row) -> Found | None:
    wanted = names.filters({"subnet-id": row.shared})
    raws = await api.pages("ec2:DescribeSubnets", "Subnets", Filters=wanted)
    return _subnet(row.role, raws[0]) if raws else None


async def _make_subnet(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "ec2:CreateSubnet",
        **{key: row.first(key) for key in row.wanted},
        TagSpecifications=specification(work.design, row.role, "subnet"),
    )
    return str(made["Subnet"]["SubnetId"])


async def _delete_subnet(site: Site, found: Found) -> None:
    await gone(site.api.call("ec2:DeleteSubnet", SubnetId=found.id))


SUBNET = Kind(name="subnet", needs=("vpc",), rows=_subnet_rows, find=_find_subnets,
              look_up=_look_up_subnet, make=_make_subnet, delete=_delete_subnet)  # fmt: skip


def _table_rows(design: Design, ids: Ids) -> list[Row]:
    if design.aws.subnets:
        return [
            Row(f"route-table-{i}", {}, text("route table of {id}, yours", id=subnet.id), subnet.id)
            for i, subnet in enumerate(design.aws.subnets)
        ]
    return [Row("route-table", {"VpcId": ids.get("vpc", NOT_YET)}, text("route table"))]


def _table(role: str, raw: Answer) -> Found:
    associations = [a for a in raw.get("Associations", ()) if not a.get("Main")]
    seen = {
        "VpcId": raw["VpcId"],
        "Subnets": ",".join(a["SubnetId"] for a in associations),
        "Associations": ",".join(a["RouteTableAssociationId"] for a in associations),
    }
    return Found(role, raw["RouteTableId"], seen)


async def _find_tables(site: Site) -> list[Found]:
    return await tagged(site, TABLES, "RouteTables", _table)


async def _look_up_table(api: Api, row: Row) -> Found | None:
    """Look for the table of a subnet: its own, or its VPC's main one."""
    wanted = names.filters({"association.subnet-id": row.shared})
    raws = await api.pages(TABLES, "RouteTables", Filters=wanted)
    if not raws:
        subnets = await api.pages(
            "ec2:DescribeSubnets", "Subnets", Filters=names.filters({"subnet-id": row.shared})
        )
        wanted = names.filters(
            {"vpc-id": [s["VpcId"] for s in subnets], "association.main": "true"}
        )
        raws = await api.pages(TABLES, "RouteTables", Filters=wanted)
    return _table(row.role, raws[0]) if raws else None


async def _make_table(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "ec2:CreateRouteTable",
        VpcId=row.first("VpcId"),
        TagSpecifications=specification(work.design, row.role, "route-table"),
    )
    return str(made["RouteTable"]["RouteTableId"])


async def _associate(work: Work, rows: Sequence[Row]) -> None:
    if rows[0].shared:
        return
    own = work.ids["route-table"]
    there = {found.id: found for found in await _find_tables(work.site)}
    having = there[own].seen["Subnets"].split(",") if own in there else []
    subnets = [work.ids[f"subnet-{i}"] for i in range(len(work.design.subnets))]
    await asyncio.gather(
        *(
            there_already(
                work.site.api.call("ec2:AssociateRouteTable", RouteTableId=own, SubnetId=subnet)
            )
            for subnet in subnets
            if subnet not in having
        )
    )


async def _delete_table(site: Site, found: Found) -> None:
    for association in filter(None, found.seen["Associations"].split(",")):
        await gone(site.api.call("ec2:DisassociateRouteTable", AssociationId=association))
    await gone(site.api.call("ec2:DeleteRouteTable", RouteTableId=found.id))


TABLE = Kind(name="route table", needs=("vpc", "subnet"), rows=_table_rows, find=_find_tables,
             look_up=_look_up_table, make=_make_table, settle=_associate,
             delete=_delete_table)  # fmt: skip
