"""The data path: what a pod's network on each worker reaches, asked from the worker's probe.

Rows of the steps pod-network and dns. They ask cluster addresses, the node's own resolvers and its
gateway, nothing else (docs/adr/0016).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from shlex import quote

from hardway.model.checks import (
    WORKERS,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
    says,
)
from hardway.model.cluster import Cluster
from hardway.model.resources import Effect, Severity, Verdict
from hardway.steps import cures, kubelet, probe
from hardway.steps.base import API, CA, status_of
from hardway.text import joined, text

POD_NETWORK, DNS = "pod-network", "dns"
IN_PROBE = f"ip netns exec {probe.NAMESPACE}"
CURL = 'curl --silent --noproxy "*" --max-time 10'
"""As patient as the other checks: a host with no time to spare is no broken path."""
READYZ = f"{CURL} --cacert {CA} https://<API_SERVICE_IP>/readyz"
NAME = "kubernetes.default.svc.cluster.local."
ASK_NAME = f"getent --service=dns ahostsv4 {NAME}"
FIRST_WORD = "awk 'NR == 1 {print $1}'"
ON_NODE = f'unshare --mount sh -c "mount --bind {probe.RESOLV_CONF} /etc/resolv.conf; {ASK_NAME}"'
"""The node's programs ask the node's resolvers; here they are shown the cluster's for once."""

SMALL = "small "
SMALL_ALONE = text("small packets only")
LARGE = '--header "X-Large: $(printf %04000d 0)"'
"""A network may let small packets by and drop those that fill its frames, without a word."""
NEIGHBOURS = f"""get() {{ {IN_PROBE} {CURL} --max-time 6 "$@"; }}
for peer in <PEERS>; do
    at=http://${{peer#*=}}:{probe.PORT}/
    {{
        said=$(get {LARGE} $at) || said="{SMALL}$(get $at)"
        echo "${{peer%%=*}} $said"
    }} &
done
wait"""

RESOLV_CONF = 'sed -n "s/^resolvConf: //p" /etc/kubernetes/kubelet.yaml'
"""Prints which file kubelet gives to pods with dnsPolicy Default, CoreDNS's among them."""
NO_FILE = "no file "
RESOLVERS = f"""conf=$({RESOLV_CONF})
[ -f "$conf" ] || echo "{NO_FILE}$conf"
sed -n 's/^nameserver[[:space:]]*//p' "$conf"
"""

HELD = f"""conf=$({RESOLV_CONF})
named() {{ sed -n 's/^nameserver[[:space:]]*//p' "$1" | head -n 3 | sort | xargs; }}
echo "node $(named "$conf")"
for comm in $(grep -lsx coredns /proc/[0-9]*/comm); do
    own=${{comm%/comm}}
    pod=$(sed -n 's#.*/pods/\\([^/]*\\)/etc-hosts .*#\\1#p' "$own/mountinfo" 2>/dev/null)
    # A CoreDNS of others may ask whom it likes.
    [ -d "$(echo /var/log/pods/kube-system_coredns-*_"$pod")" ] || continue
    # One that ends meanwhile has no file any more.
    held=$(named "$own/root/etc/resolv.conf" 2>/dev/null) && [ -e "$comm" ] &&
        echo "pod $pod $held"
done
"""
"""kubelet copies the file into a pod when it makes the pod, and three resolvers of it at most. A
pod's name and the node's contain no `_`, so that the folder of its logs ends with its uid alone."""
HELD_BY_HAND = (
    "hardway ssh <MACHINE> -- 'for comm in $(grep -lsx coredns /proc/[0-9]*/comm); do "
    "cat ${comm%/comm}/root/etc/resolv.conf; done'"
)

FORMER_RESOLVERS = "resolvers that CoreDNS asks"


def former_resolvers(cluster: Cluster) -> Effect:
    """Return that CoreDNS's pods on a worker ask the resolvers that it has now.

    Not where it names none, itself or the cluster's DNS: former resolvers are better than those.
    """
    return Effect(
        name=FORMER_RESOLVERS,
        see=f"""{{
{HELD}}} | awk -v dns={cluster.dns_service_ip} '
$1 == "node" {{
    named = substr($0, 6)
    usable = named != "" && (" " named " ") !~ / 127[.]/ && !index(" " named " ", " " dns " ")
}}
$1 == "pod" {{
    uid = $2
    sub(/^pod [^ ]* ?/, "")
    if (usable && $0 != named) print uid, $0
}}'""",
        value="",
        unit=kubelet.UNIT,
        fix="",
        why="kubelet copies a node's resolvers into a pod once, when it makes the pod",
    )


OUTSIDE = f"""conf=$({RESOLV_CONF})
addresses=$({{ sed -n 's/^nameserver \\([0-9.]*\\)$/\\1/p' "$conf"
    ip -4 route show default | sed -n 's/.* via \\([0-9.]*\\).*/\\1/p'; }} |
    grep -v '^127\\.' | sort -u)
dial() {{
    who=$1
    shift
    LC_ALL=C "$@" timeout 5 bash -c 'for address; do
        {{ : >"/dev/tcp/$address/53" && echo "$address connected"; }} &
    done
    wait' dial $addresses 2>&1 |
        sed -n "s#.*/dev/tcp/\\(.*\\)/53: Connection refused\\$#$who \\1 refused#p
            s#.* connected\\$#$who &#p"
}}
dial node &
dial pod {IN_PROBE} &
wait"""
"""An address that is silent, or that no route leads to, has no line."""

OUTSIDE_ALIKE = f"""{{
{OUTSIDE}
}} | awk '{{ said[$1, $2] = $3; of[$2] }}
END {{ for (at in of) if (said["node", at] && said["node", at] != said["pod", at]) exit 1 }}'"""

OUTCOMES = {"refused": text("refused"), "silent": text("silent"), "connected": text("connected")}
"""What becomes of a connection."""

OUTSIDE_BY_HAND = (
    f'for at in $(ip -4 route show default | cut -d" " -f3); do {IN_PROBE} '
    f"{CURL} --verbose http://$at:53/; done"
)


def _peers(subject: Subject) -> Mapping[str, str]:
    peers = [f"{m.name}={probe.address(m)}" for m in subject.cluster.workers
             if m != subject.machine]  # fmt: skip
    first = next((peer.partition("=")[2] for peer in peers), probe.address(subject.machine))
    return {"PEERS": " ".join(peers), "PEER": first, "PROBE": probe.address(subject.machine)}


def _neighbours(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge from which address each neighbour was asked: any but the probe's own is masqueraded.

    A worker that is silent itself is not among the neighbours: that is its own finding.
    """
    own = probe.address(subject.machine)
    rows = dict(line.partition(" ")[::2] for line in answer.text.splitlines())
    asked = {name: _client(rows.get(name, "")) for name in rows if name in answer.elsewhere}
    nobody = text("no neighbours")
    (judgement,) = judged(_seen(dict.fromkeys(asked, own)) or nobody, _seen(asked) or nobody)
    small_alone = SMALL_ALONE in asked.values()
    return (replace(judgement, cure=cures.SMALLER_PACKETS if small_alone else ""),)


def _seen(clients: Mapping[str, str]) -> str:
    return joined(", ", [text("{machine} sees {client}", machine=name, client=client)
                         for name, client in sorted(clients.items())])  # fmt: skip


def _client(said: str) -> str:
    answer = said.removeprefix(SMALL)
    if not answer.startswith("{"):
        return text("nothing")
    return str(json.loads(answer)["client"]) if answer == said else SMALL_ALONE


def _outside(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge whether pods reach what their node reaches: an address silent to both is nobody's."""
    said = {"node": dict[str, str](), "pod": dict[str, str]()}
    for line in answer.text.splitlines():
        who, address, outcome = line.split()
        said[who][address] = outcome
    lost = []
    for address, node in sorted(said["node"].items()):
        pod = said["pod"].get(address, "silent")
        if node != pod:
            lost.append(text("{address} is {node} for the node, {pod} for its pods",
                             address=address, node=OUTCOMES[node], pod=OUTCOMES[pod]))  # fmt: skip
    alike = text("as the node")
    return judged(alike, joined(", ", lost) or alike)


def _resolvers(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge the file: without it no pod with dnsPolicy Default starts; an empty one is a choice.

    Where it names a Service, CoreDNS asks itself. Its plugin `loop` does not see that of two
    replicas that ask each other: each name outside costs all 1000 queries that `forward` allows.
    """
    expected = text("a resolver that pods reach")
    lines = [line for line in answer.text.splitlines() if line]
    if missing := [line for line in lines if line.startswith(NO_FILE)]:
        path = missing[0].removeprefix(NO_FILE)
        return judged(expected, text("no file {path}", path=path))
    if within := [line for line in lines if _is_service(subject, line)]:
        return judged(expected, text("a Service, so that CoreDNS asks itself: {listed}",
                                     listed=", ".join(within)))  # fmt: skip
    usable = [line for line in lines if not line.startswith(("127.", "::1"))]
    if usable:
        return judged(expected, expected)
    found = text("none but {listed}", listed=", ".join(lines)) if lines else text("none")
    return (Judgement(Verdict.WRONG, expected, found, Severity.WARN),)


def _is_service(subject: Subject, address: str) -> bool:
    try:
        return ip_address(address.strip()) in subject.cluster.service_cidr
    except ValueError:
        return False


def _held(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    rows = [line.partition(" ")[::2] for line in answer.text.splitlines()]
    (named,) = (servers for kind, servers in rows if kind == "node")
    held = [pod.partition(" ")[2] for kind, pod in rows if kind == "pod"]
    other = {servers for servers in held if servers != named}
    expected = text("the resolvers of the node: {listed}", listed=named or text("none"))
    return judged(expected, joined("; ", [servers or text("none") for servers in sorted(other)])
                  or expected)  # fmt: skip


IN_POD = (
    "hardway-probe-runs",
    "pod-bridge",
    "kernel-settings",
    "pod-sources-pass",
    "no-foreign-firewall",
)
"""Without these a pod's network on a worker does not work, wherever the packets go."""

CHECKS = (
    Check(name="pod-reaches-service", step=POD_NETWORK, scope=WORKERS,
          ask=Sh(f"{IN_PROBE} {READYZ}"), judge=says("ok"),
          causes=(*IN_POD, "service-rules", "kube-proxy-healthy", *API, "api-behind-its-service"),
          anywhere=("pod-routes",),
          why="pods reach Services by their addresses: kube-proxy's rules and every firewall in "
          "between let them through",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- {IN_PROBE} {READYZ}"),
    Check(name="node-reaches-service", step=POD_NETWORK, scope=WORKERS,
          ask=status_of("https://<API_SERVICE_IP>/readyz"), judge=says("200"),
          causes=("kernel-settings", "service-rules", "kube-proxy-healthy", *API,
                  "api-behind-its-service"),
          why="programs on the node, such as webhooks on its network, reach Services",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- {READYZ}"),
    Check(name="pod-reaches-neighbours", step=POD_NETWORK, scope=WORKERS,
          ask=Sh(NEIGHBOURS), judge=_neighbours, words=_peers,
          causes=(*IN_POD, "pod-masquerade"), anywhere=(*IN_POD, "pod-routes"),
          why="pods on other workers are reached, by large packets too, and see this pod's own "
          "address",
          test="hardway ssh <MACHINE> -- 'for peer in <PEERS>; do "
          f"{IN_PROBE} {CURL} {LARGE} http://${{peer#*=}}:{probe.PORT}/ | grep <PROBE> || exit 1; "
          "done'",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- '{IN_PROBE} {CURL} {LARGE} http://<PEER>:{probe.PORT}/'"),
    Check(name="pod-reaches-outside", step=POD_NETWORK, scope=WORKERS,
          ask=Sh(OUTSIDE), judge=_outside, causes=(*IN_POD, "pod-masquerade"),
          why="pods reach the resolvers and the gateway that their node reaches",
          test=f"hardway ssh <MACHINE> -- {quote(OUTSIDE_ALIKE)}",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- '{OUTSIDE_BY_HAND}'"),
)  # fmt: skip

DNS_CHECKS = (
    Check(name="node-resolvers", step=DNS, scope=WORKERS,
          ask=Sh(RESOLVERS), judge=_resolvers,
          test=f"hardway ssh <MACHINE> -- '[ -f $({RESOLV_CONF}) ]'",
          why="CoreDNS asks the resolvers of its node for names outside; its owner names them in "
          "that file, or by DNS= in /etc/systemd/resolved.conf",
          cure="put the resolvers of this machine back into its resolv.conf",
          see=f"hardway ssh <MACHINE> -- 'cat $({RESOLV_CONF})'"),
    Check(name="coredns-resolvers", step=DNS, scope=WORKERS, ask=Sh(HELD), judge=_held,
          when=Occasion.ASKED, causes=("node-resolvers",),
          # A pod that was replaced answers for 5 s more (CoreDNS's lameduck).
          again_s=6,
          why="CoreDNS asks the resolvers that its node had when its pod was made, also once the "
          "node has others",
          see=HELD_BY_HAND),
    Check(name="pod-resolves", step=DNS, scope=WORKERS,
          ask=Sh(f"{IN_PROBE} {ASK_NAME} | {FIRST_WORD}"), judge=says("<API_SERVICE_IP>"),
          causes=(*IN_POD, "service-rules", "service-addresses", "node-resolvers", "dns-ready",
                  "objects-as-given", "pod-reaches-neighbours"),
          why="pods on this worker find Services by name, over the DNS's own Service",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- {IN_PROBE} {ASK_NAME}"),
    Check(name="node-resolves", step=DNS, scope=WORKERS,
          ask=Sh(f"{ON_NODE} | {FIRST_WORD}"), judge=says("<API_SERVICE_IP>"),
          causes=("service-rules", "service-addresses", "node-resolvers", "dns-ready",
                  "objects-as-given", "pod-routes"),
          anywhere=IN_POD,
          why="pods on the node's own network find Services by name",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- '{ON_NODE}'"),
)  # fmt: skip
"""These need the DNS, so that they are rows of its step."""
