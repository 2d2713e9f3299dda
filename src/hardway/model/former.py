"""Objects of the API that hardway makes in some clusters only, or made in earlier releases.

Where hardway.yaml asks for one no longer, `up` deletes it; no other object, whatever its label.
"""

from dataclasses import dataclass

from hardway.model.resources import Manifest

RBAC = "rbac.authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Former:
    """An object that may be obsolete."""

    api: str
    kind: str
    name: str
    why: str
    """Where it is wanted, or was."""
    namespace: str = ""

    @property
    def reference(self) -> Manifest:
        """What names it, and nothing else."""
        place = {"namespace": self.namespace} if self.namespace else {}
        return {
            "apiVersion": self.api,
            "kind": self.kind,
            "metadata": {"name": self.name, **place},
        }


def _dns(api: str, kind: str, name: str = "coredns", namespace: str = "kube-system") -> Former:
    why = "CoreDNS runs on workers: a cluster without any has no DNS."
    return Former(api, kind, name, why, namespace)


FORMER = (
    Former(
        RBAC,
        "ClusterRoleBinding",
        "hardway:public-issuer-discovery",
        "Only with a public issuer may everybody read the keys that verify service accounts.",
    ),
    _dns("policy/v1", "PodDisruptionBudget"),
    _dns("apps/v1", "Deployment"),
    _dns("v1", "Service", "kube-dns"),
    _dns("v1", "ConfigMap"),
    _dns(RBAC, "ClusterRoleBinding", "system:coredns", ""),
    _dns(RBAC, "ClusterRole", "system:coredns", ""),
    _dns("v1", "ServiceAccount"),
)
"""In the order in which they are deleted: what uses others before them."""
