"""Errors of the API: who is not known, and who may not."""

from hardway.explain.catalogue.row import Cause, Error

ADMIN = (
    "Do not bind system:anonymous or system:unauthenticated to cluster-admin: then everybody who "
    "reaches the port owns the cluster."
)

ERRORS = (
    Error(
        name="kubelet-forbids",
        pattern=r"Forbidden \(user=(?P<user>[^,]+), verb=(?P<verb>\w+), "
        r"resource=(?P<resource>\w+), subresource(?:\(s\))?=(?P<part>[^)]*)\)",
        example="Error from server (Forbidden): Forbidden (user=kube-apiserver-kubelet-client, "
        "verb=get, resource=nodes, subresource(s)=[proxy]) ( pods/log web)",
        source="kubelet 1.37.2 (pkg/kubelet/server/server.go)",
        said_by="kubelet, through kube-apiserver, at kubectl logs and exec",
        means="kubelet knows who asks, {user}, and asked the API whether that user may {verb} "
        "{part} of nodes: it may not. The user is the CN of the certificate that kube-apiserver "
        "shows to kubelets.",
        causes=(
            Cause(
                "The ClusterRoleBinding hardway:kubelet-client is missing, or names another "
                "user than the certificate's CN.",
                "logs",
                "apiserver-to-kubelet",
            ),
            Cause(
                "With user=system:anonymous kube-apiserver showed no certificate: "
                "--kubelet-client-certificate is missing.",
                "kube-apiserver-flags",
                "apiserver-to-kubelet",
            ),
        ),
        avoid=(
            ADMIN,
            (
                "Do not set kubelet's authorization mode to AlwaysAllow: whoever reaches "
                "port 10250 would be root on the node."
            ),
        ),
        see="hardway kubectl get clusterrolebinding hardway:kubelet-client --output=yaml",
    ),
    Error(
        name="secret-not-decrypted",
        pattern=r"unable to transform key \"?(?P<key>[^\"\s:]+)"
        r"|no matching prefix found|invalid padding on input",
        example="Error from server (InternalError): Internal error occurred: unable to transform "
        'key "/registry/secrets/default/token": no matching prefix found',
        source="kube-apiserver 1.37.2 (storage/etcd3/store.go, encryptionconfig/config.go)",
        said_by="kube-apiserver, when a Secret is read",
        means="An object in etcd was encrypted with a key that this API server does not have. One "
        "such object is enough: lists fail.",
        causes=(
            Cause(
                "The control planes have different keys: reads fail on one of them only.",
                "encryption-key-same",
            ),
            Cause(
                "The key was made again, and old Secrets are of the former one.", "secrets-readable"
            ),
            Cause("--encryption-provider-config was removed.", "kube-apiserver-flags"),
        ),
        avoid=(
            (
                "Do not remove the encryption configuration: what is encrypted stays so, and "
                "nobody can read it then."
            ),
            (
                "Do not delete the Secrets in etcd before every copy of the key was looked for: "
                "they are gone for good."
            ),
        ),
        see="hardway unreadable",
    ),
    Error(
        name="token-refused",
        pattern=r"invalid bearer token|[Ii]nvalid signature|oidc: verify token"
        r"|service account token has (?:expired|been invalidated)",
        example='E1126 16:20:11.104512     612 authentication.go:76] "Unable to authenticate the '
        'request" err="[invalid bearer token, service account token has expired]"',
        source="kube-apiserver 1.37.2 (apiserver/pkg/endpoints/filters/authentication.go)",
        said_by="kube-apiserver, in its journal; the client reads 401 Unauthorized",
        means="A request had a token that this API server does not accept.",
        causes=(
            Cause(
                "The control planes have different service-account keys: a token that one "
                "signed is refused by another, so that a part of the requests fails.",
                "apiserver-ready",
                "pod-to-apiserver",
            ),
            Cause(
                "--service-account-issuer differs among control planes or was changed.",
                "kube-apiserver-flags",
                "pod-to-apiserver",
            ),
            Cause(
                "The token is over an hour old, and the program never read it again.",
                "apiserver-ready",
                "pod-to-apiserver",
            ),
        ),
        see="hardway kubectl get --raw=/openid/v1/jwks",
    ),
    Error(
        name="not-logged-in",
        pattern=r"You must be logged in to the server|asked for the client to provide credentials"
        r"|\"message\": \"Unauthorized\"|^Unauthorized$|\b401 Unauthorized",
        example="error: You must be logged in to the server (Unauthorized)",
        source="kubectl 1.37.2 with a token of no meaning",
        said_by="kubectl, or any client",
        means="The connection is fine; the server does not know who asks. That is 401; 403 would "
        "mean that it knows and refuses.",
        causes=(
            Cause(
                "The kubeconfig's client certificate has ended.",
                "admin-may-everything",
                "kubectl-to-apiserver",
            ),
            Cause(
                "The certificate is of another cluster's CA.",
                "admin-may-everything",
                "kubectl-to-apiserver",
            ),
            Cause(
                "The kubeconfig names a user without certificate or token.",
                "kubeconfig-server",
                "kubectl-to-apiserver",
            ),
        ),
        avoid=(ADMIN,),
        see="hardway kubectl auth whoami",
    ),
    Error(
        name="forbidden",
        pattern=r"User \"(?P<user>[^\"]+)\" cannot (?P<verb>\w+) resource \"(?P<resource>[^\"]+)\"",
        example='Error from server (Forbidden): secrets is forbidden: User "system:kube-proxy" '
        'cannot list resource "secrets" in API group "" in the namespace "kube-system"',
        source="kube-apiserver 1.37.2, asked as system:kube-proxy",
        said_by="kube-apiserver",
        means="The server knows who asks, {user}, and no role allows it to {verb} {resource}.",
        causes=(
            Cause("This user is not meant to: another one should ask.", "admin-may-everything"),
            Cause(
                "The name in the certificate (CN) or the group (O) is not the one in the binding.",
                "certificates-valid",
            ),
            Cause("The binding is missing.", "admin-may-everything"),
        ),
        avoid=(
            ADMIN,
            (
                "Do not bind a component to cluster-admin to silence it: its key then opens "
                "everything."
            ),
        ),
        see="hardway kubectl auth can-i --list --as=<USER>",
    ),
    Error(
        name="backend-not-reached",
        pattern=r"error dialing backend: (?P<why>.+)|unable to upgrade connection: (?P<upgrade>.+)",
        example="Error from server: error dialing backend: dial tcp: lookup ip-10-0-1-22 on "
        "10.0.0.2:53: server misbehaving",
        source="kube-apiserver 1.37.2 (apimachinery/pkg/util/proxy), with a name that is not known",
        said_by="kube-apiserver, at kubectl exec, attach and port-forward",
        means="kubectl reached the API server, and the API server did not reach the node's "
        "kubelet at port 10250.",
        causes=(
            Cause(
                "The control plane cannot resolve the worker's name.",
                "logs",
                "apiserver-to-kubelet",
            ),
            Cause(
                "Port 10250 is blocked, or kubelet does not run.",
                "kubelet-healthy",
                "apiserver-to-kubelet",
            ),
            Cause(
                "The certificate that kubelet shows is not of the CA in "
                "--kubelet-certificate-authority, or lacks the name.",
                "logs",
                "apiserver-to-kubelet",
            ),
        ),
        see="hardway kubectl get --raw=/api/v1/nodes/<WORKER>/proxy/healthz",
    ),
    Error(
        name="leader-lock",
        pattern=r"[Ee]rror (?:initially creating|retrieving) (?:lease|resource) lock"
        r"|leaderelection lost",
        example='E1126 16:20:11.104512     612 leaderelection.go:378] "Error retrieving lease '
        'lock" err="Get \\"https://10.240.0.10:6443/apis/coordination.k8s.io/v1\\": net/http: '
        'request canceled" lock="kube-system/kube-scheduler"',
        source="kube-scheduler 1.37.2 (client-go/tools/leaderelection)",
        said_by="kube-controller-manager and kube-scheduler",
        means="The component could not renew its lease. It stops working until it has one, so "
        "that two never work at once.",
        causes=(
            Cause(
                "The API server next door does not answer.",
                "apiserver-ready",
                "kube-scheduler-to-apiserver",
            ),
            Cause("etcd is slow or has no majority.", "etcd-member-healthy", "apiserver-to-etcd"),
        ),
        see="hardway kubectl get lease --namespace=kube-system",
    ),
    Error(
        name="metrics-missing",
        pattern=r"Metrics API not available",
        example="error: Metrics API not available",
        source="kubectl 1.37.2",
        said_by="kubectl top",
        means="No program serves the metrics API. The cluster is whole without it.",
        causes=(
            Cause(
                "metrics-server is not installed, or the API server does not reach its pod.",
                "endpoint-answers",
                "apiserver-to-aggregated-api",
            ),
        ),
        expected="Without metrics-server this is right: hardway installs none. Its manifests need "
        "no change, such as --kubelet-insecure-tls: it trusts the CA that signs for kubelets.",
        see="hardway kubectl get apiservices",
    ),
    Error(
        name="service-address-out-of-range",
        pattern=r"is not within (?:any (?:configured )?[Ss]ervice CIDR|the service CIDR)",
        example="the ClusterIP [IPv4]: 10.0.0.1 for Service kubernetes/default is not within any "
        "service CIDR; please recreate",
        source="kube-apiserver 1.37.2 (pkg/registry/core/service/ipallocator)",
        said_by="kube-apiserver, in its journal and as an event",
        means="A Service has an address of another range than the one that is configured.",
        causes=(
            Cause(
                "--service-cluster-ip-range was changed or left out after Services were made.",
                "kube-apiserver-flags",
                "pod-to-apiserver",
            ),
        ),
        see="hardway kubectl get services --all-namespaces",
    ),
    Error(
        name="no-resources",
        pattern=r"^No resources found",
        example="No resources found",
        source="kubectl 1.37.2",
        said_by="kubectl get",
        means="The API answered, and there is none. For nodes: no kubelet has registered yet.",
        causes=(
            Cause(
                "kubelet does not run; its journal says why (swap, a flag, a file).",
                "kubelet-healthy",
                "kubelet-to-apiserver",
            ),
            Cause("kubelet does not reach the API.", "endpoint-answers", "kubelet-to-apiserver"),
            Cause("You look in another namespace.", "admin-may-everything"),
        ),
        expected="Before the step workers there are no nodes, and in a new namespace no pods.",
        see="hardway verify workers",
    ),
)
