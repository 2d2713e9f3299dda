"""The table of paths that services and plugins make by themselves.

The ledger notes what stood there before, preflight refuses what another cluster left there, and
the removal unmounts what is mounted below.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePath:
    """A folder or file that appears when a service runs."""

    path: str
    made_by: str
    rendered: bool = False
    """hardway puts something there too, and notes it as it does everything it puts."""
    inherited: bool = False
    """Another cluster's content would be taken for this one's."""
    mounts: bool = False
    """Pods' volumes or containers are mounted below."""
    why: str


SERVICE_PATHS = (
    ServicePath(path="/etc/kubernetes", made_by="hardway, kubeadm", rendered=True,
                inherited=True, why="Configuration and certificates of a cluster."),
    ServicePath(path="/var/lib/etcd", made_by="etcd", rendered=True, inherited=True,
                why="etcd's log and database."),
    ServicePath(path="/var/lib/kubelet", made_by="kubelet", rendered=True, inherited=True,
                mounts=True, why="Pods' volumes, device plugins, checkpoints."),
    ServicePath(path="/etc/cni/net.d", made_by="CNI plugins", inherited=True,
                why="The first list in it by name is the pod network."),
    ServicePath(path="/etc/iproute2/rt_addrprotos.d/keepalived.conf", made_by="keepalived",
                why="keepalived 2.3 adds its name to the origins of addresses (ip-address(8))."),
    ServicePath(path="/opt/containerd", made_by="containerd", why="For plugins; stays empty."),
    ServicePath(path="/run/containerd", made_by="containerd", mounts=True,
                why="Sockets and running containers' root file systems."),
    ServicePath(path="/usr/libexec/kubernetes", made_by="kubelet",
                why="For volume plugins; stays empty."),
    ServicePath(path="/var/lib/cni", made_by="host-local", why="Which pod has which address."),
    ServicePath(path="/var/lib/containerd", made_by="containerd", mounts=True,
                why="Images and the layers of containers."),
    ServicePath(path="/var/log/containers", made_by="kubelet", why="Links to pods' logs."),
    ServicePath(path="/var/log/pods", made_by="kubelet", why="Pods' logs."),
)  # fmt: skip

TRACES = tuple(row.path for row in SERVICE_PATHS if not row.rendered)
"""What hardway puts nothing at: noted apart."""
INHERITED = tuple(row.path for row in SERVICE_PATHS if row.inherited)
MOUNTED = tuple(row.path for row in SERVICE_PATHS if row.mounts)
