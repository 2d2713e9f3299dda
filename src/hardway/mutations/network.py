"""Mutations of the pod network and of DNS: routes, rules, firewalls of others, CoreDNS."""

from collections.abc import Callable

from hardway.model.checks import any_cluster
from hardway.model.cluster import Cluster, Role
from hardway.model.ports import KUBELET
from hardway.mutations.objects import ETCDCTL, create, delete, edit, move, remove, restore
from hardway.mutations.programs import NO_PROGRAM, STOP_PROGRAM, running
from hardway.mutations.row import (
    UP,
    Mutation,
    Which,
    at_vip,
    named_alike,
    several_workers,
    with_workers,
)
from hardway.steps import kube_proxy
from hardway.steps.data_path import RESOLV_CONF
from hardway.steps.network import (
    BRIDGE,
    HOLD,
    KUBE_PROXY_TABLE,
    PROTOCOL,
    SCRIPT,
    TABLE,
    WRITTEN,
)
from hardway.steps.pod_addresses import GIVEN

NOTHING_FOREIGN = "nft delete table inet theirs"
PUT_BACK = f"rm -f {HOLD}\nsh {SCRIPT}"
POLICY = "/registry/networkpolicies/default/deny-all"
DNS_SERVICE = "/registry/services/specs/kube-system/kube-dns"
DNS_ADDRESS = "/registry/ipaddresses/<DNS_SERVICE_IP>"
LEASE = "/registry/masterleases/192.0.2.1"
COREDNS = "/registry/deployments/kube-system/coredns"
COREFILE = "/registry/configmaps/kube-system/coredns"
COREDNS_PODS = "/registry/pods/kube-system/coredns-"
QUOTA = "/registry/resourcequotas/kube-system/none"
NO_PODS = {
    "apiVersion": "v1", "kind": "ResourceQuota",
    "metadata": {"name": "none", "namespace": "kube-system",
                 "uid": "6d75746e-0000-4000-8000-000000000004",
                 "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"hard": {"pods": "0"}},
    "status": {"hard": {"pods": "0"}, "used": {"pods": "2"}},
}  # fmt: skip


def foreign(  # noqa: PLR0913 - the fields of a row
    name: str,
    check: str,
    chain: str,
    *rules: str,
    symptom: str,
    why: str,
    where: Callable[[Cluster], bool] = any_cluster,
    shows_s: float = 10,
    later_s: float = 0,
    tried: bool = False,
) -> Mutation:
    """Return a firewall of others on a worker: one chain and its rules, left to people."""
    own = [f"add rule inet theirs rules {rule}" for rule in rules]
    text = "; ".join(("add table inet theirs", f"add chain inet theirs rules {{ {chain} }}", *own))
    return Mutation(
        name=name,
        check=check,
        role=Role.WORKER,
        do=f"nft '{text}'",
        undo=f"{NOTHING_FOREIGN} 2>/dev/null || :",
        symptom=symptom,
        why=why,
        mend=(f"hardway ssh <MACHINE> -- {NOTHING_FOREIGN}",),
        where=where,
        shows_s=shows_s,
        later_s=later_s,
        tried=tried,
    )


def redirected(port: int, to: int) -> str:
    """Return the shell that leads a machine's own connections to one of its ports to another."""
    return (
        "nft 'add table inet theirs; "
        "add chain inet theirs rules { type nat hook output priority -100; }; "
        f"add rule inet theirs rules tcp dport {port} redirect to :{to}'"
    )


THEIRS = "/etc/resolv.conf.theirs"
SANDBOXES = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/resolv.conf"
GONE = "nameserver 192.0.2.53"
TAKE_ALL = f"""base=$(echo <OWN_PODS> | cut -d. -f1-3)
while :; do
    for n in $(seq 2 254); do
        [ -e {GIVEN}/$base.$n ] || echo no-pod >{GIVEN}/$base.$n
    done
    sleep 0.3
done"""
GIVEN_BACK = f"grep -lx no-pod {GIVEN}/* | xargs -r rm"
FORWARDED = "type filter hook forward priority 10;"
SENT = "type filter hook output priority -200;"
LEAVING = "type filter hook postrouting priority 200;"
HIDING = "type nat hook postrouting priority 90;"
ROWS = (
    Mutation(
        name="route-lost", check="pod-routes", role=Role.CONTROL_PLANE,
        where=with_workers,
        do=f"ip -4 route flush proto {PROTOCOL}",
        undo=PUT_BACK,
        symptom="Webhooks and aggregated APIs time out on one control plane.",
        why="Routes are the kernel's: they go with the link, and no file brings them back by "
        "itself.",
    ),
    Mutation(
        name="bridge-down", check="pod-bridge", role=Role.WORKER,
        do=f"ip link set {BRIDGE} down",
        undo=f"ip link set {BRIDGE} up",
        symptom="Pods of one node reach nothing, not even each other; the node is Ready.",
        why="A bridge is a link like any other: it can be set down, and the kernel keeps it so.",
    ),
    Mutation(
        name="masquerade-gone", check="pod-masquerade", role=Role.WORKER,
        do=f"nft delete table ip {TABLE}",
        undo=PUT_BACK,
        symptom="Pods reach each other, and nothing outside of the machines' network.",
        why="No router outside knows the way to a pod: answers come back only to the machine's own "
        "address.",
    ),
    Mutation(
        name="service-rules-flushed", check="service-rules", role=Role.WORKER,
        do=f"""# Until then hardway lets it finish its first work.
until {WRITTEN}; do sleep 1; done
echo 'while :; do nft delete table ip {KUBE_PROXY_TABLE}; sleep 0.2; done' >flushes
{running("/bin/sh $PWD/flushes")}""",
        undo=f"{NO_PROGRAM}\nsystemctl restart {kube_proxy.UNIT}",
        symptom="No Service answers on one node, and kube-proxy says that it is healthy.",
        why="kube-proxy writes its whole table once an hour: health is not the same as rules, and "
        "a program that flushes all rules, now and then, takes these too.",
        mend=(f"hardway ssh <MACHINE> -- {STOP_PROGRAM}", UP),
    ),
    Mutation(
        name="resolvers-gone", check="node-resolvers", role=Role.WORKER,
        do=f"mv $({RESOLV_CONF}) {THEIRS}",
        undo=f"[ ! -e {THEIRS} ] || mv {THEIRS} $({RESOLV_CONF})",
        symptom="Pods that run are well; CoreDNS and whatever else has dnsPolicy Default does not "
        "start on one node.",
        why="kubelet copies the node's file of resolvers into such pods. The file is the machine's "
        "own: its owner puts it back.",
        mend=(f"hardway ssh <MACHINE> -- 'mv {THEIRS} $({RESOLV_CONF})'",),
    ),
    Mutation(
        name="resolvers-in-a-circle", check="node-resolvers", role=Role.WORKER,
        do=f"conf=$({RESOLV_CONF})\ncp $conf {THEIRS}\n"
        "echo 'nameserver <DNS_SERVICE_IP>' >$conf",
        undo=f"[ ! -e {THEIRS} ] || mv {THEIRS} $({RESOLV_CONF})",
        symptom="Later, once CoreDNS is made anew there: names outside are not found, and a log "
        "says `concurrent queries exceeded maximum 1000`.",
        why="CoreDNS asks its node's resolvers. A node that asks CoreDNS closes a circle, and "
        "each question goes round in it.",
        mend=(f"hardway ssh <MACHINE> -- 'mv {THEIRS} $({RESOLV_CONF})'",),
    ),
    Mutation(
        name="resolvers-of-before", check="coredns-resolvers", role=Role.WORKER,
        which=Which.EVERY,
        do=f"for file in {SANDBOXES}; do\n"
        # A worker may have no pod.
        f"    [ ! -e $file ] || grep -q cluster.local $file || echo '{GONE}' >>$file\n"
        "done",
        # In place: the pod has this very file.
        undo=f"for file in {SANDBOXES}; do\n"
        "    [ -e $file ] || continue\n"
        f"    others=$(grep -v '^{GONE}$' $file)\n"
        '    echo "$others" >$file\n'
        "done",
        symptom="Names outside are not found for a while after the network's resolvers changed, "
        "though every node finds them.",
        why="kubelet copies the node's file into a pod once, when it makes the pod.",
    ),
    Mutation(
        name="addresses-of-pods-that-are-gone", check="pod-addresses-left", role=Role.WORKER,
        # Again and again: pods that end meanwhile give theirs back.
        do=f"cat >takes <<'END'\n{TAKE_ALL}\nEND\n{running('/bin/sh $PWD/takes')}",
        undo=f"{NO_PROGRAM}\n{GIVEN_BACK}",
        symptom="New pods stay in ContainerCreating on one node.",
        why="host-local keeps a file for each address. It deletes the file when kubelet deletes "
        "the pod, and never looks whether the pod is still there.",
        mend=(f"hardway ssh <MACHINE> -- '{STOP_PROGRAM}; {GIVEN_BACK}'",),
    ),
    foreign("firewall-of-others", "no-foreign-firewall", FORWARDED + " policy drop;", "accept",
            symptom="Nothing yet: its rules let everything pass.",
            why="Each chain on a hook is asked, and one that drops is enough: hardway cannot "
            "overrule it and leaves it to its owner."),
    foreign("kubelet-port-closed", "ports-reached", "type filter hook input priority 10;",
            f'iifname != "lo" tcp dport {KUBELET.number} drop',
            symptom="kubectl logs and exec time out for pods of one node; the node is Ready.",
            why="kubelet comes to the API server by itself, but for logs the API server comes to "
            "kubelet: two directions, two rules."),
    foreign("cut-from-the-endpoint", "machine-reaches-endpoint", SENT,
            "ip daddr <ENDPOINT> drop",
            where=at_vip, later_s=50,
            symptom="One node is NotReady after 40 s; everything on it runs.",
            why="A node is ready as long as its kubelet can say so: the way to the endpoint is "
            "part of its health."),
    foreign("pods-not-let-out", "pod-sources-pass", LEAVING,
            'ip saddr <PODS> oifname != "cni0" drop',
            symptom="Pods reach their own node only; the node itself reaches all.",
            why="A network that knows machines by their addresses drops packets that come from "
            "others: source/destination checks of clouds, port security of OpenStack."),
    foreign("service-port-dropped", "pod-reaches-service", FORWARDED,
            'iifname "cni0" tcp dport <API_PORT> drop',
            symptom="Pods time out at the Service kubernetes, the node does not.",
            why="A Service's address is translated before the forward hook: a firewall there sees "
            "the pod's or machine's address and its own port."),
    foreign("node-cut-from-services", "node-reaches-service", SENT,
            "ip daddr <API_SERVICE_IP> drop",
            symptom="Pods reach the Service, programs on the node do not.",
            why="The node's own packets pass the output hook and pods' the forward hook: two paths "
            "with two sets of rules."),
    foreign("pods-hidden-behind-their-node", "pod-reaches-neighbours", HIDING,
            "ip saddr <OWN_PODS> ip daddr <PODS> masquerade",
            where=several_workers,
            symptom="Logs of a server show a node's address in place of a pod's.",
            why="Policies, logs and servers that know clients by address see the node."),
    foreign("large-packets-dropped", "pod-reaches-neighbours", LEAVING,
            'ip saddr <PODS> oifname != "cni0" meta length > 1000 drop',
            where=several_workers,
            symptom="Pings and short answers come, long ones and TLS handshakes hang.",
            why="A tunnel or a cloud's network carries less than the links say. It should answer "
            "ICMP `fragmentation needed`; a firewall that drops this makes a black hole of it.",
            shows_s=20),
    foreign("outside-dropped", "pod-reaches-outside", FORWARDED,
            'iifname "cni0" oifname != "cni0" tcp dport 53 drop',
            symptom="Some pods cannot ask a resolver over TCP, their node can.",
            why="What the node reaches says nothing about what its pods reach."),
    Mutation(
        name="policy-that-nobody-enforces", check="no-network-policies", role=Role.CONTROL_PLANE,
        do=create(POLICY, {
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny-all", "namespace": "default",
                         "uid": "6d75746e-0000-4000-8000-000000000001",
                         "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }),
        undo=remove(POLICY),
        symptom="Pods stay reachable despite a policy that denies all.",
        why="A NetworkPolicy is a wish: only a network plugin that reads it drops packets.",
        mend=("hardway kubectl delete networkpolicy deny-all --namespace default",),
    ),
    Mutation(
        name="coredns-refused", check="dns-ready", role=Role.CONTROL_PLANE,
        where=with_workers,
        # API servers hear of the quota before the pods that it is to refuse are asked for.
        do=f"{create(QUOTA, NO_PODS)}\nsleep 1\n{ETCDCTL} del --prefix {COREDNS_PODS}",
        undo=remove(QUOTA),
        symptom="Names of Services are not found; there is a Deployment, and no pod.",
        why="A Deployment asks for pods, and the API may refuse them: a quota, a policy, a "
        "webhook. Its conditions say why. Once that is gone, the next attempt can be 16 minutes "
        "away.",
        mend=("hardway kubectl --namespace kube-system delete resourcequota none", UP),
        shows_s=60,
    ),
    Mutation(
        name="coredns-deleted", check="objects-as-given", role=Role.CONTROL_PLANE,
        where=with_workers,
        do=delete(COREDNS),
        undo=restore(COREDNS),
        symptom="Names of Services are not found, their addresses answer.",
        why="The cluster's DNS is an ordinary Deployment: whoever may delete it can.",
        shows_s=60,
    ),
    Mutation(
        name="another-zone-in-the-corefile", check="objects-as-given", role=Role.CONTROL_PLANE,
        where=with_workers,
        do=edit(COREFILE, "s/cluster.local in-addr/cluster.lokal in-addr/"),
        undo=restore(COREFILE),
        symptom="Names of Services are not found, two minutes after somebody edited a ConfigMap.",
        why="CoreDNS answers for the zones in its Corefile; what is in no zone it asks the "
        "resolvers of its node, which know of no Service.",
    ),
    Mutation(
        name="dns-on-one-node", check="dns-apart", role=Role.CONTROL_PLANE,
        where=named_alike,
        do=move(COREDNS_PODS),
        undo="[ ! -s moved ] || " + remove("$(cat moved)").replace("'", '"'),
        symptom="Nothing, until that node is lost: then no name is found.",
        why="The scheduler keeps replicas apart when it places them, and never looks again.",
        mend=(("hardway kubectl --namespace kube-system delete pods --selector k8s-app=kube-dns "
              "--wait=false"),),
        shows_s=40,
    ),
    Mutation(
        name="dns-service-deleted", check="service-addresses", role=Role.CONTROL_PLANE,
        where=with_workers,
        do=delete(DNS_SERVICE, DNS_ADDRESS),
        undo=restore(DNS_SERVICE, DNS_ADDRESS),
        symptom="Pods find no name; CoreDNS itself is well.",
        why="Pods know the DNS by one address: it is the Service's, and is in each kubelet's "
        "settings.",
    ),
    Mutation(
        name="lost-control-plane-behind-the-service", check="api-behind-its-service",
        role=Role.CONTROL_PLANE, where=with_workers,
        do=create(LEASE, {"apiVersion": "v1", "kind": "Endpoints", "metadata": {},
                          "subsets": [{"addresses": [{"ip": "192.0.2.1"}]}]}),
        undo=remove(LEASE),
        symptom="Some requests of pods to the API time out, most do not.",
        why="API servers themselves keep the list of who is behind the Service kubernetes: one "
        "that is gone leaves it when its lease ends.",
        mend=(f"hardway ssh <MACHINE> -- {remove(LEASE)}",),
        shows_s=40,
    ),
    foreign("names-dropped", "pod-resolves", FORWARDED,
            'iifname "cni0" udp dport 53 drop',
            symptom="Pods of one node find no name; with an address all works.",
            why="DNS is UDP: a firewall that lets TCP pass leaves pods without names."),
    foreign("node-names-dropped", "node-resolves", SENT,
            "ip daddr <DNS_SERVICE_IP> drop",
            symptom="Pods with hostNetwork find no Service by name, others do.",
            why="Pods on the node's own network take the node's path to the DNS."),
)  # fmt: skip
"""Of the steps pod-network and dns."""
