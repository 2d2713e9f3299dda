"""Access: what the operators' certificate may do, by a binding that can be taken back."""

from hardway.model.resources import Finding, Manifest
from hardway.steps.base import Check, Given, Live, Step
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


MAY = Check(
    "admin-may-everything", NAME, "the operators' kubeconfig is how people come in",
    "hardway kubectl auth can-i '*' '*' --all-namespaces",
)  # fmt: skip


async def verify(live: Live) -> list[Finding]:
    """Look whether the admin kubeconfig is let in, with all rights."""
    found = await live.admin.says("auth", "can-i", "*", "*", "--all-namespaces")
    return [MAY.found("endpoint", "yes", found)]


STEP = Step(
    name=NAME,
    title="Access for operators",
    why="people come in with a certificate of their own, and as long as a binding says so",
    manifests=manifests,
    verify=verify,
)
