"""What checks are made with: connections to the machines, and kubectl."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardway.model.cluster import Cluster
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Fleet


@dataclass(frozen=True, slots=True)
class Live:
    """A cluster that can be asked: machines over SSH, and the API."""

    cluster: Cluster
    fleet: Fleet
    kubectl: Kubectl
    """With rights that do not depend on any binding."""
    admin: Kubectl
    """With the operators' own kubeconfig."""
    packages: Path | None = None
    """With a bundle: the folder with its packages, by suite and architecture."""
    snapshots: Path | None = None
    """Where copies of etcd's data are kept on this host."""
    given: Callable[[str], Mapping[str, bytes]] = lambda _machine: {}
    """Returns the files that a machine was last given, by path, but for secret ones; of the
    endpoint the API's objects."""
