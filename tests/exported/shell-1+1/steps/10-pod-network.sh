#!/bin/sh
# Step 10: Pod network. Why: every pod reaches every other by its own address, from every machine.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '10. Pod network'

# Packages
# iproute2: sets routes to the pods of other machines
put controller-0 <<'COMMANDS'
dpkg-query --show iproute2 >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends iproute2; }
COMMANDS

# hardway-network.timer: When routes and rules for pods are looked at.
# /etc/systemd/system/hardway-network.service: Keeps what carries pods' packets; run by the timer of
# the same name.
# /etc/hardway/network.sh: Keeps routes and rules as they are wanted.
put controller-0 \
    etc/systemd/system/hardway-network.service \
    etc/systemd/system/hardway-network.timer \
    etc/hardway/network.sh <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/hardway-network.service /etc/systemd/system/hardway-network.service
install -D --mode=0644 ./etc/systemd/system/hardway-network.timer /etc/systemd/system/hardway-network.timer
install -D --mode=0644 ./etc/hardway/network.sh /etc/hardway/network.sh
systemctl daemon-reload
systemctl enable --quiet hardway-network.timer
systemctl restart --no-block hardway-network.timer
COMMANDS

# Packages
# iproute2: sets routes to the pods of other machines
# nftables: kube-proxy's rules, and masquerade to the outside
put worker-0 <<'COMMANDS'
dpkg-query --show iproute2 nftables >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends iproute2 nftables; }
COMMANDS

# /etc/netns/hardway-probe: what programs in the probe's namespace see as /etc
# /etc/netns/hardway-probe/resolv.conf: names are asked of the cluster's DNS, by its Service
put worker-0 \
    etc/netns/hardway-probe/resolv.conf <<'COMMANDS'
install --directory --mode=0755 /etc/netns/hardway-probe
install -D --mode=0644 ./etc/netns/hardway-probe/resolv.conf /etc/netns/hardway-probe/resolv.conf
COMMANDS

# /etc/cni/net.d/10-pods.conflist: What each new pod gets: a link to the bridge, an address,
# hostPorts.
put worker-0 \
    etc/cni/net.d/10-pods.conflist <<'COMMANDS'
install -D --mode=0644 ./etc/cni/net.d/10-pods.conflist /etc/cni/net.d/10-pods.conflist
COMMANDS

# hardway-network.timer: When routes and rules for pods are looked at.
# /etc/systemd/system/hardway-network.service: Keeps what carries pods' packets; run by the timer of
# the same name.
# /etc/hardway/network.sh: Keeps routes and rules as they are wanted.
# /etc/hardway/masquerade.nft: Pods reach the outside as this machine, and each other as themselves.
put worker-0 \
    etc/systemd/system/hardway-network.service \
    etc/systemd/system/hardway-network.timer \
    etc/hardway/network.sh \
    etc/hardway/masquerade.nft <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/hardway-network.service /etc/systemd/system/hardway-network.service
install -D --mode=0644 ./etc/systemd/system/hardway-network.timer /etc/systemd/system/hardway-network.timer
install -D --mode=0644 ./etc/hardway/network.sh /etc/hardway/network.sh
install -D --mode=0644 ./etc/hardway/masquerade.nft /etc/hardway/masquerade.nft
systemctl daemon-reload
systemctl enable --quiet hardway-network.timer
systemctl restart --no-block hardway-network.timer
COMMANDS

# hardway-probe.service: Answers in a pod's network on this worker, so that others can try the way
# to pods.
# /etc/hardway/probe.json: what the CNI plugins are asked for: a pod's network at a fixed address
# /etc/hardway/probe-network.sh: gives the probe a namespace of its own, by the same plugins as any
# pod
put worker-0 \
    etc/hardway/probe.json \
    etc/hardway/probe-network.sh \
    etc/systemd/system/hardway-probe.service <<'COMMANDS'
install -D --mode=0644 ./etc/hardway/probe.json /etc/hardway/probe.json
install -D --mode=0644 ./etc/hardway/probe-network.sh /etc/hardway/probe-network.sh
install -D --mode=0644 ./etc/systemd/system/hardway-probe.service /etc/systemd/system/hardway-probe.service
systemctl daemon-reload
systemctl enable --quiet hardway-probe.service
systemctl restart --no-block hardway-probe.service
COMMANDS

# only ready nodes are given pods
look 60 node-ready worker-0 here succeeds <<'COMMANDS'
kubectl wait --for=condition=Ready --timeout=5s node/worker-0
COMMANDS

# Kubernetes taints nodes on which something is wrong: a full disk, no memory
look 60 node-untroubled worker-0 here succeeds <<'COMMANDS'
! kubectl get node worker-0 --output='jsonpath={.spec.taints[*].key}' | grep node.kubernetes.io/
COMMANDS

apply "$HERE/objects/10-pod-network.yaml"

within 60 'range of node/worker-0' kubectl patch node worker-0 --type=merge --patch='{"spec": {"podCIDR": "10.200.0.0/24", "podCIDRs": ["10.200.0.0/24"]}}'

# a pod whose route is missing on one machine is lost to that machine only
look 60 'routes to pods' controller-0 controller-0 same '10.200.0.0/24 via 10.240.0.20' <<'COMMANDS'
ip -4 route show proto 87 | sed 's/^\([^ ]*\) via \([^ ]*\) .*/\1 via \2/' | LC_ALL=C sort
COMMANDS

# a pod whose route is missing on one machine is lost to that machine only
look 60 'routes to pods' worker-0 worker-0 same <<'COMMANDS'
ip -4 route show proto 87 | sed 's/^\([^ ]*\) via \([^ ]*\) .*/\1 via \2/' | LC_ALL=C sort
COMMANDS

# without it answers from the outside do not find the way to pods
look 60 'nftables table hardway_pods' worker-0 worker-0 same 'table ip hardway_pods { set machines { type ipv4_addr elements = { 10.240.0.10, 10.240.0.20 } } chain postrouting { type nat hook postrouting priority srcnat; policy accept; ip saddr 10.200.0.0/24 ip daddr != 10.200.0.0/16 ip daddr != @machines masquerade } }' <<'COMMANDS'
nft list table ip hardway_pods
COMMANDS

# Docker, ufw and others drop what they do not know; without rules there is no need
look 60 'forwarding for pods' worker-0 worker-0 same accepted <<'COMMANDS'
rules=$(iptables --wait --list-rules FORWARD | head -n 3 | tr '\n' ' ')
case "$rules" in
"-P FORWARD ACCEPT " | "-P FORWARD "*" -A FORWARD -s 10.200.0.0/16 -m comment --comment hardway -j ACCEPT -A FORWARD -d 10.200.0.0/16 -m comment --comment hardway -j ACCEPT ") echo accepted ;;
*) echo "$rules" ;;
esac
COMMANDS

# kube-proxy writes it at its start and once an hour; without it no Service answers
look 60 'nftables table kube-proxy' worker-0 worker-0 same 'table ip kube-proxy' <<'COMMANDS'
nft list tables ip | grep -x 'table ip kube-proxy'
COMMANDS

# pods reach Services by their addresses: kube-proxy's rules and every firewall in between let them
# through
look 60 pod-reaches-service worker-0 worker-0 says ok <<'COMMANDS'
ip netns exec hardway-probe curl --silent --noproxy "*" --max-time 10 --cacert /etc/kubernetes/pki/ca.crt https://10.32.0.1/readyz
COMMANDS

# programs on the node, such as webhooks on its network, reach Services
look 60 node-reaches-service worker-0 worker-0 says ok <<'COMMANDS'
curl --silent --noproxy "*" --max-time 10 --cacert /etc/kubernetes/pki/ca.crt https://10.32.0.1/readyz
COMMANDS

# pods on other workers are reached, and see this pod's own address
look 60 pod-reaches-neighbours worker-0 worker-0 succeeds <<'COMMANDS'
for peer in ; do ip netns exec hardway-probe curl --silent --noproxy "*" --max-time 10 http://${peer#*=}:8080/ | grep 10.200.0.254 || exit 1; done
COMMANDS
