"""Errors of handshakes: a key, a certificate or TLS itself is missing, or is refused."""

from hardway.explain.catalogue.certificates import SKIP
from hardway.explain.catalogue.row import Cause, Error

ERRORS = (
    Error(
        name="key-of-other-certificate",
        pattern=r"tls: private key does not match public key",
        example='E1126 16:14:56.060775    7112 run.go:72] "command failed" err="tls: private key '
        'does not match public key"',
        source="kube-apiserver 1.37.2 with another certificate's key",
        said_by="the program that starts with these two files",
        means="The certificate and the key are not a pair. The program does not start.",
        causes=(
            Cause(
                "One of the two files was replaced and the other was not: an interrupted copy.",
                "certificates-valid",
            ),
            Cause("The two flags name files of different certificates.", "kube-apiserver-flags"),
        ),
        see="hardway ssh <CONTROL_PLANE> -- 'cd /etc/kubernetes/pki/kube-apiserver && openssl "
        "x509 -noout -pubkey -in server.crt | sha256sum && openssl pkey -pubout -in server.key | "
        "sha256sum'",
    ),
    Error(
        name="certificate-missing",
        pattern=r"tls: certificate required|alert certificate required"
        r"|tls: client didn't provide a certificate",
        example="curl: (56) OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL "
        "routines::tlsv13 alert certificate required, errno 0",
        source="curl 7.88 at etcd 3.6.16, without a certificate",
        said_by="the client: the server has told it so",
        means="The server asks for a client certificate, and the client showed none.",
        causes=(
            Cause(
                "The command has no certificate: etcdctl and curl need --cert and --key.",
                "etcd-refuses-strangers",
                "etcdctl-to-etcd",
            ),
            Cause(
                "kube-apiserver has no --etcd-certfile.",
                "kube-apiserver-flags",
                "apiserver-to-etcd",
            ),
        ),
        expected="At etcd's client port this is right: it shows that etcd refuses strangers.",
        avoid=("Do not remove --client-cert-auth of etcd: its data is all of the cluster's.",),
        see="hardway verify etcd",
    ),
    Error(
        name="certificate-not-accepted",
        pattern=r"remote error: tls: (?P<why>unknown certificate authority|bad certificate)"
        r"|alert (?P<alert>unknown ca|bad certificate)",
        example="Error while dialing: error reading server preface: remote error: tls: unknown "
        "certificate authority",
        source="etcdctl 3.6.16 with a certificate of the kubernetes CA",
        said_by="the end whose certificate was refused; “remote error” is what the other end said",
        means="The other end refused the certificate that this end showed. What it holds against "
        "it stands in the other end's journal.",
        causes=(
            Cause(
                "The certificate is of another CA than the other end trusts.",
                "certificates-valid",
                "apiserver-to-etcd",
            ),
            Cause(
                "It is a server's certificate where a client's is needed.",
                "etcd-member-healthy",
                "etcd-to-etcd",
            ),
            Cause("The other end was given another CA file.", "etcd-flags", "apiserver-to-kubelet"),
        ),
        avoid=(SKIP,),
        see="hardway ssh <CONTROL_PLANE> -- journalctl --unit etcd --unit kube-apiserver "
        "--lines 30 --no-pager",
    ),
    Error(
        name="server-without-certificate",
        pattern=r"remote error: tls: internal error",
        example='Error from server: Get "https://10.240.0.21:10250/containerLogs/default/web/nginx'
        '": remote error: tls: internal error',
        source="kubelet that waits for its serving certificate, as reported for the tutorial",
        said_by="kube-apiserver, at kubectl logs and exec",
        means="The server was reached and has no certificate to show yet.",
        causes=(
            Cause(
                "kubelet asked for a certificate (serverTLSBootstrap), and nobody has approved "
                "its signing request.",
                "no-requests-unsigned",
                "apiserver-to-kubelet",
            ),
        ),
        see="hardway kubectl get certificatesigningrequests",
    ),
    Error(
        name="plain-text-at-a-tls-port",
        pattern=r"first record does not look like a TLS handshake"
        r"|server gave HTTP response to HTTPS client|Client sent an HTTP request to an HTTPS server"
        r"|error reading server preface: EOF",
        example='"msg":"rejected connection","error":"tls: first record does not look like a TLS '
        'handshake"',
        source="etcd 3.6.16, asked by http://",
        said_by="the end that expects TLS",
        means="One end speaks TLS and the other does not: http where https belongs, or the other "
        "way round.",
        causes=(
            Cause(
                "The URL begins with http:// in place of https://.",
                "kubeconfig-server",
                "kubectl-to-apiserver",
            ),
            Cause(
                "The port belongs to something else: 2381 is etcd's without TLS, 2379 the one "
                "with TLS.",
                "etcd-flags",
                "etcdctl-to-etcd",
            ),
            Cause(
                "A proxy or load balancer ends TLS before the server.",
                "endpoint-answers",
                "haproxy-to-apiserver",
            ),
        ),
        see="openssl s_client -connect <ENDPOINT>:<PORT> </dev/null",
    ),
)
