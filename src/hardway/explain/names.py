"""Why a server's certificate has a name: who dials the server by it."""

from hardway.model.cluster import Cluster
from hardway.text import text

SERVICE = "kubernetes"
LOCAL = text("Clients on the machine itself dial it.")


def why_named(cluster: Cluster, name: str) -> str:
    """Return who dials by a name or an address; a client accepts no other than it dialed."""
    fixed = {
        str(cluster.api_service_ip): text("Pods dial it: the Service `kubernetes`."),
        cluster.endpoint.host: text("kubectl, kubelets and kube-proxies dial it: the endpoint."),
        "localhost": LOCAL,
        "127.0.0.1": LOCAL,
        f"{SERVICE}.default.svc.cluster": text("Nobody has to dial it; certificates of Kubernetes "
                                               "the Hard Way have it."),
    }  # fmt: skip
    if name in fixed:
        return fixed[name]
    if name == SERVICE or name.startswith(f"{SERVICE}."):
        return text("Pods may dial it: a DNS name of the Service `kubernetes`.")
    for machine in cluster.machines:
        if name in {machine.name, str(machine.address), machine.reached_at}:
            return text("Others dial {machine} by it.", machine=machine.name)
    return text("hardway.yaml asks for it: endpoint.sans.")
