"""Names and tags: by them, and by nothing else, hardway knows what in an account is its own."""

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

CLUSTER = "hardway.dev/cluster"
"""`<name>-<6 hex digits>`: two clusters of one name are never taken for one another."""
ROLE = "hardway.dev/role"
"""What a thing is in its cluster: `vpc`, `subnet-0`, `controller-1`."""
MANAGED_BY = "hardway.dev/managed-by"
MADE_BY = "hardway.dev/made-by"
"""The identity that made it; `down` without the cluster's folder wants to be the same."""
OURS = "hardway"

Tags = Mapping[str, str]


def new_id(cluster: str) -> str:
    """Return an id for a new cluster; short enough for a load balancer's name (32)."""
    return f"{cluster}-{secrets.token_hex(3)}"


def is_id_of(cluster: str, value: str) -> bool:
    """Return whether a tag's value is the id of a cluster of exactly this name."""
    return re.fullmatch(rf"{re.escape(cluster)}-[0-9a-f]{{6}}", value) is not None


def tags(cluster_id: str, role: str, made_by: str, more: Tags) -> dict[str, str]:
    """Return what a thing is tagged with; the user's tags never replace hardway's."""
    return {
        **more,
        CLUSTER: cluster_id,
        ROLE: role,
        MANAGED_BY: OURS,
        MADE_BY: made_by,
        "Name": f"{cluster_id}-{role}",
    }


def as_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def read(raw: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a thing as AWS describes it."""
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags") or raw.get("TagSet") or ()}


def role_in(raw: Mapping[str, Any], cluster_id: str) -> str | None:
    """Return what a thing is in a cluster; None if it is not that cluster's."""
    found = read(raw)
    if found.get(CLUSTER) != cluster_id or found.get(MANAGED_BY) != OURS:
        return None
    return found.get(ROLE)


def of_cluster(cluster_id: str) -> list[dict[str, Any]]:
    """Return the filters that find a cluster's things in EC2."""
    wanted = {CLUSTER: cluster_id, MANAGED_BY: OURS}
    return filters({f"tag:{key}": value for key, value in wanted.items()})


def filters(wanted: Mapping[str, str | Iterable[str]]) -> list[dict[str, Any]]:
    """Return filters as EC2 takes them."""
    return [
        {"Name": name, "Values": [values] if isinstance(values, str) else list(values)}
        for name, values in wanted.items()
    ]
