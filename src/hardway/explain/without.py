"""What breaks without a thing, in the words in which it is reported: rows by tag.

Connections say for themselves what stops without them; here is what no connection says.
"""

from collections.abc import Iterator

from hardway.explain.answer import Aspect, Point

WITHOUT: dict[str, str] = {
    # kube-apiserver
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
    # Files
    "file /etc/kubernetes/encryption.yaml": "kube-apiserver does not start: error reading "
    "encryption "
    "provider configuration file: no such file or directory. With another key on one control "
    "plane: unable to transform key.",
    "file /etc/kubernetes/audit-policy.yaml": "kube-apiserver does not start: no such file or "
    "directory.",
    "file /etc/kubernetes/authentication.yaml": "kube-apiserver does not start. With it empty, "
    "haproxy's question for /readyz is refused with 401, and no API server is in use.",
    "file /etc/kubernetes/admission.yaml": "kube-apiserver does not start: no such file or "
    "directory.",
    "file /etc/cni/net.d/10-pods.conflist": "The node stays NotReady: container runtime network "
    "not "
    "ready: cni plugin not initialized.",
    "file /etc/kubernetes/kubelet.yaml": "kubelet does not start: failed to load kubelet config "
    "file.",
    "file /etc/hosts": "Machines do not find each other by name: lookup worker-1: no such host.",
    "file /etc/hardway/network.sh": "Routes to other machines' pods are not put back: connect: no "
    "route to host.",
    "file /etc/hardway/masquerade.nft": "Pods reach each other, but no answer from outside finds "
    "its "
    "way back to them: i/o timeout.",
    "file /etc/etcd/first-start.env": "A member that starts for the first time finds no others.",
    # Units: what others see when the program does not run
    "unit kube-apiserver": "Clients of this API server report: connect: connection refused. "
    "haproxy "
    "passes them on to another one.",
    "unit kube-controller-manager": "Deployments make no pods, Services get no endpoints, dead "
    "nodes "
    "are not noticed; another control plane's takes over within 15 s.",
    "unit kube-scheduler": "New pods stay Pending and have no events; another control plane's "
    "takes "
    "over within 15 s.",
    "unit haproxy": "The endpoint moves to another control plane; with none left clients report: "
    "connect: connection refused.",
    "unit keepalived": "The endpoint's address is held by another control plane, or by none: no "
    "route "
    "to host.",
    "unit containerd": "No container starts on this worker: container runtime is down.",
    "unit kubelet": "The node turns NotReady after about 40 s; running containers go on.",
    "unit kube-proxy": "Services that exist go on as they were; new ones lead nowhere: i/o "
    "timeout.",
    "unit etcd": "The API server on this machine is not ready; with fewer than a majority of "
    "members: "
    "etcdserver: no leader.",
    "unit hardway-network": "A route that somebody removes stays away: connect: no route to host.",
    "unit hardway-host": "Kernel settings and modules are lost at the next boot.",
    "unit hardway-images": "CoreDNS and the pods' sandboxes have no image: ErrImageNeverPull, "
    "FailedCreatePodSandBox.",
    "unit hardway-probe": "Checks of the pod network cannot be made from this worker.",
    "CA front-proxy": "Aggregated APIs cannot tell the API server's requests from others': they "
    "answer 401 Unauthorized, and kubectl top says: Metrics API not available.",
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
