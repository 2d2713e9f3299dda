"""What makes each rule of the audit red: one flag, entry, file or object changed."""

from collections.abc import Mapping
from typing import Any

from hardway.audit.grants import KUBERNETES

BAD_FLAGS: Mapping[str, Mapping[str, str | None]] = {
    "1.2.2": {"--token-auth-file": "/etc/tokens.csv"},
    "1.2.3": {"--enable-admission-plugins": "NodeRestriction"},
    "1.2.4": {"--kubelet-client-key": None},
    "1.2.5": {"--kubelet-certificate-authority": None},
    "1.2.6": {"--authorization-mode": "Node,RBAC,AlwaysAllow"},
    "1.2.7": {"--authorization-mode": "RBAC"},
    "1.2.8": {"--authorization-mode": "Node"},
    "1.2.10": {"--enable-admission-plugins": "NodeRestriction,AlwaysAdmit"},
    "1.2.12": {"--disable-admission-plugins": "ServiceAccount"},
    "1.2.13": {"--disable-admission-plugins": "NamespaceLifecycle"},
    "1.2.14": {"--enable-admission-plugins": "DenyServiceExternalIPs"},
    "1.2.15": {"--profiling": None},
    "1.2.16": {"--audit-log-path": None},
    "1.2.17": {"--audit-log-maxage": "7"},
    "1.2.18": {"--audit-log-maxbackup": "3"},
    "1.2.19": {"--audit-log-maxsize": "10"},
    "1.2.20": {"--request-timeout": "1h0m0s"},
    "1.2.21": {"--service-account-lookup": "false"},
    "1.2.22": {"--service-account-key-file": None},
    "1.2.23": {"--etcd-certfile": None},
    "1.2.24": {"--tls-private-key-file": None},
    "1.2.25": {"--client-ca-file": None},
    "1.2.26": {"--etcd-cafile": None},
    "1.2.27": {"--encryption-provider-config": None},
    "1.2.29": {"--tls-cipher-suites": "TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_GCM_SHA256"},
    "1.2.30": {"--service-account-extend-token-expiration": None},
    "1.3.1": {"--terminated-pod-gc-threshold": None},
    "1.3.2": {"--profiling": "true"},
    "1.3.3": {"--use-service-account-credentials": "false"},
    "1.3.4": {"--service-account-private-key-file": None},
    "1.3.5": {"--root-ca-file": None},
    "1.3.6": {"--feature-gates": "A=true,RotateKubeletServerCertificate=false"},
    "1.3.7": {"--bind-address": "0.0.0.0"},
    "1.4.1": {"--profiling": None},
    "1.4.2": {"--bind-address": "10.240.0.10"},
    "2.1": {"--key-file": None},
    "2.2": {"--client-cert-auth": "false"},
    "2.3": {"--auto-tls": "true"},
    "2.4": {"--peer-cert-file": None},
    "2.5": {"--peer-client-cert-auth": None},
    "2.6": {"--peer-auto-tls": "true"},
    "2.7": {"--trusted-ca-file": "/etc/kubernetes/pki/ca.crt"},
    "3.1.3": {"--enable-bootstrap-token-auth": "true"},
    "3.2.1": {"--audit-policy-file": None},
    "4.2.7": {"--hostname-override": None},
}
"""By rule: flags with another value, or without one."""

BAD_ENTRIES: Mapping[str, tuple[str, Any]] = {
    "1.2.1": ("anonymous", {"enabled": True}),
    "1.2.28": ("resources", [{"resources": ["secrets"], "providers": [{"identity": {}}]}]),
    "3.2.2": ("rules", [{"level": "None", "resources": [{"group": "", "resources": ["secrets"]}]},
                        {"level": "Metadata"}]),
    "4.2.1": ("authentication", {"anonymous": {"enabled": True}}),
    "4.2.2": ("authorization", {"mode": "AlwaysAllow"}),
    "4.2.3": ("authentication", {"anonymous": {"enabled": False}}),
    "4.2.4": ("readOnlyPort", 10255),
    "4.2.5": ("streamingConnectionIdleTimeout", "0s"),
    "4.2.6": ("makeIPTablesUtilChains", False),
    "4.2.8": ("eventRecordQPS", -1),
    "4.2.9": ("tlsCertFile", None),
    "4.2.10": ("rotateCertificates", True),
    "4.2.11": ("featureGates", {"RotateKubeletServerCertificate": False}),
    "4.2.12": ("tlsCipherSuites", ["TLS_RSA_WITH_AES_256_CBC_SHA"]),
    "4.2.13": ("podPidsLimit", -1),
    "4.2.14": ("seccompDefault", False),
    "4.3.1": ("metricsBindAddress", "0.0.0.0:10249"),
    "5.2.1": ("plugins", [{"name": "PodSecurity", "configuration": {"defaults": {
        "enforce": "privileged", "warn": "privileged"}}}]),
}  # fmt: skip
"""By rule: an entry of its file with another value, or without one."""


def _role(name: str, *rules: dict[str, list[str]]) -> dict[str, Any]:
    return {"kind": "ClusterRole", "metadata": {"name": name}, "rules": list(rules)}


def _binding(role: str, subject: str, **labels: str) -> dict[str, Any]:
    return {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{subject}-{role}", "labels": labels},
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": subject}],
    }


def _granted(verb: str, resource: str, group: str = "", to: str = "ann") -> list[dict[str, Any]]:
    rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
    return [_role("own", rule), _binding("own", to)]


def _pod(container: Mapping[str, Any] | None = None, **spec: Any) -> list[dict[str, Any]]:
    """Return a pod that is as each rule asks, but for what is given."""
    context = {
        "allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    own = {"name": "c", "securityContext": context, **(container or {})}
    whole = {"nodeName": "worker-0", "serviceAccountName": "own", "containers": [own], **spec}
    return [{"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": whole}]


def _context(**more: Any) -> list[dict[str, Any]]:
    good = _pod()[0]["spec"]["containers"][0]["securityContext"]
    return _pod({"securityContext": {**good, **more}})


TOKEN = [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]
GOOD_OBJECTS = [
    *_pod(),
    # What Kubernetes grants itself is no finding.
    _role("system:all", {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}) | {
        "metadata": {"name": "system:all", "labels": {KUBERNETES: "rbac-defaults"}}},
    _binding("system:all", "system:all", **{KUBERNETES: "rbac-defaults"}),
    _binding("cluster-admin", "system:masters", **{KUBERNETES: "rbac-defaults"}),
    {"kind": "Namespace", "metadata": {"name": "shop"}},
    {"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"}},
]  # fmt: skip
BAD_OBJECTS: Mapping[str, list[dict[str, Any]]] = {
    "5.1.1": [_binding("cluster-admin", "ann")],
    "5.1.2": [_binding("cluster-admin", "system:anonymous")],
    "5.1.3": [_role("own", {"verbs": ["get"], "apiGroups": ["*"], "resources": ["pods"]})],
    "5.1.4": _granted("create", "pods", to="system:authenticated"),
    "5.1.5": _pod(serviceAccountName="default", volumes=TOKEN),
    "5.1.6": _pod(volumes=TOKEN),
    "5.1.7": [_binding("view", "system:masters")],
    "5.1.8": _granted("impersonate", "users"),
    "5.1.9": _granted("create", "persistentvolumes"),
    "5.1.10": _granted("get", "nodes/proxy"),
    "5.1.11": _granted("update", "certificatesigningrequests/approval", "certificates.k8s.io"),
    "5.1.12": _granted("patch", "mutatingwebhookconfigurations", "admissionregistration.k8s.io"),
    "5.1.13": _granted("create", "serviceaccounts/token"),
    "5.2.2": _context(privileged=True),
    "5.2.3": _pod(hostPID=True),
    "5.2.4": _pod(hostIPC=True),
    "5.2.5": _pod(hostNetwork=True),
    "5.2.6": _context(allowPrivilegeEscalation=True),
    "5.2.7": _context(runAsNonRoot=None),
    "5.2.8": _context(capabilities={"drop": ["CHOWN"]}),
    "5.2.9": _context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "5.2.10": _context(windowsOptions={"hostProcess": True}),
    "5.2.11": _pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "5.2.12": _pod({**_pod()[0]["spec"]["containers"][0], "ports": [{"hostPort": 80}]}),
    "5.3.2": [{"kind": "Namespace", "metadata": {"name": "open"}}],
    "5.4.1": _pod({**_pod()[0]["spec"]["containers"][0],
                   "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}),
    "5.6.2": _context(seccompProfile={"type": "Unconfined"}),
    "5.6.3": _pod({"securityContext": {}}),
    "5.6.4": [{**_pod()[0], "metadata": {"name": "p", "namespace": "default"}}],
}  # fmt: skip
"""By rule: objects of which one is not as it asks."""
