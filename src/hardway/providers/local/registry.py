"""Which clusters are on this host, and where each one's own folder is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hardway.files import write
from hardway.model.cluster import Cluster
from hardway.providers.local import names


@dataclass(frozen=True, slots=True)
class Registered:
    """A cluster on this host, whoever made it."""

    name: str
    folder: Path
    nodes: IPv4Network


def register(cluster: Cluster, folder: Path) -> None:
    """Write down on this host whose this cluster is, for others' preflight and for `down`."""
    row = {"name": cluster.name, "folder": str(folder), "nodes": str(cluster.node_cidr)}
    write(names.folder(cluster.name) / "cluster.json", f"{json.dumps(row)}\n".encode())


def folders() -> dict[str, Path]:
    """Return the clusters' own folders by name."""
    return {row.name: row.folder for row in registered()}


def registered() -> Iterator[Registered]:
    """Yield the clusters on this host by name."""
    for file in sorted(names.STATE.glob("*/cluster.json")):
        try:
            row = json.loads(file.read_text())
            yield Registered(row["name"], Path(row["folder"]), IPv4Network(row["nodes"]))
        except (ValueError, KeyError):
            continue  # half written by an earlier hardway; its own `up` or `down` mends it
