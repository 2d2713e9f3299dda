#!/bin/sh
# Step 12: DNS. Why: Services have names, on whichever node one asks.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '12. DNS'

apply "$HERE/objects/12-dns.yaml"

# pods find Services by name
look 120 dns-ready endpoint here succeeds <<'COMMANDS'
kubectl --namespace kube-system rollout status deployment/coredns --timeout=5s
COMMANDS

# if all replicas are on one node, its loss is the loss of all names
look 120 dns-apart endpoint here succeeds <<'COMMANDS'
[ 1 = $(kubectl --namespace kube-system get pods --selector k8s-app=kube-dns --output='jsonpath={.items[*].spec.nodeName}' | xargs -n 1 | sort -u | wc -l) ]
COMMANDS

# CoreDNS asks the resolvers of its node for names outside; its owner names them in that file, or by
# DNS= in /etc/systemd/resolved.conf
look 120 node-resolvers worker-0 worker-0 succeeds <<'COMMANDS'
[ -f $(sed -n "s/^resolvConf: //p" /etc/kubernetes/kubelet.yaml) ]
COMMANDS

# pods on this worker find Services by name, over the DNS's own Service
look 120 pod-resolves worker-0 worker-0 says 10.32.0.1 <<'COMMANDS'
ip netns exec hardway-probe getent --service=dns ahostsv4 kubernetes.default.svc.cluster.local. | awk 'NR == 1 {print $1}'
COMMANDS

# pods on the node's own network find Services by name
look 120 node-resolves worker-0 worker-0 says 10.32.0.1 <<'COMMANDS'
unshare --mount sh -c "mount --bind /etc/netns/hardway-probe/resolv.conf /etc/resolv.conf; getent --service=dns ahostsv4 kubernetes.default.svc.cluster.local." | awk 'NR == 1 {print $1}'
COMMANDS
