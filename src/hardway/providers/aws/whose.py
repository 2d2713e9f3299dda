"""Which account this is, and which clusters of hardway's are in it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from hardway.errors import RefusedError
from hardway.providers.aws import names
from hardway.providers.aws.api import Api
from hardway.providers.aws.base import Site
from hardway.providers.aws.records import Records, load
from hardway.providers.aws.table import survey, total
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to AWS."""

    account: str
    arn: str

    @property
    def tag(self) -> str:
        """The identity as a tag can bear it."""
        return re.sub(r"[^\w\s+=.:/@-]", "_", self.arn, flags=re.ASCII)[:256]


async def identity(api: Api) -> Identity:
    """Ask AWS who we are."""
    answer = await api.call("sts:GetCallerIdentity")
    return Identity(answer["Account"], answer["Arn"])


def same_place(records: Records, who: Identity, region: str) -> None:
    """Check that these credentials are for the account and region the cluster is in.

    Raises:
        RefusedError: they are for another.
    """
    there, here = (records.account, records.region), (who.account, region)
    if there != here:
        raise RefusedError(
            text("cluster {cluster} is in account {account}, region {region}; this is account "
                 "{here}, region {here_region}", cluster=records.id, account=there[0],
                 region=there[1], here=here[0], here_region=here[1]),
            hint="use the credentials and the region it was made with (aws.profile, aws.region)",
        )  # fmt: skip


@dataclass(slots=True)
class Cluster:
    """A cluster of hardway's in an account."""

    id: str
    made_by: set[str] = field(default_factory=set)
    """Identities that made parts of it; empty if only a load balancer is left."""


async def clusters(api: Api, name: str | None = None) -> list[Cluster]:
    """Return the clusters of which anything is left in the region; of one name if given."""
    found: dict[str, Cluster] = {}
    rows = await api.pages(
        "ec2:DescribeTags", "Tags", Filters=names.filters({"key": [names.CLUSTER, names.MADE_BY]})
    )
    makers: dict[str, str] = {}
    for row in rows:
        if row["Key"] == names.MADE_BY:
            makers[row["ResourceId"]] = row["Value"]
    for row in rows:
        if row["Key"] == names.CLUSTER:
            cluster = found.setdefault(row["Value"], Cluster(row["Value"]))
            cluster.made_by |= {makers[id_] for id_ in [row["ResourceId"]] if id_ in makers}
    for id_ in await _balancers(api):
        found.setdefault(id_, Cluster(id_))
    wanted = [c for c in found.values() if name is None or names.is_id_of(name, c.id)]
    # Tags of terminated instances are listed for an hour.
    return [c for c in wanted if any((await survey(Site(api, c.id))).values())]


async def _balancers(api: Api) -> list[str]:
    """Return names of load balancers and target groups that are like ids of clusters."""
    prefix = "elasticloadbalancing:Describe"
    rows = [
        *[raw["LoadBalancerName"] for raw in await api.pages(f"{prefix}LoadBalancers",
                                                              "LoadBalancers")],
        *[raw["TargetGroupName"] for raw in await api.pages(f"{prefix}TargetGroups",
                                                             "TargetGroups")],
    ]  # fmt: skip
    return [name for name in rows if re.fullmatch(r".+-[0-9a-f]{6}", name)]


async def only(api: Api, name: str, who: Identity) -> str | None:
    """Return the id of the one cluster of a name, made by this identity; None if there is none.

    For `down` without the cluster's folder: nothing else says that it is ours.

    Raises:
        RefusedError: there are several, or another identity made it.
    """
    found = await clusters(api, name)
    if not found:
        return None
    ids = ", ".join(sorted(cluster.id for cluster in found))
    hint = "hardway aws list shows them; hardway aws adopt ID says which is meant"
    if len(found) > 1:
        raise RefusedError(
            text("several clusters of this name are in the account: {ids}", ids=ids), hint=hint
        )
    others = found[0].made_by - {who.tag}
    if others:
        raise RefusedError(
            text("{makers} made {id}, and you are {identity}",
                 makers=", ".join(sorted(others)), id=ids, identity=who.arn),
            hint=hint,
        )  # fmt: skip
    return found[0].id


@dataclass(frozen=True, slots=True)
class Listed:
    """A cluster of hardway's in an account, for people."""

    id: str
    things: int
    per_hour: float
    made_by: tuple[str, ...]


async def listed(api: Api) -> list[Listed]:
    """Return all clusters in the region, with what they cost."""
    rows = []
    for cluster in await clusters(api):
        there = await survey(Site(api, cluster.id))
        count = sum(len(things) for things in there.values())
        bills = total(there, api.region).per_hour
        rows.append(Listed(cluster.id, count, bills, tuple(sorted(cluster.made_by))))
    return rows


async def adopt(api: Api, folder: Path, id_: str) -> None:
    """Take a cluster that is in the account for the one of a folder.

    Raises:
        RefusedError: there is none with that id and the folder's name, or the folder has another.
    """
    records, who = load(folder), await identity(api)
    if records is not None and records.id != id_:
        raise RefusedError(
            text("this folder is that of {cluster}", cluster=records.id), hint="hardway down"
        )
    if id_ not in {cluster.id for cluster in await clusters(api, folder.name)}:
        raise RefusedError(
            text("the account has no cluster {id} named {name}", id=id_, name=folder.name),
            hint="hardway aws list",
        )
    if records is None:
        Records(folder, id_, who.account, api.region).save()
