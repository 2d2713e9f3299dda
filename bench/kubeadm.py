"""kubeadm beside hardway: its binary, its images, and what each machine gets before it starts.

Machines have the same containerd, runc, CNI plugins, routes and kubelet as hardway's workers.
kubeadm's control planes are pods, so that all six machines get them.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tests.conformance import build
from tests.conformance.images import Image, binary_of, layer, save

from hardway.components import Stored, image
from hardway.engine.render import merged
from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import STORE, Desired, File
from hardway.steps import components, containerd, pod_network
from hardway.steps.base import Given, services

REGISTRY = "registry.k8s.io"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
BIN = components.BIN
ARCHIVES = "/opt/bench"
CONFIG = "/etc/kubeadm.yaml"

KUBELET = """[Service]
Environment="CONFIGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
    --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $CONFIGS $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""


def ensure(stored: Mapping[str, Stored], *, base: Path, cache: Path) -> Path:
    """Return the folder with kubeadm and its images, after making it unless it is there.

    It lies among the cache's objects, which is what machines see.
    """
    key = repr([build.FLAGS, sorted(row.sha256 for row in stored.values())]).encode()
    folder = cache / "objects" / f"bench-{sha256(key).hexdigest()[:12]}"
    if folder.exists():
        return folder
    print("building kubeadm and its images", flush=True)
    new = folder.with_name(f".{folder.name}")
    new.mkdir(exist_ok=True)
    build.go("build", "-mod=readonly", "-trimpath", f"-ldflags={build.FLAGS}", "-o", f"{new}/",
             "k8s.io/kubernetes/cmd/kubeadm")  # fmt: skip
    for archive, images in _images(stored, base, new).items():
        save(images, new / archive)
    for path in new.glob("*.layer"):
        path.unlink()
    new.rename(folder)
    return folder


def _images(stored: Mapping[str, Stored], base: Path, work: Path) -> dict[str, list[Image]]:
    """Return the images kubeadm expects, by the archive they go into."""
    kubernetes = f"v{stored['kubelet'].version}"
    tags = {"etcd": f"{stored['etcd'].version}-0"}

    def binary(name: str, tools: dict[str, tuple[bytes, int]]) -> Image:
        files = {f"usr/local/bin/{name}": (stored[name].path.read_bytes(), 0o755), **tools}
        reference = f"{REGISTRY}/{name}:{tags.get(name, kubernetes)}"
        return Image((reference,), (layer(work / f"{name}.layer", files, {}),))

    def own(name: str, *references: str) -> Image:
        files = {name: (binary_of(stored[f"{name}.tar"].path, name), 0o755)}
        content = layer(work / f"{name}.layer", files, {})
        return Image(references, (content,), {"Entrypoint": [f"/{name}"]})

    return {
        "control-plane.tar": [binary(name, {}) for name in CONTROL_PLANE],
        "node.tar": [
            binary("kube-proxy", nft(base)),
            own("coredns", f"{REGISTRY}/coredns/coredns:v{stored['coredns.tar'].version}"),
            # Under containerd's name for it too.
            own("pause", f"{REGISTRY}/pause:3.10.2", image("pause")),
        ],
    }


def nft(base: Path) -> dict[str, tuple[bytes, int]]:
    """Return nft and the libraries it needs, from the machines' base root; kube-proxy calls it."""
    argv = ["chroot", str(base), "ldd", "/usr/sbin/nft"]
    said = subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout
    paths = ["/usr/sbin/nft", *re.findall(r"(/\S+) \(", said)]
    return {p.lstrip("/"): ((base / p.lstrip("/")).read_bytes(), 0o755) for p in paths}


def as_nodes(cluster: Cluster) -> Cluster:
    """Return the cluster with pods on each machine; control planes have the last ranges."""
    ranges = list(cluster.pod_cidr.subnets(new_prefix=24))

    def node(index: int, machine: Machine) -> Machine:
        return replace(machine, role=Role.WORKER, pod_cidr=machine.pod_cidr or ranges[-1 - index])

    return replace(cluster, machines=tuple(node(i, m) for i, m in enumerate(cluster.machines)))


def write(given: Given, made: Path, to: Path) -> None:
    """Write what each machine gets before kubeadm is called on it, as a tree of its own."""
    cluster = given.cluster
    nodes = replace(given, cluster=as_nodes(cluster))
    for machine, node in zip(cluster.machines, nodes.cluster.machines, strict=True):
        desired = _desired(nodes, node)
        files = {f.path: f.content for f in desired.files}
        if machine == cluster.control_planes[0]:
            files[CONFIG] = _configuration(given)
        links = {b.path: b.stored for b in desired.blobs} | _links(machine, made)
        top = to / "nodes" / machine.name
        for path in (*files, *links):
            (top / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            (top / path.lstrip("/")).write_bytes(content)
        for path, target in links.items():
            (top / path.lstrip("/")).symlink_to(target)


def _desired(given: Given, node: Machine) -> Desired:
    """Return what hardway's workers have below kubelet, and kubelet's unit as kubeadm wants it."""
    host = given.hosts[node.name]
    binaries = components.render(given, node, {})
    inventory = {b.path: b for b in binaries.blobs}
    unit = File(path="/etc/systemd/system/kubelet.service", content=KUBELET.encode(), why="")
    files = Desired(files=(containerd.config(host), unit), blobs=binaries.blobs)
    runtime = services((containerd.service(host),), inventory, files)
    return merged((runtime, pod_network.render(given, node, inventory)))


def _links(machine: Machine, made: Path) -> dict[str, str]:
    names = ["node.tar", *(["control-plane.tar"] if machine.role is Role.CONTROL_PLANE else [])]
    store = f"{STORE}/{made.name}"
    return {f"{BIN}/kubeadm": f"{store}/kubeadm"} | {
        f"{ARCHIVES}/{name}": f"{store}/{name}" for name in names
    }


def _configuration(given: Given) -> bytes:
    """Return what `kubeadm init` is given: hardway's ranges and endpoint, this host's limits."""
    cluster = given.cluster
    first = cluster.control_planes[0]
    host = given.hosts[first.name]
    stored = given.stored[host.architecture]
    kubelet: dict[str, object] = {"cgroupDriver": "systemd"}
    if host.cgroup == "v1":
        kubelet = {"cgroupDriver": "cgroupfs", "failCgroupV1": False}
    capped = {"oomScoreAdj": 0} if host.capped_oom else {}
    documents = (
        ("kubeadm.k8s.io/v1beta4", "InitConfiguration",
         {"localAPIEndpoint": {"advertiseAddress": str(first.address)}}),
        ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration", {
            "kubernetesVersion": f"v{cluster.kubernetes_version}",
            "controlPlaneEndpoint": f"{cluster.endpoint.host}:{cluster.endpoint.port}",
            "networking": {"podSubnet": str(cluster.pod_cidr),
                           "serviceSubnet": str(cluster.service_cidr)},
            # As hardway's; RSA keys would cost kubeadm some seconds.
            "encryptionAlgorithm": "ECDSA-P256",
            "etcd": {"local": {"imageTag": f"{stored['etcd'].version}-0"}},
            "dns": {"imageTag": f"v{stored['coredns.tar'].version}"},
        }),
        ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", kubelet | capped),
        ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration",
         {"mode": "nftables", "conntrack": {"maxPerCore": 0}} | capped),
    )  # fmt: skip
    texts = [
        json.dumps({"apiVersion": version, "kind": kind, **fields}, indent=1)
        for version, kind, fields in documents
    ]
    return "\n---\n".join(texts).encode()
