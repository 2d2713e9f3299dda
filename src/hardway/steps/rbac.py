"""Bindings of people and services to roles."""

from hardway.model.resources import Manifest

API = "rbac.authorization.k8s.io"


def user(name: str) -> Manifest:
    """Return a user as bindings name one; the common name of a certificate."""
    return {"apiGroup": API, "kind": "User", "name": name}


def group(name: str) -> Manifest:
    """Return a group as bindings name one; an organisation of a certificate."""
    return {"apiGroup": API, "kind": "Group", "name": name}


def cluster_role_binding(name: str, role: str, subject: Manifest) -> Manifest:
    """Return a binding that grants a cluster-wide role."""
    return {
        "apiVersion": f"{API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }
