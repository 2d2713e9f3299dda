"""Which files components of Kubernetes read again by themselves, and since which version."""

from hardway.model.cluster import Cluster
from hardway.model.rows import Reread

CLIENTS_REREAD_CA = 36
"""The minor version of Kubernetes whose clients began to (kubernetes/kubernetes#132922)."""
REREAD_CERTIFICATE = (
    "Servers watch theirs (apiserver/pkg/server/dynamiccertificates); clients read theirs at each "
    "handshake and every 5 minutes (client-go/transport/cert_rotation.go)."
)


def clients_reread_ca(cluster: Cluster) -> bool:
    """Return whether clients of the API read a changed CA file by themselves: since 1.36."""
    return int(cluster.kubernetes_version.split(".")[1]) >= CLIENTS_REREAD_CA


def reread_ca(cluster: Cluster, path: str) -> tuple[Reread, ...]:
    """Return the CA of a kubeconfig where its reader reads it again; else it is in `reads`."""
    why = "Read again every 5 minutes since 1.36 (client-go/transport/ca_rotation.go)."
    return (Reread(path, why),) if clients_reread_ca(cluster) else ()


def reread_certificate(path: str) -> Reread:
    """Return a certificate or key that a Kubernetes component reads again, in all versions."""
    return Reread(path, REREAD_CERTIFICATE)
