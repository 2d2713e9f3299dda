"""kube-apiserver's unit and the files it reads; a part of the step control-plane."""

from hardway.model.cluster import API_PORT, ETCD_CLIENT_PORT, Machine
from hardway.model.options import DEFAULT_ISSUER, JWKS_PATH, Options
from hardway.model.resources import File
from hardway.render.config import Setting, yaml_text
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service, hardening
from hardway.steps import encryption
from hardway.steps.base import Given

USER = "kube-apiserver"
PKI = "/etc/kubernetes/pki"
OWN = f"{PKI}/kube-apiserver"
AUDIT_FOLDER = "/var/log/kubernetes"
AUDIT_POLICY = "/etc/kubernetes/audit-policy.yaml"
AUDIT_FILES, AUDIT_FILE_MIB = 5, 100
"""Old audit logs that are kept, and the size of each."""
AUDIT_MIB = (AUDIT_FILES + 1) * AUDIT_FILE_MIB
AUTHENTICATION = "/etc/kubernetes/authentication.yaml"
HEALTH_PATHS = ("/livez", "/readyz", "/healthz")
DISCOVERY_PATHS = ("/.well-known/openid-configuration", JWKS_PATH)
"""Issuer and public keys of pods' tokens."""

CIPHER_SUITES = (
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)  # fmt: skip

QUIET = ({"level": "None", "nonResourceURLs": [f"{p}*" for p in (*HEALTH_PATHS, "/metrics")]},
         {"level": "None",
          "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
         {"level": "None", "resources": [{"group": "", "resources": ["events"]}]})  # fmt: skip


def files(options: Options) -> tuple[File, ...]:
    """Return the API server's configuration files."""
    return (
        File(path=AUDIT_POLICY, content=_audit_policy(), commented=True,
             why="what is written down of who did what"),
        File(path=AUTHENTICATION, content=_authentication(options), commented=True,
             why="what may be asked without saying who one is"),
    )  # fmt: skip


def _audit_policy() -> bytes:
    rules = [
        *QUIET,
        {"level": "Metadata"},
    ]
    return yaml_text(
        "Every request with who, what, when and the answer's code. No bodies: they hold Secrets.",
        (
            Setting("apiVersion", "audit.k8s.io/v1", ""),
            Setting("kind", "Policy", ""),
            Setting("omitStages", ["RequestReceived"], "The answer's line says all of it."),
            Setting("rules", rules, "The first that fits counts: what beats every few seconds "
                    "and tells nothing is left out, all else is kept."),
        ),
    )  # fmt: skip


def _authentication(options: Options) -> bytes:
    public = DISCOVERY_PATHS if options.public_discovery else ()
    conditions = [{"path": path} for path in (*HEALTH_PATHS, *public)]
    return yaml_text(
        "Who may come without credentials (KEP-4633).",
        (
            Setting("apiVersion", "apiserver.config.k8s.io/v1", ""),
            Setting("kind", "AuthenticationConfiguration", ""),
            Setting("anonymous", {"enabled": True, "conditions": conditions},
                    "Load balancers ask for health and have no certificate; all else is refused "
                    "with 401, whatever RBAC says of system:anonymous."),
        ),
    )  # fmt: skip


def service(given: Given, machine: Machine) -> Service:
    """Return the API server of one control plane."""
    return Service(
        name="kube-apiserver.service",
        description="Kubernetes API server",
        why="The cluster's front door, and the only one who talks to etcd.",
        command="/usr/local/bin/kube-apiserver",
        flags=(
            *_addresses(given, machine),
            *_serving(),
            *_etcd(),
            *_accounts(given.cluster.options),
            *_kubelets(),
            *_aggregation(),
            *_audit(),
        ),
        unit=(
            Setting("Documentation", "https://kubernetes.io/docs/", ""),
            Setting("Wants", "network-online.target", ""),
            Setting("After", "network-online.target etcd.service", ""),
            NEVER_GIVE_UP,
        ),
        service=(
            Setting("Type", "notify", "Ready means: it serves."),
            Setting("TimeoutStartSec", "infinity", "It waits for etcd's quorum."),
            Setting("LimitNOFILE", "65536", ""),
            *RESTARTS,
            *hardening(USER, writes=(AUDIT_FOLDER,)),
        ),
        reads=_reads(),
    )


def _reads() -> tuple[str, ...]:
    own = ("server.crt", "server.key", "etcd-client.crt", "etcd-client.key", "kubelet-client.crt",
           "kubelet-client.key", "front-proxy-client.crt", "front-proxy-client.key",
           "service-account.key", "service-account.pub")  # fmt: skip
    shared = ("ca.crt", "etcd-ca.crt", "front-proxy-ca.crt")
    return (
        *(f"{OWN}/{name}" for name in own),
        *(f"{PKI}/{name}" for name in shared),
        AUDIT_POLICY,
        AUTHENTICATION,
        encryption.PATH,
        "/usr/local/bin/kube-apiserver",
    )


def _addresses(given: Given, machine: Machine) -> tuple[Setting, ...]:
    return (
        Setting("--advertise-address", str(machine.address),
                "Where pods find this API server: an endpoint of the Service `kubernetes`."),
        Setting("--bind-address", str(machine.address),
                "Not on every address: the endpoint's address on this port is haproxy's."),
        Setting("--secure-port", str(API_PORT), ""),
        Setting("--service-cluster-ip-range", str(given.cluster.service_cidr), ""),
        Setting("--authorization-mode", "Node,RBAC",
                "A kubelet sees what concerns its own pods; all others what RBAC grants."),
        Setting("--enable-admission-plugins", "NodeRestriction",
                "A kubelet changes its own node and pods only."),
        Setting("--authentication-config", AUTHENTICATION, ""),
        Setting("--allow-privileged", "true",
                "Agents of networks and storage are pods with all rights on their node; who may "
                "make such pods is for Pod Security to say, by namespace."),
        Setting("--profiling", "false", "CIS 1.2.15: /debug/pprof tells much and costs much."),
        Setting("--shutdown-delay-duration", "2s",
                "Not ready yet still serving: load balancers that ask twice a second move on."),
        Setting("--shutdown-watch-termination-grace-period", "2s",
                "Watches are ended too; without it a stop waits a minute for them."),
    )  # fmt: skip


def _serving() -> tuple[Setting, ...]:
    return (
        Setting("--client-ca-file", f"{PKI}/ca.crt", "Certificates it signed say who one is."),
        Setting("--tls-cert-file", f"{OWN}/server.crt", ""),
        Setting("--tls-private-key-file", f"{OWN}/server.key", ""),
        Setting("--tls-min-version", "VersionTLS12", ""),
        Setting("--tls-cipher-suites", ",".join(CIPHER_SUITES),
                "Forward secrecy and authenticated encryption, nothing else."),
    )  # fmt: skip


def _etcd() -> tuple[Setting, ...]:
    return (
        Setting("--etcd-servers", f"https://127.0.0.1:{ETCD_CLIENT_PORT}",
                "The member next door: they fall together, and the endpoint moves on. With all "
                "members here, requests hang on connections to a lost machine (docs/adr/0007)."),
        Setting("--etcd-cafile", f"{PKI}/etcd-ca.crt", ""),
        Setting("--etcd-certfile", f"{OWN}/etcd-client.crt", ""),
        Setting("--etcd-keyfile", f"{OWN}/etcd-client.key", ""),
        Setting("--encryption-provider-config", encryption.PATH, ""),
    )  # fmt: skip


def _accounts(options: Options) -> tuple[Setting, ...]:
    current, *accepted = options.issuers
    return (
        Setting("--service-account-issuer", current,
                "The `iss` of pods' tokens; the same on all control planes."),
        *(Setting("--service-account-issuer", issuer,
                  "Tokens of a former issuer stay good until they end.") for issuer in accepted),
        *((Setting("--service-account-jwks-uri", options.jwks_uri,
                   "Where verifiers outside of the cluster find the public keys; without it at "
                   "this machine's address, which they do not reach."),)
          if options.jwks_uri else ()),
        Setting("--service-account-signing-key-file", f"{OWN}/service-account.key", ""),
        Setting("--service-account-key-file", f"{OWN}/service-account.pub",
                "Checks tokens, its own and the other control planes'."),
        Setting("--api-audiences", DEFAULT_ISSUER, ""),
    )  # fmt: skip


def _kubelets() -> tuple[Setting, ...]:
    return (
        Setting("--kubelet-certificate-authority", f"{PKI}/ca.crt",
                "Without it any machine could pose as a node for logs and exec."),
        Setting("--kubelet-client-certificate", f"{OWN}/kubelet-client.crt", ""),
        Setting("--kubelet-client-key", f"{OWN}/kubelet-client.key", ""),
        Setting("--kubelet-preferred-address-types", "InternalIP,Hostname", ""),
    )  # fmt: skip


def _aggregation() -> tuple[Setting, ...]:
    return (
        Setting("--requestheader-client-ca-file", f"{PKI}/front-proxy-ca.crt",
                "A CA of its own: who holds its certificates may say who somebody else is."),
        Setting("--requestheader-allowed-names", "front-proxy-client", ""),
        Setting("--requestheader-extra-headers-prefix", "X-Remote-Extra-", ""),
        Setting("--requestheader-group-headers", "X-Remote-Group", ""),
        Setting("--requestheader-username-headers", "X-Remote-User", ""),
        Setting("--proxy-client-cert-file", f"{OWN}/front-proxy-client.crt", ""),
        Setting("--proxy-client-key-file", f"{OWN}/front-proxy-client.key", ""),
        Setting("--enable-aggregator-routing", "true",
                "No kube-proxy runs here: webhooks and aggregated APIs are called by their pods' "
                "addresses, over the pod routes."),
    )  # fmt: skip


def _audit() -> tuple[Setting, ...]:
    return (
        Setting("--audit-policy-file", AUDIT_POLICY, ""),
        Setting("--audit-log-path", f"{AUDIT_FOLDER}/audit.log", ""),
        Setting("--audit-log-maxage", "30", "Days."),
        Setting("--audit-log-maxbackup", str(AUDIT_FILES), ""),
        Setting("--audit-log-maxsize", str(AUDIT_FILE_MIB), "MiB."),
    )
