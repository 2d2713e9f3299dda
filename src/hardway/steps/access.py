"""Access: what the operators' certificate may do, by a binding that can be taken back."""

import re

from hardway.model.checks import (
    CLUSTER,
    Answer,
    Check,
    Judgement,
    Kubectl,
    Occasion,
    Subject,
    every,
    judged,
    says,
)
from hardway.model.objects import items
from hardway.model.resources import Manifest, Severity, Verdict
from hardway.model.rows import Note
from hardway.steps import encryption, guards
from hardway.steps.base import API, Given, Step
from hardway.steps.rbac import cluster_role_binding, group
from hardway.text import text

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


def _unsigned(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge the requests to Kubernetes' own signers; other signers are programs people run."""
    waiting = []
    for request in items(answer.text, "CertificateSigningRequest"):
        status = request.get("status", {})
        decided = {condition["type"] for condition in status.get("conditions", ())}
        own = request["spec"]["signerName"].startswith("kubernetes.io/")
        if own and not status.get("certificate") and decided <= {"Approved"}:
            waiting.append(request["metadata"]["name"])
    return judged(text("none"), ", ".join(waiting) or text("none"))


LOST_KEY = re.compile(r"Key: /registry/secrets/([^,\s]+)|\"/registry/secrets/([^\"]+)\"")


def _readable(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    if not answer.status:
        return judged(text("all"), text("all"))
    if not encryption.unreadable(answer.text):
        return (Judgement(Verdict.UNKNOWN, text("all"), answer.last_line),)
    lost = dict.fromkeys("".join(names) for names in LOST_KEY.findall(answer.text))
    unread = text("all but {names}", names=", ".join(lost)) if lost else text("not all")
    return judged(text("all"), unread)


CHECKS = (
    *guards.ACCESS,
    Check(name="admin-may-everything", step=NAME, scope=CLUSTER,
          causes=API,
          ask=Kubectl(("auth", "can-i", "*", "*", "--all-namespaces"), as_admin=True),
          judge=says("yes"),
          why="people come in with the operators' kubeconfig",
          see="hardway kubectl auth can-i '*' '*' --all-namespaces"),
    Check(name="no-requests-unsigned", step=NAME, scope=CLUSTER, severity=Severity.WARN,
          when=Occasion.ASKED,
          ask=every("certificatesigningrequests"), judge=_unsigned, causes=API,
          why="no machine has the CA's key, so nothing here signs requests: whoever waits for one "
          "waits until a person signs it (docs/limits.md)",
          cure="delete the request: hardway kubectl delete certificatesigningrequest NAME",
          see="hardway kubectl get certificatesigningrequests"),
    # Not with encryption, where API servers still run with the keys that they are to lose.
    Check(name="secrets-readable", step=NAME, scope=CLUSTER, judge=_readable,
          causes=API, anywhere=("encryption-key-same",),
          ask=Kubectl(("get", "secrets", "--all-namespaces", "--no-headers")),
          why="one Secret that no key reads is enough: listing fails, and API servers that start "
              "never get ready",
          test="hardway kubectl get secrets --all-namespaces --output=name",
          cure="see which Secrets no key reads, and remove them: hardway unreadable",
          see="hardway unreadable"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Access for operators",
    why="people come in with a certificate of their own, and as long as a binding says so",
    manifests=manifests,
    checks=CHECKS,
    notes={
        f"ClusterRoleBinding/{ADMINS}": (
            Note("", "What operators may do, as long as this binding is there."),
            Note("roleRef", "Everything: people who build the cluster run it too."),
            Note(
                "subjects",
                "The group in the admin certificate. Not system:masters, which no "
                "binding could take back.",
            ),
        ),
        "ClusterRoleBinding/hardway:public-issuer-discovery": (
            Note("", "Verifiers outside of the cluster may read issuer and public keys."),
            Note("roleRef", "Upstream's role for just these two paths."),
            Note("subjects", "Requests without credentials."),
        ),
    },
)
