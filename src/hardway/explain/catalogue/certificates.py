"""Errors of TLS: who does not believe whom, and why."""

from hardway.explain.catalogue.row import Cause, Error

SKIP = (
    "Do not switch verification off (--insecure-skip-tls-verify, curl --insecure): then anybody "
    "in between can pose as the server and read what you send."
)

ERRORS = (
    Error(
        name="etcd-rejected-client",
        pattern=r"rejected connection on (?P<side>client|peer) endpoint"
        r".*?error\"?[:=]\s*\"(?P<why>.+?)\"",
        example='{"level":"warn","ts":"2026-11-26T16:15:57.537258Z",'
        '"caller":"embed/config_logging.go:194","msg":"rejected connection on client endpoint",'
        '"remote-addr":"127.0.0.1:34936","server-name":"",'
        '"error":"tls: failed to verify certificate: x509: certificate signed by unknown '
        'authority"}',
        source="etcd 3.6.16, asked with a certificate of the kubernetes CA",
        said_by="etcd, in its journal",
        means="etcd ended a connection in the handshake: it did not accept the certificate that "
        "the {side} showed, or the other end did not accept etcd's. The remote address tells "
        "which machine it was. etcd's own reason: {why}.",
        causes=(
            Cause(
                "The client showed a certificate of another CA: etcd accepts only those of the "
                "etcd CA.",
                "etcd-member-healthy",
                "apiserver-to-etcd",
            ),
            Cause(
                "With “bad certificate” the other end refused: it does not trust etcd's "
                "certificate, or showed none.",
                "etcd-refuses-strangers",
                "etcdctl-to-etcd",
            ),
            Cause(
                "With “incompatible key usage” a server's certificate was shown where a "
                "client's is needed (peers need both).",
                "certificates-valid",
                "etcd-to-etcd",
            ),
        ),
        avoid=(
            "Do not remove --client-cert-auth: then whoever reaches the port reads every Secret.",
        ),
        see="hardway ssh <CONTROL_PLANE> -- journalctl --unit etcd --lines 20 --no-pager",
    ),
    Error(
        name="certificate-lacks-name",
        pattern=r"x509: certificate is valid for (?P<names>[^\n\"]+?), not (?P<dialed>[^\s\"]+)",
        example="Unable to connect to the server: tls: failed to verify certificate: x509: "
        "certificate is valid for 10.240.0.10, 10.240.0.11, 10.240.0.12, 127.0.0.1, 10.240.0.100, "
        "10.32.0.1, not 10.0.0.1",
        source="kubectl 1.37.2 with --tls-server-name=10.0.0.1",
        said_by="the client: kubectl, kubelet, CoreDNS, kube-apiserver",
        means="The client dialed {dialed}. The server's certificate is signed by the right CA, but "
        "{dialed} is not among the names in it ({names}). A client compares what it dialed with "
        "those names, and nothing else.",
        causes=(
            Cause(
                "The client's address of the server is wrong: another endpoint in a kubeconfig, "
                "a typo, an old load balancer.",
                "kubeconfig-server",
                "kubectl-to-apiserver",
            ),
            Cause(
                "The name is missing in the certificate: a load balancer or DNS name that was "
                "added later. In hardway.yaml it belongs into endpoint.sans.",
                "endpoint-answers",
                "kubectl-to-apiserver",
            ),
            Cause(
                "If {dialed} is the first address of a Service range: kube-apiserver runs "
                "without --service-cluster-ip-range or with another one than the certificate "
                "was issued for.",
                "pod-reaches-service",
                "pod-to-apiserver",
            ),
        ),
        avoid=(SKIP,),
        see="openssl s_client -connect <ENDPOINT>:<PORT> </dev/null 2>/dev/null | "
        "openssl x509 -noout -ext subjectAltName",
    ),
    Error(
        name="certificate-without-addresses",
        pattern=r"x509: cannot validate certificate for (?P<dialed>\S+) because it doesn't contain "
        r"any IP SANs",
        example='Error from server: Get "https://10.240.0.20:10250/containerLogs/default/web/nginx'
        '": tls: failed to verify certificate: x509: cannot validate certificate for 10.240.0.20 '
        "because it doesn't contain any IP SANs",
        source="Go's crypto/x509 (verify.go, HostnameError), as kube-apiserver wraps it",
        said_by="the client; for kubectl logs and exec that is kube-apiserver",
        means="The client dialed the address {dialed}, and the server's certificate names no "
        "address at all, only DNS names or nothing.",
        causes=(
            Cause(
                "A certificate of a node without the node's address: the tutorial's have the "
                "host name only.",
                "logs",
                "apiserver-to-kubelet",
            ),
            Cause(
                "kubelet made itself a certificate because tlsCertFile is not set.",
                "kubelet-flags",
                "apiserver-to-kubelet",
            ),
        ),
        avoid=(SKIP,),
        see="hardway ssh <WORKER> -- openssl x509 -noout -ext subjectAltName -in "
        "/etc/kubernetes/pki/kubelet/server.crt",
    ),
    Error(
        name="certificate-of-other-name",
        pattern=r"x509: certificate is not valid for any names, but wanted to match (?P<dialed>\S+)"
        r"|no alternative certificate subject name matches target host name '(?P<host>[^']+)'",
        example="curl: (60) SSL: no alternative certificate subject name matches target host name "
        "'nonesuch'",
        source="curl 7.88 on a control plane, at another name than the certificate has",
        said_by="the client: curl, kubectl, kubelet",
        means="The certificate of the server does not have the name that the client dialed.",
        causes=(
            Cause(
                "The client dials by a name that nobody asked for when the certificate was issued.",
                "kubeconfig-server",
                "kubectl-to-apiserver",
            ),
            Cause(
                "The name leads to another machine than you think: /etc/hosts, DNS.",
                "hardway-host-runs",
            ),
        ),
        avoid=(SKIP,),
        see="openssl s_client -connect <ENDPOINT>:<PORT> </dev/null 2>/dev/null | "
        "openssl x509 -noout -ext subjectAltName",
    ),
    Error(
        name="certificate-of-unknown-authority",
        pattern=r"x509: certificate signed by unknown authority"
        r"|unable to get local issuer certificate|self-signed certificate in certificate chain",
        example="Unable to connect to the server: tls: failed to verify certificate: x509: "
        "certificate signed by unknown authority",
        source="kubectl 1.37.2 with the etcd CA as --certificate-authority",
        said_by="the end that checks: mostly the client; a server says it of a client's "
        "certificate",
        means="The certificate that the other end showed is not signed by the CA that this end was "
        "given. Both certificates may be perfect; they belong to different CAs.",
        causes=(
            Cause(
                "The CA was made again, and not every file has the new one: kubeconfigs and "
                "certificates of before do not fit any more.",
                "certificates-valid",
                "kubectl-to-apiserver",
            ),
            Cause(
                "The flag or setting names another CA's file: this cluster has three CAs, and "
                "etcd's certificates are checked with etcd's alone.",
                "kube-apiserver-flags",
                "apiserver-to-etcd",
            ),
            Cause(
                "The address leads to another cluster, or to a proxy that ends TLS.",
                "endpoint-answers",
                "kubectl-to-apiserver",
            ),
        ),
        avoid=(SKIP, "Do not make a new CA to get rid of it: then nothing fits any more."),
        see="hardway certs",
    ),
    Error(
        name="certificate-out-of-time",
        pattern=r"x509: certificate has expired or is not yet valid"
        r"(?:: current time (?P<now>\S+) is (?P<side>after|before) (?P<limit>[^\s\"]+))?",
        example='E1126 16:20:11.104512     612 authentication.go:75] "Unable to authenticate the '
        'request" err="[x509: certificate has expired or is not yet valid: current time '
        "2027-11-27T08:00:00Z is after 2027-11-26T15:37:00Z, verifying certificate "
        "SN=1234, SKID=, AKID= failed: x509: certificate has expired or is not yet valid: current "
        'time 2027-11-27T08:00:00Z is after 2027-11-26T15:37:00Z]"',
        source="Go's crypto/x509 (verify.go), as kube-apiserver logs it",
        said_by="the end that checks",
        means="The certificate is not valid now. “after” means that it has ended, “before” that "
        "its time has not begun by this machine's clock.",
        causes=(
            Cause(
                "The certificate has ended: this cluster's last a year, those for people less.",
                "certificates-valid",
            ),
            Cause(
                "The certificate was renewed, and the process still has the old one in memory.",
                "certificates-valid",
            ),
            Cause(
                "The clock of one machine is wrong; “before” is nearly always that.",
                "machine-answers",
            ),
        ),
        avoid=("Do not set the clock back: other certificates and leases are judged by it too.",),
        see="hardway certs",
    ),
    Error(
        name="certificate-for-other-use",
        pattern=r"x509: certificate specifies an incompatible key usage",
        example='"msg":"rejected connection","error":"tls: failed to verify certificate: x509: '
        'certificate specifies an incompatible key usage"',
        source="etcd 3.6.16, asked with its own server certificate",
        said_by="the end that checks",
        means="The certificate is signed by the right CA and is shown at the wrong end: one for "
        "servers (serverAuth) by a client, or one for clients (clientAuth) by a server.",
        causes=(
            Cause(
                "A flag names the other certificate of the same program: --etcd-certfile must "
                "name a client's, --cert-file a server's.",
                "kube-apiserver-flags",
                "apiserver-to-etcd",
            ),
            Cause(
                "etcd's peer certificate has one usage only: members are servers and clients "
                "of each other.",
                "etcd-one-leader",
                "etcd-to-etcd",
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- openssl x509 -noout -ext extendedKeyUsage -in "
        "/etc/kubernetes/pki/kube-apiserver/etcd-client.crt",
    ),
)
