"""Errors of pods, their names and their images."""

from hardway.explain.catalogue.row import Cause, Error

ERRORS = (
    Error(
        name="dns-loop",
        pattern=r"Loop \((?P<one>\S+) -> (?P<other>\S*)\) detected for zone",
        example='[FATAL] plugin/loop: Loop (127.0.0.1:39284 -> :53) detected for zone ".", see '
        'https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO 4547991504243258144."',
        source="CoreDNS 1.14.7 (plugin/loop/loop.go)",
        said_by="CoreDNS, in its pod's log",
        means="CoreDNS asks a resolver that asks CoreDNS: the pod's /etc/resolv.conf names the "
        "node's own stub.",
        causes=(
            Cause(
                "kubelet's resolvConf is /etc/resolv.conf of systemd-resolved (127.0.0.53); "
                "it must be the file with the real resolvers.",
                "dns-ready",
            ),
        ),
        see="hardway ssh <WORKER> -- 'grep resolvConf /etc/kubernetes/kubelet.yaml; cat "
        "/etc/resolv.conf'",
    ),
    Error(
        name="dns-circle",
        pattern=r"concurrent queries exceeded maximum (?P<most>\d+)",
        example="[ERROR] plugin/errors: 5 example.org. A: concurrent queries exceeded maximum 1000",
        source="CoreDNS 1.14.7 (plugin/forward/forward.go)",
        said_by="CoreDNS, in its pod's log",
        means="More than {most} questions for names outside were open at once: resolvers do not "
        "answer, or what CoreDNS asks is CoreDNS itself. Two replicas that ask each other go "
        "round until this limit, and the plugin `loop` of neither sees it.",
        causes=(
            Cause("The node's resolv.conf names the cluster's own DNS.", "node-resolvers"),
            Cause(
                "The node has other resolvers by now; CoreDNS's pod was made before.",
                "coredns-resolvers",
            ),
            Cause("The node's resolvers do not answer its pods.", "pod-reaches-outside"),
        ),
        see="hardway verify dns",
    ),
    Error(
        name="dns-no-answer",
        pattern=r"connection timed out; no servers could be reached"
        r"|can't find (?P<name>\S+?): (?:NXDOMAIN|No answer)"
        r"|Temporary failure in name resolution",
        example=";; connection timed out; no servers could be reached",
        source="nslookup of bind 9",
        said_by="nslookup, getent or a program in a pod",
        means="The pod asked the cluster's DNS and got no answer, or was told that there is no "
        "such name.",
        causes=(
            Cause("CoreDNS does not run.", "dns-ready"),
            Cause("Somebody edited CoreDNS's configuration.", "objects-as-given"),
            Cause("kubelet's clusterDNS is not the Service's address.", "pod-resolves"),
            Cause(
                "Service addresses do not work on that node: kube-proxy, br_netfilter.",
                "service-by-ip",
            ),
            Cause("nslookup of busybox after 1.28 is broken; use another image.", "exec-and-names"),
        ),
        see="hardway verify dns",
    ),
    Error(
        name="service-account-missing",
        pattern=r"error looking up service account (?P<account>\S+?): ",
        example='Error from server (Forbidden): pods "web" is forbidden: error looking up service '
        'account default/default: serviceaccount "default" not found',
        source="kube-apiserver 1.37.2 (plugin/pkg/admission/serviceaccount)",
        said_by="kube-apiserver, when a pod is made",
        means="The pod's service account {account} does not exist. The controller manager makes "
        "`default` in each namespace.",
        causes=(
            Cause(
                "The controller manager does not run.",
                "controller-manager-healthy",
                "kube-controller-manager-to-apiserver",
            ),
            Cause("The namespace is a second old.", "controller-manager-healthy"),
        ),
        expected="In the first seconds of a namespace this is right.",
        see="hardway kubectl get serviceaccounts --all-namespaces",
    ),
    Error(
        name="pod-not-scheduled",
        pattern=r"(?P<fit>\d+)/(?P<nodes>\d+) nodes are available"
        r"|no nodes available to schedule pods",
        example="0/3 nodes are available: 3 node(s) had untolerated taint "
        "{node.kubernetes.io/not-ready: }. preemption: 0/3 nodes are available: 3 Preemption is "
        "not helpful for scheduling.",
        source="kube-scheduler 1.37.2 (pkg/scheduler/framework/types.go)",
        said_by="kube-scheduler, in the pod's events",
        means="No node may take the pod; the text counts the nodes by reason.",
        causes=(
            Cause("The nodes are not ready (taint not-ready).", "node-ready"),
            Cause("People keep pods away: a cordon or a taint.", "node-takes-pods"),
            Cause("No node has the memory or processor that the pod asks for.", "node-untroubled"),
        ),
        see="hardway kubectl describe nodes",
    ),
    Error(
        name="sandbox-failed",
        pattern=r"FailedCreatePodSandBox|failed to (?:create|setup) (?:pod sandbox|network for "
        r"sandbox)",
        example="Warning  FailedCreatePodSandBox  3s  kubelet  Failed to create pod sandbox: rpc "
        'error: code = Unknown desc = failed to setup network for sandbox "5c8": plugin '
        'type="bridge" failed (add): failed to set bridge addr: "cnio0" already has an IP address '
        "different from 10.200.1.1/24",
        source="containerd 2.2.9 and the CNI plugin bridge, as reported",
        said_by="kubelet, in the pod's events",
        means="containerd could not give the pod its network or its first container. The pod "
        "stays ContainerCreating.",
        causes=(
            Cause(
                "A CNI plugin is missing or its configuration is wrong; the text names it.",
                "pods-on-every-node",
                "kubelet-to-containerd",
            ),
            Cause("The bridge has an address of an earlier range.", "pod-routes"),
            Cause("The pause image is not on the machine.", "containerd-answers"),
        ),
        see="hardway ssh <WORKER> -- journalctl --unit containerd --lines 20 --no-pager",
    ),
    Error(
        name="image-not-pulled",
        pattern=r"ImagePullBackOff|ErrImagePull|ErrImageNeverPull|Failed to pull image",
        example='Warning  Failed  12s  kubelet  Failed to pull image "nginx": failed to pull and '
        'unpack image "docker.io/library/nginx:latest": failed to resolve reference: dial tcp: '
        "lookup registry-1.docker.io: i/o timeout",
        source="kubelet 1.37.2, on a machine without internet access",
        said_by="kubelet, in the pod's events",
        means="The image is not on the node, and its registry was not reached or refused.",
        causes=(
            Cause(
                "The node has no way to the registry, or needs a proxy for it.",
                "pod-reaches-outside",
            ),
            Cause("The name or the tag does not exist.", "containerd-answers"),
        ),
        see="hardway ssh <WORKER> -- ctr --namespace k8s.io images ls",
    ),
)
