"""Sections of hardway.yaml about nodes and service accounts."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hardway.spec.part import Part

PREFIX = r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?"
NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
HTTPS = r"^https://[^\s?#]+$"
UNLIMITED = -1

LabelKey = Annotated[str, Field(pattern=f"^{PREFIX}{NAME}$")]
LabelValue = Annotated[str, Field(pattern=f"^({NAME})?$")]
Labels = dict[LabelKey, LabelValue]
Taint = Annotated[
    str, Field(pattern=f"^{PREFIX}{NAME}(=({NAME})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$")
]
Issuer = Annotated[str, Field(pattern=HTTPS)]

Flag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
FeatureGate = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]


def _text(value: object) -> object:
    """Return a scalar as it stands in the file: `800`, `true`."""
    return str(value).lower() if isinstance(value, int) else value


Value = Annotated[str, BeforeValidator(_text)]
ComponentName = Literal[
    "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"
]

LABELS_ABOUT = (
    "Labels of the node. hardway sets them through the API: kubelets may not set all of them "
    "themselves. Labels that others set stay."
)
TAINTS_ABOUT = (
    "Taints as in `kubectl taint`, e.g. dedicated=db:NoSchedule. kubelet sets them when it "
    "registers its node; later they are people's to change, and hardway undoes nothing."
)


class Nodes(Part):
    """What all nodes (workers) have; a machine in the list may add to it."""

    labels: Labels = Field({}, description=LABELS_ABOUT)
    taints: tuple[Taint, ...] = Field((), description=TAINTS_ABOUT)
    pod_pids_limit: int = Field(
        4096, ge=UNLIMITED,
        description="Processes and threads a pod may have, so that one that forks without end "
        "does not take the node with it. -1: as many as the node.",
    )  # fmt: skip


Level = Literal["privileged", "baseline", "restricted"]


class PodSecurity(Part):
    """What pods may ask for, in namespaces that say nothing else (Pod Security Standards)."""

    enforce: Level = Field(
        "privileged", description="Pods beyond this level are refused: privileged refuses none, "
        "baseline those that could take over their node, restricted all that are not hardened. "
        "A namespace's label pod-security.kubernetes.io/enforce takes its place. kube-system is "
        "exempt. Pods that run stay.",
    )  # fmt: skip


class ServiceAccounts(Part):
    """Who verifies pods' tokens outside of the cluster, as Vault or a cloud's identity service."""

    issuers: tuple[Issuer, ...] = Field(
        (), description="URLs for `iss` in tokens. New tokens have the first; those of the others, "
        "and of the default https://kubernetes.default.svc.cluster.local, stay accepted. To change "
        "it put the new one first and keep the old one.",
    )  # fmt: skip
    jwks_uri: str | None = Field(
        None, pattern=HTTPS,
        description="Where verifiers find the keys; without one /openid/v1/jwks of the first "
        "issuer, or with publicDiscovery of the endpoint.",
    )  # fmt: skip
    public_discovery: bool = Field(
        False,
        description="Lets anybody who reaches the API read /.well-known/openid-configuration and "
        "/openid/v1/jwks without credentials: issuer and public keys, no secrets.",
    )  # fmt: skip


class Extra(Part):
    """What a component gets beyond what hardway gives it."""

    flags: dict[Flag, Value] = Field(
        {}, description="Flags without dashes, e.g. max-requests-inflight: 800. Refused: those "
        "that the binary does not know, those hardway sets, and all of TLS, authentication, "
        "authorization and encryption.",
    )  # fmt: skip
    feature_gates: dict[FeatureGate, bool] = Field(
        {}, description="Feature gates of that binary, each on or off."
    )


Components = dict[ComponentName, Extra]
