"""What every command starts from: the cluster, who makes its machines, where its files are."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from hardway import components
from hardway.checks.live import Live
from hardway.components import Component, Lock, Stored
from hardway.components.flags import refuse_unknown
from hardway.errors import RefusedError
from hardway.model.ambiguities import ambiguities
from hardway.model.cluster import Cluster
from hardway.model.decisions import Decisions, of
from hardway.model.delta import Delta, deltas, minor, refuse
from hardway.model.resolve import resolve
from hardway.ownership import Answer, agree, fingerprint
from hardway.providers import BY_NAME, PROVIDERS
from hardway.providers.base import Progress, Provider
from hardway.spec.load import Loaded, load, parse
from hardway.spec.schema import ClusterSpec
from hardway.text import text
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Fleet, Way, way
from hardway.workspace import DECISIONS, Workspace

if TYPE_CHECKING:
    from hardway.bundle import Contents

Files = dict[str, dict[str, Stored]]
"""Components' files by architecture, then by name."""


@dataclass(frozen=True, slots=True)
class Project:
    """What every command starts from."""

    cluster: Cluster
    spec: ClusterSpec
    decisions: Decisions | None
    """What earlier runs decided; None before the first `up`."""
    provider: Provider
    workspace: Workspace
    cache: Path
    lock_file: Path
    """hardway.lock, if there is one."""
    new_versions: bool = False
    """Components move to this hardway's versions, as far as their minors stay."""
    bundled: "Contents | None" = None
    """With a bundle: what is in it, and so all that there is."""
    doubts: tuple[str, ...] = ()
    """What in hardway.yaml would be refused of a new cluster."""

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

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the components, by name."""
        return {component.name: component.version for component in self.components}

    @property
    def deltas(self) -> tuple[Delta, ...]:
        """What differs between hardway.yaml and the decisions; see `model.delta`."""
        if self.decisions is None:
            return ()
        return deltas(
            self.decisions, self.cluster, self.spec, self.versions, new_versions=self.new_versions
        )

    @property
    def ca(self) -> str:
        """The fingerprint of the folder's Kubernetes CA; empty before it is made."""
        file = self.workspace.pki / "kubernetes" / "ca.crt"
        return fingerprint(file.read_bytes()) if file.exists() else ""

    def owning(self, answers: Mapping[str, Answer]) -> "Project":
        """Return the project, having compared what its machines say about themselves with it.

        Clusters made before versions were decisions have the versions that their machines say.

        Raises:
            RefusedError: they are not this cluster's, know of later decisions, or have other
                minor versions.
        """
        agree(answers, self.cluster.name, self.decisions, self.ca)
        if self.decisions is None or self.decisions.versions:
            return self
        versions = {k: v for answer in answers.values() for k, v in answer.versions.items()}
        project = replace(self, decisions=replace(self.decisions, versions=versions))
        refuse(self.cluster.name, replace(project, new_versions=True).deltas)
        return project

    def decide(self) -> Decisions:
        """Write down what this cluster now is, and return it; the CA must be there."""
        before = self.decisions
        id_ = (before.id if before else "") or f"{self.cluster.name}-{token_hex(4)}"
        made = of(self.cluster, self.versions, before, id_=id_, ca=self.ca)
        self.workspace.decide(made)
        return made

    def without(self, machine: str) -> "Project":
        """Return the project without a machine, having written that down."""
        rest = tuple(m for m in self.cluster.machines if m.name != machine)
        project = replace(self, cluster=replace(self.cluster, machines=rest))
        return replace(project, decisions=project.decide())

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

    def ask_components(self) -> None:
        """Ask the binaries in the cache whether they know what hardway.yaml wants of them.

        Raises:
            RefusedError: naming each flag and feature gate that one does not know.
        """
        here = components.architecture()
        files = self.stored([here], absent_ok=True)[here]
        refuse_unknown(self.cluster.options.extras, files)

    def live(self, fleet: Fleet, *, absent_ok: bool = False) -> Live:
        """Return what checks may ask, once machines are connected.

        Raises:
            ComponentError: kubectl is not in the cache, and that is not `absent_ok`.
        """
        binary, over = self.kubectl_binary(absent_ok=absent_ok), way(fleet)
        return Live(
            cluster=self.cluster,
            fleet=fleet,
            kubectl=self.kubectl(binary, self.workspace.break_glass_kubeconfig, over),
            admin=self.kubectl(binary, self.workspace.admin_kubeconfig, over),
            packages=self.cache / "packages" if self.bundled else None,
            snapshots=self.workspace.snapshots,
            given=self.workspace.given_files,
        )

    def kubectl(self, binary: Path, kubeconfig: Path, over: Way | None = None) -> Kubectl:
        """Return kubectl with a kubeconfig, over a machine if this host does not reach the API."""
        if over is None:
            return Kubectl(binary, kubeconfig, direct=(self.cluster.api_from_here.host,))
        there = self.cluster.api_over(self.cluster.machine(over.machine))
        return Kubectl(binary, kubeconfig, there.url, over.proxy)

    @asynccontextmanager
    async def reach(self, *, absent_ok: bool = False) -> AsyncIterator[Live]:
        """Connect to the machines that answer, and have kubectl at hand; see `live`."""
        async with self.provider.connect(self.cluster) as fleet:
            yield self.live(fleet, absent_ok=absent_ok)


FOLDERS = "clusters"
"""The folder in which each cluster has its own, beside hardway.yaml."""


def open_project(spec: Path | None, clusters: Path | None) -> Project:
    """Load the spec and resolve it; changes nothing.

    A cluster's folder is in `clusters`, without that in `clusters/` beside its hardway.yaml.

    Raises:
        SpecError: with everything that is wrong with the spec.
        RefusedError: the cluster's folder is in the current directory, not beside hardway.yaml.
    """
    loaded = load(spec)
    beside = (spec or Path()).absolute().parent if spec else Path.cwd()
    folder = (clusters.absolute() if clusters else beside / FOLDERS) / loaded.spec.name
    elsewhere = Path.cwd() / FOLDERS / loaded.spec.name
    if clusters is None and not folder.exists() and (elsewhere / DECISIONS).exists():
        raise RefusedError(
            text("the folder of cluster {name} is {folder}, not beside {spec}",
                 name=loaded.spec.name, folder=elsewhere, spec=spec),
            hint=text("move it: mkdir -p {parent} && mv {folder} {wanted}; or say where it is: "
                      "--clusters {there}", parent=folder.parent, folder=elsewhere, wanted=folder,
                      there=elsewhere.parent),
        )  # fmt: skip
    return _resolved(loaded, Workspace(folder), spec or Path("hardway.yaml"))


def open_named(name: str, clusters: Path | None) -> Project:
    """Return what takes a cluster away when its hardway.yaml cannot be read.

    Its folder is the one it was made in, if that is there still.

    Raises:
        SpecError: that is no name for a cluster.
        RefusedError: there is nothing of such a cluster, or no way to it without hardway.yaml.
    """
    loaded = parse(json.dumps({"name": name}), "--name")
    here = {of: folder for known in BY_NAME.values() for of, folder in known().items()}
    workspace = Workspace(here.get(name, (clusters or Path(FOLDERS)).absolute() / name))
    decisions = workspace.decisions
    provider = decisions.provider if decisions else loaded.spec.provider
    if provider not in BY_NAME:
        raise RefusedError(
            text("{name} is of provider {provider}: only hardway.yaml says where its machines are",
                 name=name, provider=provider),
            hint=text("hardway down, with its hardway.yaml; without one say where they are: "
                      "hardway down --name {name} --host [USER@]HOST[:PORT] ...", name=name),
        )  # fmt: skip
    project = _resolved(loaded, workspace, Path("hardway.yaml"))
    if not workspace.folder.exists() and not asyncio.run(project.provider.belongings(name)):
        raise RefusedError(
            text("there is no cluster {name} on this host, nor a folder {folder}", name=name,
                 folder=workspace.folder),
            hint=text("the clusters of this host: {names}", names=", ".join(here) or text("none")),
        )  # fmt: skip
    return project


def hosts_of(name: str, hosts: Sequence[str]) -> Provider:
    """Return the provider that takes hosts of the operator's own back, without hardway.yaml.

    `hosts` are written `[user@]host[:port]`; the rest is as ~/.ssh/config says.

    Raises:
        SpecError: that is no name for a cluster, or no way to write a host.
    """
    from hardway.providers.ssh.provider import SshProvider  # noqa: PLC0415 - no other needs it

    machines = [{"name": f"host-{index}", "role": "worker", **_place(host)}
                for index, host in enumerate(hosts)]  # fmt: skip
    written = json.dumps({"name": name, "provider": "ssh", "machines": machines})
    spec = parse(written, "--host").spec
    folder = Path(FOLDERS).absolute() / name
    return SshProvider(spec, folder, components.cache_folder(), named=True)


def _place(host: str) -> dict[str, str | int]:
    user, _, place = host.rpartition("@")
    address, _, port = place.partition(":")
    said = {"host": address, "user": user, "port": int(port) if port.isdigit() else port}
    return {name: value for name, value in said.items() if value}


def _resolved(loaded: Loaded, workspace: Workspace, spec: Path) -> Project:
    cache = components.cache_folder()
    decisions = workspace.decisions
    provider = PROVIDERS[loaded.spec.provider](loaded.spec, workspace.folder, cache)
    version = components.resolve_version(_asked_version(loaded.spec, decisions))
    cluster = resolve(loaded, version, decisions.machines if decisions else ())
    lock_file = components.lock_beside(spec)
    doubts = tuple(loaded.problem(found.place, found.text)
                   for found in ambiguities(loaded, cluster.endpoint))  # fmt: skip
    return Project(
        provider.settled(cluster), loaded.spec, decisions, provider, workspace, cache, lock_file,
        doubts=doubts,
    )  # fmt: skip


def _asked_version(spec: ClusterSpec, decisions: Decisions | None) -> str:
    """Return the Kubernetes version that is asked for: hardway.yaml's, else the cluster's minor.

    A newer hardway has another default; it does not move a cluster by itself.
    """
    decided = decisions.versions.get("kubernetes") if decisions else None
    return (
        spec.kubernetes if "kubernetes" in spec.model_fields_set or not decided else minor(decided)
    )
