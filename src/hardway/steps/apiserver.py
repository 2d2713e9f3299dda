"""kube-apiserver's unit: its flags and what it reads; a part of the step control-plane."""

from hardway.model.cluster import API_PORT, ETCD_CLIENT_PORT, Cluster, EndpointKind, Machine
from hardway.model.options import DEFAULT_ISSUER, JWKS_PATH
from hardway.model.rows import Reread, Setting, quiet
from hardway.render.systemd import (
    NEVER_GIVE_UP,
    ONLINE,
    RESTARTS,
    Service,
    after,
    documentation,
    hardening,
)
from hardway.steps import encryption, tls
from hardway.steps.apiserver_files import ADMISSION, AUDIT_POLICY, AUTHENTICATION
from hardway.steps.reread import clients_reread_ca, reread_ca
from hardway.text import text

UNIT = "kube-apiserver.service"
USER = "kube-apiserver"
PKI = "/etc/kubernetes/pki"
OWN = f"{PKI}/kube-apiserver"
AUDIT_FOLDER = "/var/log/kubernetes"
AUDIT_FILES, AUDIT_FILE_MIB = 10, 100
"""Old audit logs that are kept, and the size of each."""
AUDIT_MIB = (AUDIT_FILES + 1) * AUDIT_FILE_MIB
SUITES_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
PAIR = ("crt", "key")
WATCHED = "Watched, and read each minute (apiserver/pkg/server/dynamiccertificates)."
DIALED = "Read at each handshake and every 5 minutes (client-go/transport/cert_rotation.go)."
NOTICED_S = {
    EndpointKind.VIP: 5,
    EndpointKind.PROXY: 5,
    EndpointKind.GIVEN: 35,
    EndpointKind.MADE: 35,
}
"""How long an endpoint may take to send clients elsewhere: haproxy 1 s and kube-proxy, which pods
come by, 2 s; a load balancer of others asks every 10 s and needs two or three answers."""


def service(cluster: Cluster, machine: Machine) -> Service:
    """Return the API server of one control plane."""
    return Service(
        name=UNIT,
        description="Kubernetes API server",
        why="The cluster's front door; nothing else talks to etcd.",
        command="/usr/local/bin/kube-apiserver",
        flags=(
            *_addresses(cluster, machine),
            *_admission(),
            *_stopping(cluster.endpoint.kind),
            *_serving(),
            *_etcd(),
            *_accounts(cluster),
            *_kubelets(),
            *_aggregation(),
            *_audit(),
        ),
        unit=(
            documentation("https://kubernetes.io/docs/"),
            ONLINE,
            after("network-online.target etcd.service", "It needs its address and etcd."),
            NEVER_GIVE_UP,
        ),
        service=(
            Setting("Type", "notify", "Ready means: it serves."),
            Setting("TimeoutStartSec", "infinity", "It waits for etcd's quorum."),
            quiet("LimitNOFILE", "65536", "Each client and each watch takes a descriptor."),
            *RESTARTS,
            *hardening(USER, writes=(AUDIT_FOLDER,)),
        ),
        reads=_reads(cluster),
        rereads=_rereads(cluster),
        # gRPC's pause between two tries grows to two minutes while etcd is away.
        server="etcd.service",
    )


def _reads(cluster: Cluster) -> tuple[str, ...]:
    return (
        f"{PKI}/etcd-ca.crt",
        f"{OWN}/service-account.key",
        f"{OWN}/service-account.pub",
        *(() if clients_reread_ca(cluster) else (f"{PKI}/ca.crt",)),
        AUDIT_POLICY,
        ADMISSION,
        # Read again, and refused where `anonymous` differs from what it was at the start.
        AUTHENTICATION,
        # Reloaded too, but only within a minute: after a restart it is certain which keys are used.
        encryption.PATH,
        "/usr/local/bin/kube-apiserver",
    )


def _rereads(cluster: Cluster) -> tuple[Reread, ...]:
    rows = (
        *((f"{OWN}/server.{part}", WATCHED) for part in PAIR),
        *((f"{OWN}/kubelet-client.{part}", DIALED) for part in PAIR),
        *((f"{OWN}/front-proxy-client.{part}", WATCHED) for part in PAIR),
        *((f"{OWN}/etcd-client.{part}", "Read at each handshake (etcd client/pkg/transport).")
          for part in PAIR),
        (f"{PKI}/front-proxy-ca.crt", WATCHED),
        # Its clients' CA is watched in all versions, kubelets' is read again since 1.36.
        *((row.path, row.why) for row in reread_ca(cluster, f"{PKI}/ca.crt")),
    )  # fmt: skip
    return tuple(Reread(path, why) for path, why in rows)


def _addresses(cluster: Cluster, machine: Machine) -> tuple[Setting, ...]:
    return (
        Setting("--advertise-address", str(machine.address),
                "Published as an endpoint of the Service `kubernetes`: pods come here."),
        Setting("--bind-address", str(machine.address),
                "Not on every address: the endpoint's address on this port is haproxy's."),
        quiet("--secure-port", str(API_PORT), "Where haproxy and clients on this machine come."),
        quiet("--service-cluster-ip-range", str(cluster.service_cidr),
              "Services get their addresses from this range: network.services in hardway.yaml."),
        Setting("--authorization-mode", "Node,RBAC",
                "A kubelet sees what concerns its own pods; all others what RBAC grants."),
        quiet("--authentication-config", AUTHENTICATION, "Which paths answer anonymous clients."),
        Setting("--allow-privileged", "true",
                "Agents of networks and storage are pods with all rights on their node; which "
                "namespaces may have such pods is for Pod Security to say."),
        Setting("--profiling", "false", "/debug/pprof tells much and costs much."),
    )  # fmt: skip


def _admission() -> tuple[Setting, ...]:
    return (
        Setting("--enable-admission-plugins", "NodeRestriction,DenyServiceExternalIPs",
                "A kubelet changes its own node and pods only. A Service may not claim addresses "
                "that are not the cluster's: its owner would get their traffic (CVE-2020-8554)."),
        Setting("--admission-control-config-file", ADMISSION,
                "Pod Security warns about pods that could take over their node."),
    )  # fmt: skip


def _stopping(endpoint: EndpointKind) -> tuple[Setting, ...]:
    return (
        Setting("--shutdown-delay-duration", f"{NOTICED_S[endpoint]}s",
                "Not ready but still serving: load balancers and kube-proxies have noticed when "
                "the listener closes, so that no request is lost."),
        Setting("--shutdown-watch-termination-grace-period", "2s",
                "Watches are ended too; without it a stop waits a minute for them."),
    )  # fmt: skip


def _serving() -> tuple[Setting, ...]:
    return (
        Setting("--client-ca-file", f"{PKI}/ca.crt",
                "A client is the one that a certificate signed by this CA names."),
        *tls.certificate(OWN, "Its names are all those that clients know the API by."),
        Setting("--tls-cipher-suites", ",".join((*SUITES_1_3, *tls.SUITES_1_2)), tls.SUITES_WHY),
    )  # fmt: skip


def _etcd() -> tuple[Setting, ...]:
    return (
        Setting("--etcd-servers", f"https://127.0.0.1:{ETCD_CLIENT_PORT}",
                "The member next door: they fall together, and the endpoint moves on. With all "
                "members here, requests hang on connections to a lost machine (docs/adr/0007)."),
        quiet("--etcd-cafile", f"{PKI}/etcd-ca.crt", "Only a member of this etcd is asked."),
        quiet("--etcd-certfile", f"{OWN}/etcd-client.crt", "etcd serves API servers only."),
        quiet("--etcd-keyfile", f"{OWN}/etcd-client.key", "The key of that certificate."),
        quiet("--encryption-provider-config", encryption.PATH,
              "Secrets are encrypted before etcd sees them."),
        Setting("--encryption-provider-config-automatic-reload", "true",
                "The file is read again within a minute, and a metric shows the digest of the one "
                "in use: keys can be changed without a restart."),
    )  # fmt: skip


def _accounts(cluster: Cluster) -> tuple[Setting, ...]:
    current, *accepted = cluster.options.issuers
    keys_at = _public_keys_at(cluster)
    return (
        Setting("--service-account-issuer", current,
                "The `iss` of pods' tokens; the same on all control planes."),
        *(Setting("--service-account-issuer", issuer,
                  "Tokens of a former issuer stay good until they end.") for issuer in accepted),
        *((Setting("--service-account-jwks-uri", keys_at,
                   "Where verifiers outside of the cluster find the public keys; without it at "
                   "this machine's address, which they do not reach."),)
          if keys_at else ()),
        quiet("--service-account-signing-key-file", f"{OWN}/service-account.key",
              "Signs pods' tokens."),
        Setting("--service-account-key-file", f"{OWN}/service-account.pub",
                "Checks tokens, its own and the other control planes'."),
        quiet("--api-audiences", DEFAULT_ISSUER, "Tokens for other audiences are refused here."),
        Setting("--service-account-extend-token-expiration", "false",
                "A pod's token is good for the hour it says; by default it would be a year, for "
                "clients of before 2021 that never read it again."),
    )  # fmt: skip


def _public_keys_at(cluster: Cluster) -> str | None:
    """Return the URL of the public keys as verifiers reach it; None leaves it to Kubernetes."""
    options, endpoint = cluster.options, cluster.endpoint
    # A proxy on every machine is at its own loopback.
    if options.jwks_uri or not options.public_discovery or endpoint.kind is EndpointKind.PROXY:
        return options.jwks_uri
    return endpoint.url + JWKS_PATH


def _kubelets() -> tuple[Setting, ...]:
    return (
        Setting("--kubelet-certificate-authority", f"{PKI}/ca.crt",
                "Without it any machine could pose as a node for logs and exec."),
        quiet("--kubelet-client-certificate", f"{OWN}/kubelet-client.crt",
              "kubelets serve logs and exec to API servers only."),
        quiet("--kubelet-client-key", f"{OWN}/kubelet-client.key", "The key of that certificate."),
        quiet("--kubelet-preferred-address-types", "InternalIP,Hostname",
              "The node's address first: it needs no DNS."),
    )  # fmt: skip


def _aggregation() -> tuple[Setting, ...]:
    return (
        Setting("--requestheader-client-ca-file", f"{PKI}/front-proxy-ca.crt",
                "A CA of its own: a client with one of its certificates may name another user."),
        quiet("--requestheader-allowed-names", "front-proxy-client",
              "Only certificates with this common name may."),
        quiet("--requestheader-extra-headers-prefix", "X-Remote-Extra-",
              "Headers with what else is known of the user; aggregated APIs expect this name."),
        quiet("--requestheader-group-headers", "X-Remote-Group",
              "The header with the user's groups; aggregated APIs expect this name."),
        quiet("--requestheader-username-headers", "X-Remote-User",
              "The header with the user's name; aggregated APIs expect this name."),
        quiet("--proxy-client-cert-file", f"{OWN}/front-proxy-client.crt",
              "What this API server shows to aggregated APIs."),
        quiet("--proxy-client-key-file", f"{OWN}/front-proxy-client.key",
              "The key of that certificate."),
        Setting("--enable-aggregator-routing", "true",
                "No kube-proxy runs here: webhooks and aggregated APIs are called by their pods' "
                "addresses, over the pod routes."),
    )  # fmt: skip


def _audit() -> tuple[Setting, ...]:
    return (
        quiet("--audit-policy-file", AUDIT_POLICY, "What is logged of which request."),
        quiet("--audit-log-path", f"{AUDIT_FOLDER}/audit.log", "Who asked for what, and when."),
        Setting("--audit-log-maxage", "30",
                "Days after which a file is deleted: what happened last month can be asked."),
        Setting("--audit-log-maxbackup", str(AUDIT_FILES),
                text("Files kept beside the current one: {mib} MiB at most on this disk.",
                     mib=AUDIT_MIB)),
        quiet("--audit-log-maxsize", str(AUDIT_FILE_MIB),
              "MiB after which a new file is begun: small enough to be read and copied."),
    )  # fmt: skip
