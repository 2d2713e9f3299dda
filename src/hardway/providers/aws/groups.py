"""Security groups and their rules: who may reach what, and nobody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hardway.model.cluster import Role
from hardway.model.ports import SSH, Peer, Port, on
from hardway.providers.aws import names
from hardway.providers.aws.api import Answer
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

CONTROLLERS, WORKERS, BALANCER = "controllers", "workers", "balancer"
GROUPS: Mapping[str, str] = {
    CONTROLLERS: text("control planes"),
    WORKERS: text("workers"),
    BALANCER: text("load balancer"),
}
OF_ROLE = {Role.CONTROL_PLANE: CONTROLLERS, Role.WORKER: WORKERS}
OPERATORS, PODS, ADDRESSES = "operators", "pods", "workers' public addresses"
ENDPOINT = (0, 0)
"""Stands for the port that hardway.yaml gives the endpoint."""
LIMIT = 60
"""Rules in a security group, as AWS allows by default."""
MARK = "hardway: "
"""What descriptions of our rules begin with; rules somebody added by hand stay."""


@dataclass(frozen=True, slots=True)
class Allow:
    """A row of the rules: into this group, from there, to these ports."""

    into: str
    source: str
    ports: tuple[int, int] | None
    """First and last of TCP; None for everything."""
    why: str


SOURCES = {
    Peer.OPERATORS: OPERATORS,
    Peer.BALANCER: BALANCER,
    Peer.CONTROL_PLANES: CONTROLLERS,
    Peer.WORKERS: WORKERS,
    Peer.PODS: PODS,
}


def _of_ports(group: str, ports: Sequence[Port]) -> tuple[Allow, ...]:
    """Return a rule for each that may come to each of the ports."""
    return tuple(
        Allow(group, SOURCES[peer], (port.number, port.number), why)
        for port in ports
        for peer, why in port.allows
    )


RULES = (
    *_of_ports(WORKERS, [SSH]),
    *_of_ports(CONTROLLERS, [SSH, *on(Role.CONTROL_PLANE)]),
    Allow(BALANCER, OPERATORS, ENDPOINT, "the API"),
    # An internet-facing balancer's name leads to public addresses, also for those next to it:
    # what workers send there comes from their own public ones.
    Allow(BALANCER, ADDRESSES, ENDPOINT, "kubelets and kube-proxies reach the API"),
    Allow(WORKERS, CONTROLLERS, None, "API servers call kubelets, webhooks and aggregated APIs"),
    Allow(WORKERS, WORKERS, None, "pods and Services"),
    # Among pods and machines packets of pods keep their own addresses (docs/adr/0006).
    Allow(WORKERS, PODS, None, "pods and Services, from pods"),
)


def count(design: Design) -> int:
    """Return how many rules the largest group will have."""
    return len(design.cluster.workers) + len(design.aws.operators)


def group_of(role: Role) -> str:
    """Return the role of a machine's group."""
    return f"group-{OF_ROLE[role]}"


def _group_rows(design: Design, ids: Ids) -> list[Row]:
    vpc = ids.get("vpc", NOT_YET)
    return [
        Row(f"group-{name}", {"VpcId": vpc, "GroupName": f"{design.id}-{name}"},
            text("security group of {machines}", machines=of))
        for name, of in GROUPS.items()
    ]  # fmt: skip


def _group(role: str, raw: Answer) -> Found:
    return Found(role, raw["GroupId"], {key: raw[key] for key in ("VpcId", "GroupName")})


async def _find_groups(site: Site) -> list[Found]:
    return await tagged(site, "ec2:DescribeSecurityGroups", "SecurityGroups", _group)


async def _make_group(work: Work, row: Row) -> str:
    made = await work.site.api.call(
        "ec2:CreateSecurityGroup",
        **{key: row.first(key) for key in row.wanted},
        Description=f"hardway, {row.title}",
        TagSpecifications=specification(work.design, row.role, "security-group"),
    )
    return str(made["GroupId"])


async def _delete_group(site: Site, found: Found) -> None:
    await gone(site.api.call("ec2:DeleteSecurityGroup", GroupId=found.id))


GROUP = Kind(name="security group", needs=("vpc",), rows=_group_rows, find=_find_groups,
             make=_make_group, delete=_delete_group)  # fmt: skip


def _rule_rows(design: Design, ids: Ids) -> list[Row]:
    port = design.cluster.endpoint.port
    return [
        _rule_row(
            replace(rule, ports=(port, port)) if rule.ports == ENDPOINT else rule, source, title
        )
        for rule in RULES
        for source, title in _sources(rule.source, design, ids)
    ]


def _sources(source: str, design: Design, ids: Ids) -> list[tuple[str, str]]:
    """Return the sources of a rule as AWS takes them, each with what people call it."""
    if source == OPERATORS:
        return [(str(cidr), str(cidr)) for cidr in design.aws.operators]
    if source == PODS:
        return [(str(design.cluster.pod_cidr),
                 text("{range} (pods)", range=design.cluster.pod_cidr))]  # fmt: skip
    if source == ADDRESSES:
        public = [(m.name, ids.get(f"address/{m.name}", "")) for m in design.cluster.workers]
        return [
            (f"{a}/32" if a else NOT_YET, text("{machine}'s public address", machine=n))
            for n, a in public
        ]
    return [(ids.get(f"group-{source}", NOT_YET), GROUPS[source])]


def _rule_row(rule: Allow, source: str, title: str) -> Row:
    first, last = rule.ports or (-1, -1)
    wanted = {
        "Group": f"group-{rule.into}",
        "IpProtocol": "tcp" if rule.ports else "-1",
        "FromPort": str(first),
        "ToPort": str(last),
        "Source": source,
        "Why": MARK + rule.why,
    }
    ports = text("port {first}" if first == last else "ports {first} to {last}",
                 first=first, last=last)  # fmt: skip
    lets = text(
        "rule that lets {whom} reach {machines}: {what}",
        whom=title, machines=GROUPS[rule.into], what=ports if rule.ports else text("everything"),
    )  # fmt: skip
    return Row(_role(wanted), wanted, lets)


def _role(rule: Mapping[str, str]) -> str:
    keys = ("Group", "IpProtocol", "FromPort", "ToPort", "Source")
    return "rule " + " ".join(rule[key] for key in keys)


async def _find_rules(site: Site) -> list[Found]:
    groups = {group.id: group.role for group in await _find_groups(site)}
    if not groups:
        return []
    raws = await site.api.pages(
        "ec2:DescribeSecurityGroupRules",
        "SecurityGroupRules",
        Filters=names.filters({"group-id": groups}),
    )
    return [_rule(raw, groups[raw["GroupId"]]) for raw in raws if not raw["IsEgress"]]


def _rule(raw: Answer, group: str) -> Found:
    source = raw.get("CidrIpv4") or raw.get("ReferencedGroupInfo", {}).get("GroupId", "")
    seen = {
        "Group": group,
        "IpProtocol": raw["IpProtocol"],
        "FromPort": str(raw.get("FromPort", -1)),
        "ToPort": str(raw.get("ToPort", -1)),
        "Source": source,
        "Description": raw.get("Description", ""),
    }
    return Found(_role(seen), f"{raw['GroupId']} {raw['SecurityGroupRuleId']}", seen)


async def _make_rule(work: Work, row: Row) -> str:
    source = row.first("Source")
    why = {"Description": row.first("Why")}
    permission: dict[str, object] = {"IpProtocol": row.first("IpProtocol")}
    if permission["IpProtocol"] != "-1":
        permission |= {key: int(row.first(key)) for key in ("FromPort", "ToPort")}
    if "/" in source:
        permission["IpRanges"] = [{"CidrIp": source, **why}]
    else:
        permission["UserIdGroupPairs"] = [{"GroupId": source, **why}]
    await there_already(
        work.site.api.call(
            "ec2:AuthorizeSecurityGroupIngress",
            GroupId=work.ids[row.first("Group")],
            IpPermissions=[permission],
        )
    )
    return row.role


async def _revoke_stale(work: Work, rows: Sequence[Row]) -> None:
    """Take back what is no longer wanted: another operator's address, a machine's former one."""
    wanted = {row.role for row in rows}
    for found in await _find_rules(work.site):
        if found.role not in wanted and found.seen["Description"].startswith(MARK):
            await _revoke(work.site, found)


async def _revoke(site: Site, found: Found) -> None:
    group, _, rule = found.id.partition(" ")
    await gone(
        site.api.call("ec2:RevokeSecurityGroupIngress", GroupId=group, SecurityGroupRuleIds=[rule])
    )


RULE = Kind(name="rule", needs=("security group",), rows=_rule_rows, find=_find_rules,
            make=_make_rule, settle=_revoke_stale, delete=_revoke, idempotent=True)  # fmt: skip
