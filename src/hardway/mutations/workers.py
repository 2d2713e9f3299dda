"""Mutations of workers: runtime, kubelet, kube-proxy, and the Node that the API has of them."""

from hardway.model.cluster import Role
from hardway.model.ports import KUBELET
from hardway.mutations.network import NOTHING_FOREIGN, redirected
from hardway.mutations.objects import edit, restore
from hardway.mutations.programs import NO_PROGRAM, STOP_PROGRAM, running
from hardway.mutations.row import UP, Mutation, with_workers
from hardway.steps import containerd, kubelet
from hardway.steps.pod_network import CONFLIST

PKI = "/etc/kubernetes/pki"
OTHER_LIST = f"{containerd.CNI_CONFIG}/00-other.conflist"
NODE = "/registry/minions/<WORKER>"
RESTART_KUBELET = f"systemctl restart {kubelet.UNIT}"
PROXY_PORT = 10251
WITHOUT_PROXY = f"{NOTHING_FOREIGN} 2>/dev/null; {STOP_PROGRAM}"


def _cordon(value: str) -> str:
    """Return the shell that cordons a node by the rights of its own kubelet."""
    return f"""curl --silent --show-error --fail --noproxy '*' --output /dev/null \\
    --cacert {PKI}/ca.crt --cert {PKI}/kubelet/client.crt --key {PKI}/kubelet/client.key \\
    --request PATCH --header 'Content-Type: application/merge-patch+json' \\
    --data '{{"spec": {{"unschedulable": {value}}}}}' \\
    https://<ENDPOINT>:<PORT>/api/v1/nodes/<MACHINE>"""


ROWS = (
    Mutation(
        name="kubelet-open-to-all", check="kubelet-settings", role=Role.WORKER,
        also=("kubelet-refuses-anonymous",),
        keeps=(kubelet.CONFIG,),
        do="sed -i -e '/^  anonymous:/ {n; s/false/true/}' -e 's/mode: Webhook/mode: AlwaysAllow/' "
        f"{kubelet.CONFIG}\n{RESTART_KUBELET}",
        undo=RESTART_KUBELET,
        symptom="Nothing: whoever had rights still has them.",
        why="kubelet's own defaults are these two: anonymous clients, all of them allowed. Its "
        "port gives exec in every pod, hence root on the node.",
        shows_s=30,
    ),
    Mutation(
        name="proxy-before-kubelet", check="kubelet-refuses-anonymous", role=Role.WORKER,
        do=running(f"openssl s_server -quiet -www -accept {PROXY_PORT} "
                   f"-cert {PKI}/kubelet/server.crt -key {PKI}/kubelet/server.key")
        + f"\n{redirected(KUBELET.number, PROXY_PORT)}",
        undo=f"{NOTHING_FOREIGN} 2>/dev/null || :\n{NO_PROGRAM}",
        symptom="curl without a certificate gets an answer at kubelet's port.",
        why="kubelet's settings are of kubelet: a server before it, with the same certificate, "
        "answers whom it likes.",
        mend=(f"hardway ssh <MACHINE> -- '{WITHOUT_PROXY}'",),
    ),
    Mutation(
        name="network-list-gone", check="cni-config-first", role=Role.WORKER, keeps=(CONFLIST,),
        also=("node-ready",),
        do=f"rm {CONFLIST}",
        symptom="NotReady: cni plugin not initialized.",
        why="kubelet asks containerd whether there is a pod network: containerd looks for a list "
        "of plugins in a folder.",
        shows_s=60,
    ),
    Mutation(
        name="network-of-another-plugin", check="cni-config-first", role=Role.WORKER,
        keeps=(OTHER_LIST,),
        do=f"cp {CONFLIST} {OTHER_LIST}",
        symptom="New pods of one node have addresses of another range, or none.",
        why="containerd takes the first file of the folder by its name, and says nothing of the "
        "others.",
        mend=(f"hardway ssh <MACHINE> -- rm {OTHER_LIST}",),
    ),
    Mutation(
        name="network-looked-for-elsewhere", check="node-ready", role=Role.WORKER,
        keeps=(containerd.CONFIG,),
        do=f"sed -i \"s#'{containerd.CNI_CONFIG}'#'/etc/cni/elsewhere'#\" {containerd.CONFIG}\n"
        "systemctl restart containerd",
        undo="systemctl restart containerd",
        symptom="NotReady: cni plugin not initialized, with the list of plugins in its place.",
        why="kubelet's own health says nothing about the network: it repeats what containerd says.",
        shows_s=60,
    ),
    Mutation(
        name="two-cgroup-managers", check="cgroup-managers-same", role=Role.WORKER,
        keeps=(kubelet.CONFIG,),
        do="sed -i -e '/^cgroupDriver:/ {s/cgroupfs/other/; s/systemd/cgroupfs/; s/other/systemd/}'"
        f" {kubelet.CONFIG}",
        symptom="After kubelet's next start pods restart again and again.",
        why="kubelet and containerd each keep a tree of control groups: they have to agree on who "
        "makes it.",
    ),
    Mutation(
        name="process-pressure", check="node-untroubled", role=Role.WORKER,
        keeps=(kubelet.CONFIG,),
        do=f"printf 'evictionHard:\\n  pid.available: 99.99%%\\n' >>{kubelet.CONFIG}\n"
        f"{RESTART_KUBELET}",
        undo=RESTART_KUBELET,
        symptom="Pods are evicted and new ones stay Pending: the node has the taint "
        "node.kubernetes.io/pid-pressure.",
        why="kubelet compares what is left with thresholds, and taints the node when it is less.",
        shows_s=60,
    ),
    Mutation(
        name="cordoned", check="node-takes-pods", role=Role.WORKER,
        do=_cordon("true"),
        undo=_cordon("false"),
        symptom="Ready,SchedulingDisabled in kubectl get nodes.",
        why="A cordon is people's own wish: hardway names it and lets it be.",
        mend=("hardway kubectl uncordon <MACHINE>",),
    ),
    Mutation(
        name="another-range-of-pods", check="node-range", role=Role.CONTROL_PLANE,
        where=with_workers,
        do=edit(NODE, "s|[.]0/24|.0/25|g"),
        undo=restore(NODE),
        symptom="Nothing with the bridge plugin: it reads its own file. Other network plugins "
        "take the Node's range.",
        why="spec.podCIDR is set once and never again: another one goes only with the Node.",
        mend=("hardway kubectl delete node <WORKER>", UP),
    ),
)  # fmt: skip
"""Of the step workers."""
