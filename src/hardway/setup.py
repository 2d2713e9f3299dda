"""What every command starts from: the cluster, who makes its machines, where its files are."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hardway import components
from hardway.bundle import Contents
from hardway.components import Component, Lock, Stored
from hardway.errors import RefusedError
from hardway.model.cluster import Cluster
from hardway.model.resolve import resolve
from hardway.providers import BY_NAME, PROVIDERS
from hardway.providers.base import Progress, Provider
from hardway.spec.load import Loaded, load, parse
from hardway.steps.base import Live
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Fleet, way
from hardway.workspace import Workspace

Files = dict[str, dict[str, Stored]]
"""Components' files by architecture, then by name."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What every command starts from."""

    cluster: Cluster
    provider: Provider
    workspace: Workspace
    cache: Path
    lock_file: Path
    """hardway.lock, if there is one."""
    bundled: Contents | None = None
    """With a bundle: what is in it, and so all that there is."""

    @property
    def lock(self) -> Lock | None:
        """Return what pins the components' files; None where nothing does.

        Raises:
            ComponentError: hardway.lock cannot be read.
        """
        return self.bundled.files if self.bundled else components.load_lock(self.lock_file)

    @property
    def components(self) -> tuple[Component, ...]:
        """The components of the cluster's version."""
        return components.for_kubernetes(self.cluster.kubernetes_version)

    def needed(self, machines: Iterable[str]) -> dict[str, tuple[Component, ...]]:
        """Return which components are needed, by architecture; given are the machines'.

        Of this host's, where that is another, its own clients alone.
        """
        clients = tuple(c for c in self.components if c.client)
        return {components.architecture(): clients} | dict.fromkeys(machines, self.components)

    def kubectl_binary(self, *, absent_ok: bool) -> Path:
        """Return this host's kubectl, of the cluster's version.

        Raises:
            ComponentError: it is not in the cache, and that is not `absent_ok`.
        """
        found = self.stored((), absent_ok=absent_ok)
        return found[components.architecture()]["kubectl"].path

    def stored(self, machines: Iterable[str], *, absent_ok: bool) -> Files:
        """Return the files of what is needed from the cache; see `lookup`."""
        lock = self.lock
        return {
            name: components.lookup(some, name, cache=self.cache, lock=lock, absent_ok=absent_ok)
            for name, some in self.needed(machines).items()
        }

    async def ensure(self, machines: Iterable[str], progress: Progress) -> Files:
        """Return the files of what is needed, having got those that are missing."""
        lock = self.lock
        return {
            name: await components.ensure(
                some, name, progress=progress, cache=self.cache, lock=lock
            )
            for name, some in self.needed(machines).items()
        }

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
    return _resolved(loaded, workspace, spec or Path("hardway.yaml"))


def setup_named(name: str, clusters: Path) -> Setup:
    """Return what takes a cluster away when its hardway.yaml cannot be read.

    Its folder is the one it was made in, if that is there still.

    Raises:
        SpecError: that is no name for a cluster.
        RefusedError: there is nothing of such a cluster, or no way to it without hardway.yaml.
    """
    loaded = parse(json.dumps({"name": name}), "--name")
    here = {of: folder for known in BY_NAME.values() for of, folder in known().items()}
    workspace = Workspace(here.get(name, clusters.absolute() / name))
    provider = workspace.provider or loaded.spec.provider
    if provider not in BY_NAME:
        raise RefusedError(
            f"{name} is of provider {provider}: where its machines are, hardway.yaml alone says",
            hint="hardway down, with its hardway.yaml",
        )
    at = _resolved(loaded, workspace, Path("hardway.yaml"))
    if not workspace.folder.exists() and not asyncio.run(at.provider.belongings(name)):
        raise RefusedError(
            f"there is no cluster {name} on this host, nor a folder {workspace.folder}",
            hint=f"the clusters of this host: {', '.join(here) or 'none'}",
        )
    return at


def _resolved(loaded: Loaded, workspace: Workspace, spec: Path) -> Setup:
    cache = components.cache_folder()
    provider = PROVIDERS[loaded.spec.provider](loaded.spec, workspace.folder, cache)
    cluster = resolve(loaded, components.resolve_version(loaded.spec.kubernetes))
    lock_file = components.lock_beside(spec)
    return Setup(provider.settled(cluster), provider, workspace, cache, lock_file)
