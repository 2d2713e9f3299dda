"""Access: what the operators' certificate may do, by a binding that can be taken back."""

from hardway.model.checks import CLUSTER, Check, Kubectl, says
from hardway.model.resources import Manifest
from hardway.steps.base import Given, Step
from hardway.steps.rbac import cluster_role_binding, group

NAME = "access"
ADMINS = "hardway:admins"


def manifests(given: Given) -> tuple[Manifest, ...]:
    """Grant the group in the admin certificate everything.

    Not `system:masters`: that passes by RBAC, so that a leaked certificate of it could be stopped
    by replacing the CA only.
    """
    admins = cluster_role_binding(ADMINS, "cluster-admin", group(ADMINS))
    return (admins, DISCOVERY) if given.cluster.options.public_discovery else (admins,)


DISCOVERY = cluster_role_binding(
    "hardway:public-issuer-discovery",
    "system:service-account-issuer-discovery",
    group("system:unauthenticated"),
)
"""Beside the API servers' authentication.yaml, which lets such requests through to it."""


CHECKS = (
    Check(name="admin-may-everything", step=NAME, scope=CLUSTER,
          causes=("endpoint-answers",),
          ask=Kubectl(("auth", "can-i", "*", "*", "--all-namespaces"), as_admin=True),
          judge=says("yes"),
          why="people come in with the operators' kubeconfig",
          see="hardway kubectl auth can-i '*' '*' --all-namespaces"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Access for operators",
    why="people come in with a certificate of their own, and as long as a binding says so",
    manifests=manifests,
    checks=CHECKS,
)
