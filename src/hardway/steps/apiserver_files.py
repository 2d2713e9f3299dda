"""kube-apiserver's configuration files: what it logs, lets in and warns about."""

from hardway.model.options import JWKS_PATH, Options
from hardway.model.resources import File
from hardway.model.rows import Setting, quiet
from hardway.render.config import yaml_file

AUDIT_POLICY = "/etc/kubernetes/audit-policy.yaml"
AUTHENTICATION = "/etc/kubernetes/authentication.yaml"
ADMISSION = "/etc/kubernetes/admission.yaml"
HEALTH_PATHS = ("/livez", "/readyz", "/healthz")
DISCOVERY_PATHS = ("/.well-known/openid-configuration", JWKS_PATH)
"""Issuer and public keys of pods' tokens."""
NOT_LOGGED = (
    {"level": "None", "nonResourceURLs": [f"{path}*" for path in (*HEALTH_PATHS, "/metrics")]},
    {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
    {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
)


def files(options: Options) -> tuple[File, ...]:
    """Return the API server's configuration files."""
    return _audit_policy(), _authentication(options), _admission(options)


def _kind(version: str, kind: str) -> tuple[Setting, ...]:
    return (
        quiet("apiVersion", version, "The format's version, as kube-apiserver knows it."),
        quiet("kind", kind, "What kind of file this is; another kind is refused."),
    )


def _audit_policy() -> File:
    settings = (
        *_kind("audit.k8s.io/v1", "Policy"),
        Setting("omitStages", ["RequestReceived"], "The answer's line says all of it."),
        Setting("rules", [*NOT_LOGGED, {"level": "Metadata"}],
                "The first that fits counts: requests that come every few seconds and tell "
                "nothing are left out, all others are kept."),
    )  # fmt: skip
    return yaml_file(
        AUDIT_POLICY,
        "Every request with who, what, when and the answer's code. No bodies: they hold Secrets.",
        settings,
        why="What the audit log keeps of each request.",
    )


def _authentication(options: Options) -> File:
    public = DISCOVERY_PATHS if options.public_discovery else ()
    conditions = [{"path": path} for path in (*HEALTH_PATHS, *public)]
    settings = (
        *_kind("apiserver.config.k8s.io/v1", "AuthenticationConfiguration"),
        Setting("anonymous", {"enabled": True, "conditions": conditions},
                "Load balancers ask for health and have no certificate; all else is refused "
                "with 401, whatever RBAC grants system:anonymous."),
    )  # fmt: skip
    return yaml_file(AUTHENTICATION, "Who may come without credentials (KEP-4633).", settings,
                     why="Which paths answer without credentials.")  # fmt: skip


def _admission(options: Options) -> File:
    enforced = options.pod_security
    said = enforced if enforced == "restricted" else "baseline"
    defaults = {
        f"{mode}{suffix}": value
        for mode, level in (("enforce", enforced), ("audit", said), ("warn", said))
        for suffix, value in (("", level), ("-version", "latest"))
    }
    pod_security = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": defaults,
        "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]},
    }
    settings = (
        *_kind("apiserver.config.k8s.io/v1", "AdmissionConfiguration"),
        Setting("plugins", [{"name": "PodSecurity", "configuration": pod_security}],
                "Pods that could take over their node (privileged, the host's namespaces, "
                "hostPath) are named to the client and in the audit log. Those beyond `enforce` "
                "are refused: none, until hardway.yaml (podSecurity) or a namespace's label "
                "pod-security.kubernetes.io/enforce asks for it."),
    )  # fmt: skip
    return yaml_file(ADMISSION, "What kube-apiserver says of pods before it takes them.", settings,
                     why="Warnings about pods that could take over their node.")  # fmt: skip
