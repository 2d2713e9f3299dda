"""What was decided about a cluster and stays while it lives: its identity, networks and machines.

A cluster's folder keeps the decisions in cluster.json (workspace.py). `resolve` takes them before
it decides anything itself. Values only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Any

from hardway.model.cluster import Cluster, EndpointKind, Machine, Role

FORM = 2
"""The form of cluster.json that `to_json` writes. The first one had no identity, no versions and no
pod ranges: these followed from the order of the machines."""
PODS_PER_WORKER_PREFIX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """All that later runs must not decide again."""

    id: str
    """Unique to this cluster; empty until its first `up`, and for clusters made before ids were."""
    serial: int
    """Grows with each change of the decisions: of two copies of a folder the higher one counts."""
    name: str
    provider: str
    ca: str
    """SHA-256 of the Kubernetes CA's certificate (DER), in hex; empty until it is made."""
    versions: Mapping[str, str]
    """By component; empty for clusters made before versions were decisions."""
    nodes: str
    pods: str
    services: str
    endpoint: str
    """Its URL, or its kind where the provider makes it."""
    machines: tuple[Machine, ...]

    def machine(self, name: str) -> Machine | None:
        """Return the machine of that name, if it was decided."""
        return next((m for m in self.machines if m.name == name), None)


def of(
    cluster: Cluster, versions: Mapping[str, str], before: Decisions | None, *, id_: str, ca: str
) -> Decisions:
    """Return the decisions that a cluster embodies; the serial is `before`'s, or one more."""
    made = Decisions(
        id=id_,
        serial=before.serial if before else 0,
        name=cluster.name,
        provider=cluster.provider,
        ca=ca,
        versions=dict(versions),
        nodes=str(cluster.node_cidr),
        pods=str(cluster.pod_cidr),
        services=str(cluster.service_cidr),
        endpoint=endpoint_text(cluster),
        machines=cluster.machines,
    )
    return made if made == before else replace(made, serial=made.serial + 1)


def endpoint_text(cluster: Cluster) -> str:
    """Return the endpoint as it was decided: its URL, or its kind where the host comes later."""
    kind = cluster.endpoint.kind
    return str(kind) if kind is EndpointKind.MADE else cluster.endpoint.url


def to_json(decisions: Decisions) -> dict[str, object]:
    """Return the content of cluster.json."""
    machines = [
        {
            "name": m.name,
            "role": str(m.role),
            "number": m.number,
            "address": str(m.address),
            "pods": str(m.pod_cidr) if m.pod_cidr else None,
            "reachedAt": m.reached_at,
            "login": dict(m.login),
        }
        for m in decisions.machines
    ]
    return {
        "form": FORM,
        "id": decisions.id,
        "serial": decisions.serial,
        "name": decisions.name,
        "provider": decisions.provider,
        "ca": decisions.ca,
        "versions": dict(sorted(decisions.versions.items())),
        "nodes": decisions.nodes,
        "pods": decisions.pods,
        "services": decisions.services,
        "endpoint": decisions.endpoint,
        "machines": machines,
    }


def from_json(row: Mapping[str, Any], name: str) -> Decisions:
    """Return the decisions in a cluster.json of either form; `name` is the cluster's.

    Raises:
        KeyError, TypeError, ValueError: hardway did not write that.
    """
    first_form = "form" not in row
    pods = ip_network(row["pods"])
    if not isinstance(pods, IPv4Network):
        raise TypeError("pods must be an IPv4 range")
    machines = _of_first_form(row["machines"], pods) if first_form else _machines(row["machines"])
    return Decisions(
        id="" if first_form else row["id"],
        serial=0 if first_form else int(row["serial"]),
        name=name if first_form else row["name"],
        provider=row["provider"],
        ca="" if first_form else row["ca"],
        versions={} if first_form else dict(row["versions"]),
        nodes=row["nodes"],
        pods=row["pods"],
        services=row["services"],
        endpoint=row["endpoint"],
        machines=machines,
    )


def _machines(rows: Sequence[Mapping[str, Any]]) -> tuple[Machine, ...]:
    return tuple(
        Machine(
            name=row["name"],
            role=Role(row["role"]),
            address=IPv4Address(row["address"]),
            pod_cidr=IPv4Network(row["pods"]) if row["pods"] else None,
            reached_at=row["reachedAt"],
            number=int(row["number"]),
            login=tuple((str(k), str(v)) for k, v in row["login"].items()),
        )
        for row in rows
    )


def _of_first_form(rows: Sequence[str], pods: IPv4Network) -> tuple[Machine, ...]:
    """Return machines of `name role address` lines, with what their order meant then."""
    ranges = pods.subnets(new_prefix=max(pods.prefixlen, PODS_PER_WORKER_PREFIX))
    machines = []
    for number, line in enumerate(rows):
        name, role, address = line.split(" ")
        ip_address(address)
        pod_cidr = next(ranges) if Role(role) is Role.WORKER else None
        machines.append(Machine(name, Role(role), IPv4Address(address), pod_cidr, address, number))
    return tuple(machines)
