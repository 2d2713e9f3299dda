"""Errors of machines that do not become nodes, or do not stay ready."""

from hardway.explain.catalogue.row import Cause, Error

RESTRICTION = (
    "Do not remove NodeRestriction or bind system:nodes to cluster-admin: then each node may "
    "read every Secret and change every other node."
)

ERRORS = (
    Error(
        name="node-not-its-own",
        pattern=r"node \"(?P<node>[^\"]+)\" is not allowed to modify node \"(?P<other>[^\"]+)\""
        r"|node '(?P<reader>[^']+)' cannot read '(?P<read>[^']+)', only its own Node object",
        example='Error from server (Forbidden): nodes "worker-0" is forbidden: User '
        '"system:node:worker-9" cannot get resource "nodes" in API group "" at the cluster scope: '
        "node: node 'worker-9' cannot read 'worker-0', only its own Node object",
        source="kube-apiserver 1.37.2, asked as system:node:worker-9",
        said_by="kube-apiserver, in kubelet's journal",
        means="kubelet registers under one name, and its certificate says another. A node may "
        "read and write itself only; the name is the one in the certificate's CN.",
        causes=(
            Cause(
                "The CN of kubelet's certificate is not system:node: and the machine's own name.",
                "node-ready",
                "kubelet-to-apiserver",
            ),
            Cause(
                "The machine has another host name than its certificate was made for (AWS: "
                "ip-10-0-1-21).",
                "node-ready",
                "kubelet-to-apiserver",
            ),
            Cause(
                "A kubeconfig was copied from another worker.",
                "kubeconfig-server",
                "kubelet-to-apiserver",
            ),
        ),
        avoid=(RESTRICTION,),
        see="hardway ssh <WORKER> -- 'hostname; openssl x509 -noout -subject -in "
        "/etc/kubernetes/pki/kubelet/client.crt'",
    ),
    Error(
        name="node-unknown",
        pattern=r"unknown node for user \"(?P<user>[^\"]*)\"",
        example='Error from server (Forbidden): nodes "worker-0" is forbidden: User "system:node:" '
        'cannot get resource "nodes" in API group "" at the cluster scope: node: unknown node for '
        'user "system:node:"',
        source="kube-apiserver 1.37.2, asked as system:node:",
        said_by="kube-apiserver, in kubelet's journal",
        means="The certificate says {user}: the part behind system:node: is not the name of a "
        "node.",
        causes=(
            Cause(
                "A variable with the name was empty when the certificate was made.",
                "certificates-valid",
                "kubelet-to-apiserver",
            ),
            Cause(
                "The group system:nodes (O) is there, and the user (CN) is not a node's.",
                "certificates-valid",
                "kubelet-to-apiserver",
            ),
        ),
        avoid=(RESTRICTION,),
        see="hardway ssh <WORKER> -- openssl x509 -noout -subject -in "
        "/etc/kubernetes/pki/kubelet/client.crt",
    ),
    Error(
        name="node-not-registered",
        pattern=r"Unable to register node with API server|node \"(?P<node>[^\"]+)\" not found",
        example='E1126 16:20:11.104512     612 kubelet_node_status.go:108] "Unable to register '
        'node with API server" err="nodes \\"ip-10-0-1-21\\" is forbidden" node="ip-10-0-1-21"',
        source="kubelet 1.37.2 (pkg/kubelet/kubelet_node_status.go)",
        said_by="kubelet, in its journal",
        means="kubelet runs and could not write its Node object. The reason stands behind err.",
        causes=(
            Cause("The API is out of reach.", "endpoint-answers", "kubelet-to-apiserver"),
            Cause(
                "The name in the certificate is not the node's.",
                "node-ready",
                "kubelet-to-apiserver",
            ),
        ),
        avoid=(RESTRICTION,),
        see="hardway ssh <WORKER> -- journalctl --unit kubelet --lines 20 --no-pager",
    ),
    Error(
        name="swap-is-on",
        pattern=r"running with swap on is not supported",
        example='E1126 16:20:11.104512     612 run.go:72] "command failed" err="failed to run '
        "Kubelet: running with swap on is not supported, please disable swap or set "
        '--fail-swap-on flag to false"',
        source="kubelet 1.37.2 (pkg/kubelet/cm/container_manager_linux.go)",
        said_by="kubelet, at its start",
        means="The machine swaps, and kubelet's accounting of memory has no place for that.",
        causes=(
            Cause(
                "Swap came back at a boot: it stands in /etc/fstab or is a systemd unit.",
                "kubelet-healthy",
            ),
        ),
        see="hardway ssh <WORKER> -- swapon --show",
    ),
    Error(
        name="cgroup-v1",
        pattern=r"kubelet is configured to not run on a host using cgroup v1",
        example='E1126 16:14:57.608202    7329 run.go:72] "command failed" err="failed to validate '
        "kubelet configuration, error: kubelet is configured to not run on a host using cgroup v1. "
        'cgroup v1 support is unsupported and will be removed in a future release"',
        source="kubelet 1.37.2 on a host with cgroup v1",
        said_by="kubelet, at its start",
        means="The machine uses the old hierarchy of cgroups.",
        causes=(
            Cause(
                "An old distribution, or a boot parameter: systemd.unified_cgroup_hierarchy=0.",
                "kubelet-healthy",
            ),
        ),
        see="hardway ssh <WORKER> -- stat --file-system --format=%T /sys/fs/cgroup",
    ),
    Error(
        name="cgroup-driver",
        pattern=r"expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups",
        example="failed to create containerd task: failed to create shim task: OCI runtime create "
        'failed: runc create failed: expected cgroupsPath to be of format "slice:prefix:name" for '
        'systemd cgroups, got "/kubepods/burstable/pod4a" instead: unknown',
        source="runc, as reported for the tutorial",
        said_by="runc, in the events of a pod",
        means="kubelet and containerd use different managers of cgroups.",
        causes=(
            Cause(
                "cgroupDriver of kubelet is cgroupfs and SystemdCgroup of containerd is "
                "true, or the other way round.",
                "pods-on-every-node",
                "kubelet-to-containerd",
            ),
        ),
        see="hardway ssh <WORKER> -- grep -n -i cgroup /etc/containerd/config.toml "
        "/etc/kubernetes/kubelet.yaml",
    ),
    Error(
        name="cni-not-ready",
        pattern=r"cni plugin not initialized|NetworkPluginNotReady|no network config found in"
        r"|network plugin is not ready",
        example="container runtime network not ready: NetworkReady=false "
        "reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not "
        "initialized",
        source="kubelet 1.37.2 and go-cni 1.1.13",
        said_by="kubelet, as the node's condition Ready",
        means="containerd finds no network configuration in /etc/cni/net.d. The node stays "
        "NotReady until there is one.",
        causes=(
            Cause(
                "The pod network is not there yet, or its file was removed.",
                "node-ready",
                "kubelet-to-containerd",
            ),
        ),
        expected="Between the steps workers and pod-network this is right: the node waits for "
        "its network.",
        see="hardway ssh <WORKER> -- ls -l /etc/cni/net.d /opt/cni/bin",
    ),
    Error(
        name="runtime-down",
        pattern=r"container runtime is down|container runtime status check may not have completed"
        r"|containerd\.sock: connect: (?:no such file|connection refused)"
        r"|cannot access socket (?P<socket>\S+?):?\s",
        example='E1126 16:20:11.104512     612 kubelet.go:2431] "Skipping pod synchronization" '
        'err="[container runtime is down, PLEG is not healthy]"',
        source="kubelet 1.37.2 (pkg/kubelet/runtime.go)",
        said_by="kubelet, in its journal; ctr and crictl",
        means="kubelet does not reach containerd at its socket.",
        causes=(
            Cause("containerd does not run.", "containerd-answers", "kubelet-to-containerd"),
            Cause(
                "containerRuntimeEndpoint names another socket.",
                "kubelet-runs",
                "kubelet-to-containerd",
            ),
        ),
        see="hardway ssh <WORKER> -- journalctl --unit containerd --lines 20 --no-pager",
    ),
    Error(
        name="socat-missing",
        pattern=r"unable to do port forwarding: (?P<program>\w+) not found",
        example="error: unable to do port forwarding: socat not found",
        source="dockershim and old containerd, as reported for the tutorial",
        said_by="the container runtime, at kubectl port-forward",
        means="The runtime needs the program {program} on the node. containerd 2 needs none.",
        causes=(
            Cause("The package is missing on that worker.", "port-forward", "apiserver-to-kubelet"),
        ),
        see="hardway verify smoke-test",
    ),
    Error(
        name="module-missing",
        pattern=r"bridge-nf-call-ip6?tables: No such file|Module (?P<module>\w+) not found",
        example="sysctl: cannot stat /proc/sys/net/bridge/bridge-nf-call-iptables: No such file "
        "or directory",
        source="procps, on a machine without br_netfilter",
        said_by="sysctl or modprobe",
        means="The kernel module br_netfilter is not loaded: packets within a bridge pass by "
        "kube-proxy's rules. Services then fail where client and pod are on one node.",
        causes=(
            Cause("The module is not loaded at boot, or the kernel has none.", "kernel-settings"),
        ),
        see="hardway ssh <WORKER> -- 'lsmod | grep br_netfilter; sysctl "
        "net.bridge.bridge-nf-call-iptables'",
    ),
)
