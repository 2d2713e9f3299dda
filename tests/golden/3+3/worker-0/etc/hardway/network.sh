# Run at boot and every few seconds. Puts back routes and rules that are missing and does nothing
# else: it asks no other machine and decides nothing.

set -uf
[ ! -e /run/hardway/hold-network ] || exit 0
status=0
words() { echo "$*"; }

# routes to pods: a pod whose route is missing on one machine is lost to that machine only
there=$(
ip -4 route show proto 87 | sed 's/^\([^ ]*\) via \([^ ]*\) .*/\1 via \2/' | LC_ALL=C sort
)
if [ "$(words $there)" != '10.200.1.0/24 via 10.240.0.21 10.200.2.0/24 via 10.240.0.22' ]; then
    echo '<5>not as wanted: routes to pods'
    (
        set -e
        ip -4 route show proto 87 | while read -r range _; do
            case ' 10.200.1.0/24 10.200.2.0/24 ' in *" $range "*) continue ;; esac
            ip route delete "$range" proto 87 ||
                [ -z "$(ip -4 route show "$range" proto 87)" ]
        done
        ip route replace 10.200.1.0/24 via 10.240.0.21 proto 87
        ip route replace 10.200.2.0/24 via 10.240.0.22 proto 87
    ) || status=1
fi

# bridge cni0: it is the pods' switch and gateway: while it is down each of them is alone
there=$(
if ip link show dev cni0 >/dev/null 2>&1; then
    ip -4 -brief address show dev cni0 up 2>/dev/null | awk '{print $3}'
else
    echo 10.200.0.1/24
fi
)
if [ "$(words $there)" != 10.200.0.1/24 ]; then
    echo '<5>not as wanted: bridge cni0'
    (
        set -e
        ip link set cni0 up
        ip address replace 10.200.0.1/24 dev cni0
    ) || status=1
fi

# nftables table hardway_pods: without it answers from the outside do not find the way to pods
there=$(
nft list table ip hardway_pods
)
if [ "$(words $there)" != 'table ip hardway_pods { set machines { type ipv4_addr elements = { 10.240.0.10, 10.240.0.11, 10.240.0.12, 10.240.0.20, 10.240.0.21, 10.240.0.22 } } chain postrouting { type nat hook postrouting priority srcnat; policy accept; ip saddr 10.200.0.0/24 ip daddr != 10.200.0.0/16 ip daddr != @machines masquerade } }' ]; then
    echo '<5>not as wanted: nftables table hardway_pods'
    (
        set -e
        nft --file /etc/hardway/masquerade.nft
    ) || status=1
fi

# forwarding for pods: Docker, ufw and others drop what they do not know; without rules there is no need
there=$(
rules=$(iptables --wait --list-rules FORWARD | head -n 3 | tr '\n' ' ')
case "$rules" in
"-P FORWARD ACCEPT " | "-P FORWARD "*" -A FORWARD -s 10.200.0.0/16 -m comment --comment hardway -j ACCEPT -A FORWARD -d 10.200.0.0/16 -m comment --comment hardway -j ACCEPT ") echo accepted ;;
*) echo "$rules" ;;
esac
)
if [ "$(words $there)" != accepted ]; then
    echo '<5>not as wanted: forwarding for pods'
    (
        set -e
        while iptables --wait --delete FORWARD -d 10.200.0.0/16 -m comment --comment hardway -j ACCEPT 2>/dev/null; do :; done
        iptables --wait --insert FORWARD -d 10.200.0.0/16 -m comment --comment hardway -j ACCEPT
        while iptables --wait --delete FORWARD -s 10.200.0.0/16 -m comment --comment hardway -j ACCEPT 2>/dev/null; do :; done
        iptables --wait --insert FORWARD -s 10.200.0.0/16 -m comment --comment hardway -j ACCEPT
    ) || status=1
fi

# nftables table kube-proxy: kube-proxy writes it at its start and once an hour; without it no Service answers
there=$(
nft list tables ip | grep -x 'table ip kube-proxy'
)
if [ "$(words $there)" != 'table ip kube-proxy' ]; then
    echo '<5>not as wanted: nftables table kube-proxy'
    (
        set -e
        # Until it has written its table for the first time it says that it is healthy too.
        if curl --silent --noproxy '*' --max-time 2 --fail http://127.0.0.1:10256/healthz >/dev/null &&
            curl --silent --noproxy '*' --max-time 2 http://127.0.0.1:10249/metrics | grep -q '^kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'; then
            # To wait can be to wait for oneself: it starts after kubelet, and kubelet after hardway-network.service.
            systemctl restart --no-block kube-proxy.service
        fi
    ) || status=1
fi

exit $status
