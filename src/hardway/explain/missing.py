"""What breaks without a file, a program, a port or a unit: rows by tag, as in `without`."""

MISSING: dict[str, str] = {
    # Files; that a program does not start without one is derived (`breaks`)
    "file /etc/haproxy/haproxy.cfg": "haproxy does not start: Cannot open configuration "
    "file/directory /etc/haproxy/haproxy.cfg : No such file or directory.",
    "file /etc/keepalived/keepalived.conf": "keepalived does not start: Config files missing "
    "'/etc/keepalived/keepalived.conf'.",
    "file /etc/containerd/config.toml": "containerd starts with its own defaults: other cgroups "
    "than kubelet's, and a sandbox image that it would have to download. Pods do not start: "
    "FailedCreatePodSandBox.",
    "file /etc/sysctl.d/zz-hardway.conf": "hardway-host fails: sysctl: cannot open "
    '"/etc/sysctl.d/zz-hardway.conf": No such file or directory. The settings go on until the '
    "next boot.",
    "file /etc/sysusers.d/hardway.conf": "hardway-host fails: Failed to open "
    "'/etc/sysusers.d/hardway.conf', ignoring: No such file or directory.",
    "file /etc/modules-load.d/hardway.conf": "Nothing until the next boot: then overlay and "
    "br_netfilter are loaded by nobody, and containers do not start.",
    "file /etc/hardway/probe-network.sh": "hardway-probe does not start: cannot open "
    "/etc/hardway/probe-network.sh: No such file.",
    "file /etc/hardway/probe.json": "hardway-probe does not start: cannot open "
    "/etc/hardway/probe.json: No such file.",
    "file /etc/netns/hardway-probe/resolv.conf": "The probe asks the node's resolvers, which "
    "know no Service: hardway verify reports pod-resolves.",
    "file /etc/kubernetes/pki/kube-controller-manager/service-account.key": "Where it leads, "
    "kube-controller-manager ends: error reading key for service account token controller.",
    "file /var/lib/etcd": "The data are lost. A member among others asks to be added again "
    "(member has already been bootstrapped); with the last one all objects are gone.",
    "file /var/log/kubernetes": "kube-apiserver does not start: Failed at step NAMESPACE "
    "spawning /usr/local/bin/kube-apiserver: No such file or directory (status=226/NAMESPACE).",
    "file /var/lib/kubelet": "kubelet makes it again, empty: volumes of the pods there are lost.",
    "file /etc/cni/net.d": "containerd finds no pod network: cni plugin not initialized.",
    "file /etc/iproute2/rt_addrprotos.d/keepalived.conf": "Nothing: keepalived writes it again.",
    "file /opt/containerd": "Nothing: it is empty, and containerd makes it again.",
    "file /usr/libexec/kubernetes": "Nothing: it is empty, and kubelet makes it again.",
    "file /run/containerd": "kubelet does not reach containerd: dial unix "
    "/run/containerd/containerd.sock: connect: no such file or directory.",
    "file /var/lib/cni": "host-local forgets which addresses pods have, and gives them a second "
    "time.",
    "file /var/lib/containerd": "All images and containers are gone: ErrImageNeverPull, until "
    "hardway-images has loaded them again.",
    "file /var/log/containers": "Collectors of logs find none; kubectl logs goes on.",
    "file /var/log/pods": "kubectl logs reads nothing of pods that run: failed to try resolving "
    'symlinks in path "/var/log/pods/…".',
    "file /usr/local/bin/etcdctl": "Neither people nor hardway can ask etcd: "
    "/usr/local/bin/etcdctl: not found. The cluster goes on.",
    "file /usr/local/bin/etcdutl": "Snapshots cannot be restored on this machine: "
    "/usr/local/bin/etcdutl: not found.",
    "file /usr/local/bin/ctr": "hardway-images loads no images: /usr/local/bin/ctr: not found.",
    "file /usr/local/bin/containerd-shim-runc-v2": "No pod starts: runtime "
    '"io.containerd.runc.v2" binary not installed "containerd-shim-runc-v2": file does not '
    "exist.",
    "file /usr/local/bin/hardway-probe": "hardway-probe does not start: setpriv: failed to "
    "execute /usr/local/bin/hardway-probe: No such file or directory.",
    "file /opt/cni/bin/bridge": "New pods stay ContainerCreating: failed to find plugin "
    '"bridge" in path [/opt/cni/bin].',
    "file /opt/cni/bin/host-local": "New pods stay ContainerCreating: failed to find plugin "
    '"host-local" in path [/opt/cni/bin].',
    "file /opt/cni/bin/portmap": "New pods stay ContainerCreating: failed to find plugin "
    '"portmap" in path [/opt/cni/bin].',
    "file /opt/hardway/images/pause.tar": "hardway-images fails at the next boot. If containerd "
    "has lost the image, no pod starts: FailedCreatePodSandBox.",
    "file /opt/hardway/images/coredns.tar": "hardway-images fails at the next boot. If "
    "containerd has lost the image, CoreDNS does not start: ErrImageNeverPull.",
    "file /opt/hardway/images/probe.tar": "hardway-images fails at the next boot. If containerd "
    "has lost the image, the smoke test cannot be made: ErrImageNeverPull.",
    "file /etc/kubernetes/encryption.yaml": "With another key on one control plane Secrets that "
    "the others wrote cannot be read there: unable to transform key.",
    "file /etc/kubernetes/authentication.yaml": "With it empty, haproxy's question for /readyz is "
    "refused with 401, and no API server is in use.",
    "file /etc/cni/net.d/10-pods.conflist": "The node stays NotReady: container runtime network "
    "not "
    "ready: cni plugin not initialized.",
    "file /etc/hosts": "Machines do not find each other by name: lookup worker-1: no such host.",
    "file /etc/hardway/network.sh": "Routes to other machines' pods are not put back: connect: no "
    "route to host.",
    "file /etc/hardway/masquerade.nft": "Pods reach each other, but no answer from outside finds "
    "its "
    "way back to them: i/o timeout.",
    "file /etc/etcd/first-start.env": "A member that starts for the first time finds no others.",
    # Ports that no connection of the cluster uses
    "port 2380": "With one control plane nothing: there is no other member.",
    "port 2381": "Nobody reads etcd's health and metrics without a certificate: connect: "
    "connection refused. The data are elsewhere.",
    "port 8404": "keepalived takes haproxy for dead, and another control plane takes the "
    "endpoint's address.",
    "port 10248": "hardway verify does not see whether kubelet is healthy: connect: connection "
    "refused. kubelet goes on.",
    "port 10249": "Scrapers get no metrics of kube-proxy: connect: connection refused. Services "
    "go on.",
    "port 10256": "Load balancers outside take the node for one that has no pods, and send it "
    "nothing.",
    "port 22": "hardway does not reach the machine: up and verify report that it does not "
    "answer. The cluster goes on.",
    "unit hardway-network.timer": "A route or rule that somebody removes stays away until the "
    "next hardway up.",
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
}
