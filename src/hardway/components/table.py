"""The one table of components: names, versions, where they come from, what pins them."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hardway.components.signature import Signer
from hardway.errors import ComponentError
from hardway.text import text

DEFAULT_KUBERNETES = "1.37"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names, which upstream releases use too, by the kernel's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Where upstream publishes binaries; `{v}`, `{arch}` and `{file}` are filled in."""

    url: str
    checksum: str
    """A file with the SHA-256 of what is at `url`: alone, or in lines with file names."""
    member: str = ""
    """Path of a file within the archive at `url`; empty where `url` is the file itself."""
    signer: Signer | None = None
    """Where upstream signs what is at `url`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One row: what is taken from one upstream module at one version."""

    name: str
    version: str
    """Upstream's. A number after a hyphen counts hardway's own builds of it, as Debian's revisions
    do: caches, locks and images of an earlier build are not taken for the new one."""
    why: str
    packages: Mapping[str, str]
    """Go package of each binary."""
    module_sum: str
    """The module's h1 digest (go.sum), which pins its source; empty for hardway's own."""
    build_s: int
    """How long the build takes on two cores with nothing cached, after the rows above it."""
    ldflags: tuple[str, ...] = ()
    release: Release | None = None
    images: tuple[str, ...] = field(default=())
    """Binaries that are used in a container image of their own, `<name>.tar`, only."""
    module: str = ""
    """The component whose Go module has it, where that is another."""
    client: bool = False
    """For the operator's host; of no use on machines."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of what comes of it: binaries, and images in place of their binaries."""
        return tuple(f"{n}.tar" if n in self.images else n for n in self.packages)

    @property
    def upstream(self) -> str:
        """The version as upstream writes it."""
        return self.version.partition("-")[0]

    @property
    def modules(self) -> str:
        """Name of the folder in components/go that pins its Go modules."""
        return f"{self.module or self.name}-{self.upstream}"


def architecture() -> str:
    """Return this host's architecture as Go calls it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def _kubernetes(version: str, module_sum: str) -> Component:
    major, minor, _ = version.split(".")
    at = "k8s.io/component-base/version"
    names = (
        "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"
    )  # fmt: skip
    return Component(
        name="kubernetes",
        version=version,
        why="the API, its controllers and the node agents",
        packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in names},
        module_sum=module_sum,
        build_s=420,
        # Without these the binaries call themselves v0.0.0-master, and skew checks misbehave.
        ldflags=(
            f"-X {at}.gitVersion=v{version}",
            f"-X {at}.gitMajor={major}",
            f"-X {at}.gitMinor={minor}",
            f"-X {at}.gitTreeState=clean",
        ),
        release=Release(
            url="https://dl.k8s.io/release/v{v}/bin/linux/{arch}/{file}",
            checksum="https://dl.k8s.io/release/v{v}/bin/linux/{arch}/{file}.sha256",
            signer=Signer(
                signature="https://dl.k8s.io/release/v{v}/bin/linux/{arch}/{file}.sig",
                certificate="https://dl.k8s.io/release/v{v}/bin/linux/{arch}/{file}.cert",
                identity="krel-staging@k8s-releng-prod.iam.gserviceaccount.com",
                issuer="https://accounts.google.com",
            ),
        ),
    )


KUBERNETES = {
    "1.37": _kubernetes("1.37.2", "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE="),
    "1.36": _kubernetes("1.36.3", "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o="),
    "1.35": _kubernetes("1.35.4", "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM="),
}


def kubectl(of: Component) -> Component:
    """Return the client of a version of Kubernetes."""
    return replace(
        of,
        name="kubectl",
        why="the client, with which this host asks the API",
        packages={"kubectl": "k8s.io/kubernetes/cmd/kubectl"},
        build_s=75,  # alone, where machines are of another architecture
        module=of.name,
        client=True,
    )


ETCD = Component(
    name="etcd",
    version="3.6.16",
    why="the cluster's memory, and its tools",
    packages={
        "etcd": "go.etcd.io/etcd/server/v3",
        "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
        "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
    },
    module_sum="h1:sLkpvz3RFtiNd/yPrZBKz5kT+XO1ZJkhmuUJeqc7OmA=",
    build_s=45,
    release=Release(
        url="https://github.com/etcd-io/etcd/releases/download/v{v}/etcd-v{v}-linux-{arch}.tar.gz",
        checksum="https://github.com/etcd-io/etcd/releases/download/v{v}/SHA256SUMS",
        member="etcd-v{v}-linux-{arch}/{file}",
    ),
)
CONTAINERD = Component(
    name="containerd",
    version="2.2.9",
    why="runs containers on workers",
    packages={
        name: f"github.com/containerd/containerd/v2/cmd/{name}"
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
    module_sum="h1:ddw9THGOXhcKnHORjkKoXtazPjwtcPwmqk8AVyRpfZw=",
    build_s=75,
    ldflags=("-X github.com/containerd/containerd/v2/version.Version=v2.2.9",),
    release=Release(
        url="https://github.com/containerd/containerd/releases/download/v{v}/"
        "containerd-{v}-linux-{arch}.tar.gz",
        checksum="https://github.com/containerd/containerd/releases/download/v{v}/"
        "containerd-{v}-linux-{arch}.tar.gz.sha256sum",
        member="bin/{file}",
    ),
)
CNI_PLUGINS = Component(
    name="cni-plugins",
    version="1.9.1",
    why="gives pods their network",
    packages={
        name: f"github.com/containernetworking/plugins/plugins/{kind}/{name}"
        for kind, name in (
            ("main", "bridge"), ("ipam", "host-local"), ("main", "loopback"), ("meta", "portmap"),
        )
    },
    module_sum="h1:8oU6WsIsU3bpnNZuvHp74a6cE1MJwbj2P7s4/yTUNlA=",
    build_s=15,
    ldflags=(
        "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v1.9.1",
    ),
    release=Release(
        url="https://github.com/containernetworking/plugins/releases/download/v{v}/"
        "cni-plugins-linux-{arch}-v{v}.tgz",
        checksum="https://github.com/containernetworking/plugins/releases/download/v{v}/"
        "cni-plugins-linux-{arch}-v{v}.tgz.sha256",
        member="{file}",
    ),
)  # fmt: skip
COREDNS = Component(
    name="coredns",
    version="1.14.7-3",
    why="the cluster's DNS; built with upstream's plugins but those that need a cloud's SDK",
    packages={"coredns": "hardway.invalid/coredns"},
    module_sum="h1:UPDkn4QN+xyNfjz3U5ldgoLszDYpMZEJoy3+ze9au4Q=",
    build_s=95,
    release=Release(
        url="https://github.com/coredns/coredns/releases/download/v{v}/"
        "coredns_{v}_linux_{arch}.tgz",
        checksum="https://github.com/coredns/coredns/releases/download/v{v}/"
        "coredns_{v}_linux_{arch}.tgz.sha256",
        member="{file}",
    ),
    images=("coredns",),
)
TOOLS = Component(
    name="hardway-tools",
    version="0.1.0-2",
    why="what holds a pod's namespaces, and what the smoke test runs",
    packages={name: f"hardway.invalid/tools/{name}" for name in ("pause", "probe")},
    module_sum="",
    build_s=5,
    images=("pause", "probe"),
)
NODE_TOOLS = Component(
    name="hardway-node-tools",
    version="0.1.0",
    why="what answers and asks in the pod network of a worker",
    packages={"hardway-probe": "hardway.invalid/tools/probe"},
    module_sum="",
    build_s=5,
    module=TOOLS.name,
)


def for_kubernetes(version: str) -> tuple[Component, ...]:
    """Return the components of a cluster at an exact version, e.g. `1.37.2`."""
    kubernetes = next(row for row in KUBERNETES.values() if row.version == version)
    return (kubernetes, kubectl(kubernetes), ETCD, CONTAINERD, CNI_PLUGINS, COREDNS, TOOLS,
            NODE_TOOLS)  # fmt: skip


def resolve_version(asked: str) -> str:
    """Return the exact version for a minor or exact one, with or without a leading `v`.

    Raises:
        ComponentError: it is none of those in the table.
    """
    wanted = asked.removeprefix("v")
    for minor, row in KUBERNETES.items():
        if wanted in {minor, row.version}:
            return row.version
    have = ", ".join(f"{minor} ({row.version})" for minor, row in KUBERNETES.items())
    raise ComponentError(
        text("hardway does not know Kubernetes {version}", version=asked),
        hint=text("set `kubernetes` in hardway.yaml to one of {versions}", versions=have),
    )


def image(name: str) -> str:
    """Return the reference under which an image of the table is imported."""
    row = next(row for row in (COREDNS, TOOLS) if name in row.images)
    return f"localhost/hardway/{name}:{row.version}"
