#!/bin/sh
# Step 8: An endpoint for the API. Why: one address for clients, whichever control plane is up.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '8. An endpoint for the API'

# Packages
# haproxy: passes connections on to API servers that are ready
# keepalived: holds the endpoint's virtual address
put controller-0 <<'COMMANDS'
dpkg-query --show haproxy keepalived >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends haproxy keepalived; }
COMMANDS

# haproxy.service: Passes connections to the endpoint on to API servers that are ready.
# /etc/haproxy/haproxy.cfg: Passes connections on to API servers that are ready.
put controller-0 \
    etc/systemd/system/haproxy.service \
    etc/haproxy/haproxy.cfg <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/haproxy.service /etc/systemd/system/haproxy.service
install -D --mode=0644 ./etc/haproxy/haproxy.cfg /etc/haproxy/haproxy.cfg
systemctl daemon-reload
systemctl enable --quiet haproxy.service
systemctl restart --no-block haproxy.service
COMMANDS

# keepalived.service: Holds the endpoint's address while this machine's haproxy has a server.
# /etc/keepalived/keepalived.conf: Holds the endpoint's address on one control plane.
put controller-0 \
    etc/systemd/system/keepalived.service \
    etc/keepalived/keepalived.conf <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/keepalived.service /etc/systemd/system/keepalived.service
install -D --mode=0644 ./etc/keepalived/keepalived.conf /etc/keepalived/keepalived.conf
systemctl daemon-reload
systemctl enable --quiet keepalived.service
systemctl restart --no-block keepalived.service
COMMANDS

# an address that two machines hold answers half of the time
look 60 endpoint-held-once endpoint here succeeds <<'COMMANDS'
[ 1 = $(for machine in controller-0; do on $machine ip -brief address show to 10.240.0.100/32; done | wc -l) ]
COMMANDS

# kubelets, kube-proxies and people know this address only
look 60 endpoint-answers endpoint here says ok <<'COMMANDS'
kubectl get --raw=/readyz
COMMANDS
