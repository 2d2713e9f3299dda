"""What every command starts from: the cluster, who makes its machines, where its files are."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hardway import components
from hardway.components import Lock, Stored
from hardway.errors import RefusedError
from hardway.model.cluster import Cluster
from hardway.model.resolve import resolve
from hardway.providers import PROVIDERS
from hardway.providers.base import Progress, Provider
from hardway.providers.local.cleanup import leftovers
from hardway.providers.local.provider import LocalProvider
from hardway.providers.local.registry import registered
from hardway.spec.load import load, parse
from hardway.steps.base import Live
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Fleet, way
from hardway.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Setup:
    """What every command starts from."""

    cluster: Cluster
    provider: Provider
    workspace: Workspace
    cache: Path
    lock_file: Path
    """hardway.lock, if there is one."""
    bundled: Lock | None = None
    """With a bundle: what is in it, and so all that there is."""

    @property
    def lock(self) -> Lock | None:
        """Return what pins the components' files; None where nothing does.

        Raises:
            ComponentError: hardway.lock cannot be read.
        """
        return self.bundled or components.load_lock(self.lock_file)

    @property
    def components(self) -> tuple[components.Component, ...]:
        """The components of the cluster's version."""
        return components.for_kubernetes(self.cluster.kubernetes_version)

    def kubectl_binary(self, *, absent_ok: bool) -> Path:
        """Return this host's kubectl, of the cluster's version.

        Raises:
            ComponentError: it is not in the cache, and that is not `absent_ok`.
        """
        here = components.architecture()
        return self.stored(here, absent_ok=absent_ok)["kubectl"].path

    def stored(self, architecture: str, *, absent_ok: bool) -> dict[str, Stored]:
        """Return the components' files for an architecture from the cache; see `lookup`."""
        return components.lookup(
            self.components, architecture, cache=self.cache, lock=self.lock, absent_ok=absent_ok
        )

    async def ensure(self, architecture: str, progress: Progress) -> dict[str, Stored]:
        """Return the components' files for an architecture, having got those that are missing."""
        return await components.ensure(
            self.components, architecture, progress=progress, cache=self.cache, lock=self.lock
        )

    def live(self, fleet: Fleet, *, absent_ok: bool = False) -> Live:
        """Return what checks may ask, once machines are connected.

        Raises:
            ComponentError: kubectl is not in the cache, and that is not `absent_ok`.
        """
        binary = self.kubectl_binary(absent_ok=absent_ok)
        over, detour = way(fleet), {}
        if over is not None:
            there = self.cluster.api_over(self.cluster.machine(over.machine))
            detour = {"server": there.url, "proxy": over.proxy}
        return Live(
            cluster=self.cluster,
            fleet=fleet,
            kubectl=Kubectl(binary, self.workspace.break_glass_kubeconfig, **detour),
            admin=Kubectl(binary, self.workspace.admin_kubeconfig, **detour),
            packages=self.cache / "packages" if self.bundled else None,
        )

    @asynccontextmanager
    async def reach(self, *, absent_ok: bool = False) -> AsyncIterator[Live]:
        """Connect to the machines that answer, and have kubectl at hand; see `live`."""
        async with self.provider.connect(self.cluster) as fleet:
            yield self.live(fleet, absent_ok=absent_ok)


def setup(spec: Path | None, clusters: Path) -> Setup:
    """Load the spec and resolve it; changes nothing.

    Raises:
        SpecError: with everything that is wrong with the spec.
    """
    loaded = load(spec)
    workspace = Workspace(clusters.absolute() / loaded.spec.name)
    cache = components.cache_folder()
    provider = PROVIDERS[loaded.spec.provider](loaded.spec, workspace.folder, cache)
    cluster = resolve(loaded, components.resolve_version(loaded.spec.kubernetes))
    lock_file = components.lock_beside(spec or Path("hardway.yaml"))
    return Setup(provider.settled(cluster), provider, workspace, cache, lock_file)


def setup_named(name: str, clusters: Path) -> Setup:
    """Return what takes a cluster of this host away when its hardway.yaml cannot be read.

    Its folder is the one it was made in, if that is there still.

    Raises:
        SpecError: that is no name for a cluster.
        RefusedError: there is nothing of such a cluster.
    """
    loaded = parse(json.dumps({"name": name}), "--name")
    here = {row.name: row.folder for row in registered()}
    folder = here.get(name, clusters.absolute() / name)
    if not folder.exists() and not leftovers(name):
        raise RefusedError(
            f"there is no cluster {name} on this host, nor a folder {folder}",
            hint=f"the clusters of this host: {', '.join(here) or 'none'}",
        )
    cache = components.cache_folder()
    provider = LocalProvider(loaded.spec, folder, cache)
    cluster = resolve(loaded, components.resolve_version(loaded.spec.kubernetes))
    lock_file = components.lock_beside(Path("hardway.yaml"))
    return Setup(cluster, provider, Workspace(folder), cache, lock_file)
