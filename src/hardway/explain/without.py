"""What breaks without a thing, in the words in which it is reported: rows by tag.

Connections say for themselves what stops without them; here is what no connection says.
"""

from collections.abc import Iterator

from hardway.explain.answer import Aspect, Point
from hardway.explain.missing import MISSING
from hardway.explain.unset import UNSET

WITHOUT: dict[str, str] = {
    **MISSING,
    **UNSET,
    # kube-apiserver
    "--kubelet-certificate-authority": "kube-apiserver believes every server that answers at a "
    "node's address, whatever certificate it shows.",
    "--kubelet-client-certificate": "kube-apiserver cannot prove itself to kubelets: Forbidden "
    "(user=system:anonymous, verb=get, resource=nodes).",
    "--requestheader-client-ca-file": "Aggregated APIs cannot tell the API server's requests from "
    "others': they answer 401 Unauthorized.",
    "--proxy-client-cert-file": "The API server shows aggregated APIs no certificate: they answer "
    "401 Unauthorized, and kubectl top says: Metrics API not available.",
    "--authentication-config": "Anonymous clients are known at every path: only RBAC stops them.",
    "--profiling": "The program serves /debug/pprof: whoever may ask there reads what it has in "
    "memory.",
    "--admission-control-config-file": "Pod Security takes its own defaults and warns about no "
    "pod.",
    "--shutdown-delay-duration": "A stop closes the listener at once: clients that haproxy "
    "still sends there read connection refused.",
    "--shutdown-watch-termination-grace-period": "A stop waits for open watches, up to a minute.",
    "--tls-min-version": "Nothing today: TLS 1.2 is the default of these versions. With 1.0 "
    "clients get in by protocols with known weaknesses.",
    "--tls-cipher-suites": "The program takes Go's own list, which the next release may change.",
    "--encryption-provider-config-automatic-reload": "A new key counts here from the next start "
    "only. Until then Secrets that others wrote with it cannot be read here: no matching prefix "
    "found.",
    "--api-audiences": "Nothing: the default is the issuer, which is the same. With another "
    "value pods read 401 Unauthorized, and the API server logs: token audiences … is invalid for "
    "the target audiences.",
    "--service-account-extend-token-expiration": "A stolen token of a pod is good for a year.",
    "--service-account-jwks-uri": "Verifiers outside of the cluster are sent to this machine's "
    "address, which they do not reach: i/o timeout.",
    "--kubelet-preferred-address-types": "The API server dials nodes by their host names first: "
    "where none resolves them, kubectl logs says: lookup worker-0: no such host.",
    "--requestheader-allowed-names": "Every certificate that the front-proxy CA has signed may "
    "name any user.",
    "--requestheader-extra-headers-prefix": "Aggregated APIs do not learn what else is known of "
    "the user.",
    "--requestheader-group-headers": "Aggregated APIs know the user and none of the groups: "
    "Error from server (Forbidden).",
    "--requestheader-username-headers": "Aggregated APIs do not learn who asks: they answer 401 "
    "Unauthorized.",
    "--proxy-client-key-file": "The API server shows aggregated APIs no certificate: they "
    "answer 401 Unauthorized, and kubectl top says: Metrics API not available.",
    "--enable-aggregator-routing": "The API server calls webhooks at their Service's address, "
    "which leads nowhere on a control plane: failed calling webhook … context deadline exceeded.",
    "--audit-log-maxage": "Old files stay until there are more than --audit-log-maxbackup allows.",
    "--audit-log-maxbackup": "Files stay until they are as old as --audit-log-maxage allows: a "
    "busy cluster fills the disk (no space left on device).",
    "--audit-log-maxsize": "Nothing: the default is 100 MiB too.",
    "--service-cluster-ip-range": "Services get addresses of the default range 10.0.0.0/24, whose "
    "first address is in no certificate. Pods then report: x509: certificate is valid for "
    "10.32.0.1, not 10.0.0.1. kube-controller-manager must have the same range.",
    "--authorization-mode": "Without it every client that is known may do everything "
    "(AlwaysAllow). Without Node kubelets report: nodes is forbidden.",
    "--encryption-provider-config": "New Secrets are in clear text in etcd, and those that are "
    "encrypted cannot be read: unable to transform key: no matching prefix found.",
    "--enable-admission-plugins": "Without NodeRestriction one leaked kubelet key may relabel and "
    "taint every node and so draw pods, with their Secrets, to itself.",
    "--service-account-issuer": "kube-apiserver does not start: service-account-issuer is a "
    "required flag. If it differs among control planes, a part of all pods' requests reads 401 "
    "Unauthorized.",
    "--service-account-signing-key-file": "kube-apiserver does not start. If the keys differ among "
    "control planes, tokens that one has signed are refused by another: invalid bearer token.",
    "--service-account-key-file": "Tokens cannot be checked: Unable to authenticate the request, "
    "invalid bearer token.",
    "--advertise-address": "The Service `kubernetes` leads to an address that pods do not reach: "
    "dial tcp 10.32.0.1:443: i/o timeout.",
    "--bind-address": "The program listens at every address, and the endpoint's port is taken: "
    "listen tcp: bind: address already in use.",
    "--secure-port": "Clients dial a port where nobody listens: connect: connection refused.",
    "--allow-privileged": "Pods of network and storage agents are refused: privileged containers "
    "are disallowed.",
    "--tls-cert-file": "The program makes a certificate of its own at each start, and clients "
    "report: x509: certificate signed by unknown authority.",
    "--tls-private-key-file": "The program does not start: tls: private key does not match public "
    "key, or: no such file or directory.",
    "--audit-policy-file": "Nothing is logged of who did what.",
    "--audit-log-path": "Nothing is logged of who did what.",
    "--etcd-keyfile": "kube-apiserver cannot prove itself to etcd: tls: certificate required.",
    "--kubelet-client-key": "kube-apiserver cannot prove itself to kubelets: Forbidden "
    "(user=system:anonymous, verb=get, resource=nodes).",
    # kube-controller-manager and kube-scheduler
    "--authentication-kubeconfig": "The program cannot ask who a client is: scrapers of "
    "/metrics read 401 Unauthorized.",
    "--authorization-kubeconfig": "The program cannot ask what a client may do: scrapers of "
    "/metrics read 403 Forbidden.",
    "--leader-elect-lease-duration": "Nothing: the default is 15 s too. If it is not longer "
    "than --leader-elect-renew-deadline, the program stops: leaseDuration must be greater than "
    "renewDeadline.",
    "--kube-api-qps": "With upstream's 20 requests a second the controllers begin 5 s later, at "
    "a takeover too.",
    "--kube-api-burst": "With upstream's 30 at once the controllers wait for each other at the "
    "start.",
    "--allocate-node-cidrs": "Nothing: the default is false too, and the controller that would "
    "do it is off (--controllers).",
    "--controllers": "Nothing: the controllers that it switches off find no CA key and no range "
    "to give.",
    "--node-monitor-period": "A node that has just become ready may get no pods for 5 s: the taint "
    "node.kubernetes.io/not-ready stays until the next look.",
    "--terminated-pod-gc-threshold": "12500 finished pods stay in etcd, and lists of all pods "
    "become slow.",
    "--root-ca-file": "Pods get no ca.crt, and cannot check the API server: x509: certificate "
    "signed by unknown authority.",
    "--service-account-private-key-file": "Secrets of type service-account-token stay empty; "
    "tokens of pods are the API server's and go on.",
    "--use-service-account-credentials": "All controllers act as one user with all their rights "
    "together.",
    "--cluster-cidr": "Nodes get no pod range of this cluster's.",
    "--leader-elect": "Each control plane runs the loops at once, and they undo each other's work.",
    "--kubeconfig": "The program finds no API and does not start: invalid configuration: no "
    "configuration has been provided.",
    # etcd
    "--peer-trusted-ca-file": "With one member nothing. Among several etcd looks for the CA of the "
    "others among the machine's own: x509: certificate signed by unknown authority.",
    "--name": "At its very first start the member calls itself `default` and stops: couldn't "
    'find local name "default" in the initial cluster configuration.',
    "--advertise-client-urls": "etcd does not start: --advertise-client-urls is required when "
    "--listen-client-urls is set explicitly.",
    "--listen-metrics-urls": "Health and metrics are at the port of the data only, for which a "
    "certificate is required: curl: (7) Failed to connect to 127.0.0.1 port 2381.",
    "--key-file": "etcd does not start: KeyFile and CertFile must both be present.",
    "--peer-key-file": "etcd does not start: KeyFile and CertFile must both be present.",
    "--enable-grpc-gateway": "etcd dials itself every few seconds with a certificate that is no "
    "client's, and logs each time: x509: certificate specifies an incompatible key usage.",
    "--quota-backend-bytes": "The default of 2 GiB is reached sooner; then no write is taken: "
    "etcdserver: mvcc: database space exceeded.",
    "--auto-compaction-mode": "Nothing: the default is periodic too.",
    "--auto-compaction-retention": "etcd compacts nothing by itself; only the API server's own "
    "compaction, each five minutes, keeps the database small.",
    "--heartbeat-interval": "Nothing: the default is 100 ms too. If --election-timeout is less "
    "than five times as long, etcd does not start: --election-timeout[1000ms] should be at least "
    "as 5 times as --heartbeat-interval[300ms].",
    "--election-timeout": "Nothing: the default is 1000 ms too. If it is less than five "
    "heartbeats, etcd does not start: --election-timeout[1000ms] should be at least as 5 times "
    "as --heartbeat-interval[300ms].",
    "--snapshot-count": "Nothing: the default is the same. With more the log takes more memory; "
    "with less a member that was away gets the whole database again.",
    "etcd --feature-gates": "A member with other data than the others starts and serves them: "
    "API servers give different answers, and nothing says why.",
    "--client-cert-auth": "Every client that reaches the port reads and writes all data, every "
    "Secret included.",
    "--peer-client-cert-auth": "Every machine that reaches port 2380 may pose as a member.",
    "--peer-cert-file": "Members refuse each other: rejected connection on peer endpoint; "
    "etcdserver: no leader.",
    "--data-dir": "etcd begins with an empty database elsewhere: the cluster seems to have "
    "forgotten everything, or etcd reports: member has already been bootstrapped.",
    "--initial-cluster": "At its very first start a member finds no others: couldn't find local "
    "name in the initial cluster configuration.",
    "--initial-advertise-peer-urls": "etcd does not start for the first time: --initial-cluster "
    "has … but missing from --initial-advertise-peer-urls.",
    "--listen-client-urls": "kube-apiserver reports: dial tcp 127.0.0.1:2379: connect: connection "
    "refused.",
    "--listen-peer-urls": "The other members do not reach this one; with too few of them: "
    "etcdserver: no leader.",
    # kubelet, kube-proxy, containerd
    "kubelet --config": "kubelet takes the defaults of its flags: anonymous clients may run "
    "commands in pods (AlwaysAllow), and pods know no DNS.",
    "--node-ip": "kubelet takes the address of the default route. Where that is not the "
    "cluster's, kubectl logs says: dial tcp …:10250: i/o timeout.",
    "kube-proxy --config": "kube-proxy does not start: unable to load in-cluster configuration, "
    "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined.",
    "kubelet.yaml clusterDNS": "Pods ask the node's resolvers, which know no Service: can't find "
    "kubernetes.default: NXDOMAIN.",
    "kubelet.yaml clusterDomain": "Short names such as `web.default` are not completed: NXDOMAIN.",
    "kubelet.yaml cgroupDriver": "If it is not containerd's, pods do not start: expected "
    'cgroupsPath to be of format "slice:prefix:name" for systemd cgroups.',
    "kubelet.yaml resolvConf": "If the file names a stub on the node itself, CoreDNS stops: Loop "
    "(127.0.0.1 -> :53) detected for zone.",
    "kubelet.yaml authorization": "With AlwaysAllow everybody whom kubelet knows may run commands "
    "in its pods.",
    "kubelet.yaml failSwapOn": "kubelet does not start on a machine that swaps: running with swap "
    "on is not supported.",
    "kubelet.yaml containerRuntimeEndpoint": "kubelet does not find containerd: container runtime "
    "is down.",
    "--hostname-override": "The program takes the machine's host name. If that is not the node's "
    "name, it looks for another node: node not found.",
    "net.ipv4.ip_forward": "The kernel drops packets that are not for the machine itself: pods on "
    "other nodes and NodePorts time out (i/o timeout).",
    "net.bridge.bridge-nf-call-iptables": "A Service fails where client and pod are on one node: "
    "the answer passes the bridge without being translated back. DNS then works on some nodes "
    "only.",
    "net.ipv4.ip_nonlocal_bind": "haproxy does not start on control planes that do not hold the "
    "endpoint: bind: cannot assign requested address.",
    # Certificates that no connection of a small cluster uses
    "certificate etcd-peer": "With one control plane there is no other member to check it. etcd "
    "still names the file and does not start without it: no such file or directory.",
    "certificate apiserver-kubelet-client": "Without workers there is no kubelet to check it. "
    "kube-apiserver still names the file and does not start without it: no such file or directory.",
    "certificate front-proxy-client": "Without workers there is no aggregated API to check it. "
    "kube-apiserver still names the file and does not start without it: no such file or directory.",
    # Steps
    "step etcd": "Nothing that comes later starts: the API server waits for etcd.",
    "step certificates": "No program starts: each names a certificate or a CA that is missing.",
    "step pod-network": "Nodes stay NotReady: cni plugin not initialized.",
    "step dns": "Pods resolve no names: no servers could be reached.",
    # Identities and objects
    "kube-apiserver-kubelet-client": "kubectl logs and exec fail: Forbidden "
    "(user=kube-apiserver-kubelet-client, verb=get, resource=nodes, subresource(s)=[proxy]).",
    "ClusterRoleBinding/hardway:kubelet-client": "kubectl logs and exec fail: Forbidden "
    "(user=kube-apiserver-kubelet-client, verb=get, resource=nodes, subresource(s)=[proxy]).",
    "ClusterRoleBinding/hardway:admins": "People are known and may do nothing: Error from server "
    "(Forbidden). The break-glass kubeconfig still works.",
    "Deployment/kube-system/coredns": "Pods resolve no names: no servers could be reached.",
    "Service/kube-system/kube-dns": "Pods ask an address that leads nowhere: no servers could be "
    "reached.",
    "ConfigMap/kube-system/coredns": "CoreDNS does not start, and pods resolve no names.",
    "loopback": "Nothing works without it: programs on the machine reach each other by it.",
    "pod network": "The bridge has no address: pods there have no way off their node.",
}


def points(tags: tuple[str, ...], own: tuple[Point, ...]) -> Iterator[Point]:
    """Yield what the table says of the closest tag, where nothing closer is said already."""
    if any(point.aspect is Aspect.WITHOUT for point in own if point):
        return
    said = next((WITHOUT[tag] for tag in tags if tag in WITHOUT), "")
    yield Point(Aspect.WITHOUT, (said,) if said else ())
