"""Names of everything a local cluster has on this host; whatever bears one of them is ours.

Names of clusters and machines may contain dashes and no dots (spec/schema.py). So a dot stands
between the two, and the machine `c` of cluster `a-b` is never taken for `b-c` of cluster `a`.
"""

from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path

from hardway.model.cluster import Cluster, Machine

STATE = Path("/var/lib/hardway/clusters")
"""Disks of machines, and what is registered of each cluster on this host."""

NETNS = Path("/run/netns")
SLICE = "hardway.slice"
"""What all machines' services are in, of whatever cluster, where the host runs systemd."""
REMOVED = ".removed"
DATA = ("containerd", "kubelet", "etcd")
"""Folders under /var/lib of a machine that are plain host folders: no overlay on an overlay."""


def short(cluster: str) -> str:
    """Return a cluster's name in 8 characters; preflight refuses those of another cluster."""
    return cluster if len(cluster) <= 8 else cluster[:4] + sha256(cluster.encode()).hexdigest()[:4]


def bridge(cluster: str) -> str:
    """Return the name of the cluster's bridge; Linux allows 15 characters."""
    return f"hw-{short(cluster)}"


def link(cluster: Cluster, machine: Machine) -> str:
    """Return the host's end of a machine's cable; the dot keeps it apart from every bridge."""
    return f"{bridge(cluster.name)}.{machine.number}"


def mac(address: IPv4Address) -> str:
    """Return the hardware address for an IP address, so that neighbours' caches stay right."""
    return "02:68:" + ":".join(f"{byte:02x}" for byte in address.packed)


def container(cluster: str, machine: str) -> str:
    """Return what systemd-nspawn calls a machine: unique on this host, unlike its host name."""
    return f"{cluster}.{machine}"


def netns(cluster: str, machine: str) -> str:
    """Return the name of a machine's network namespace."""
    return f"hw.{container(cluster, machine)}"


def table(cluster: str) -> str:
    """Return the name of the cluster's nftables table, of family inet."""
    return "hardway_" + cluster.replace("-", "_")


def cgroup(cluster: str, machine: str = "") -> str:
    """Return the path of a cluster's or machine's cgroup within each hierarchy."""
    return f"hardway/{cluster}" + (f"/{machine}" if machine else "")


def unit(cluster: str, machine: str) -> str:
    """Return the name of the machine's service where the host runs systemd."""
    return f"hardway-{container(cluster, machine)}.service"


def folder(cluster: str, machine: str = "") -> Path:
    """Return where a cluster's or a machine's disk lies."""
    return STATE / cluster / machine if machine else STATE / cluster


def removed(cluster: str, machine: str) -> Path:
    """Return where a machine's disk lies while it is deleted; no machine has such a name."""
    return STATE / cluster / f"{machine}{REMOVED}"
