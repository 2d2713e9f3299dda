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

# a server that somebody drained through the socket gets no clients until a reload, and no file says
# so
look 60 'API servers in haproxy' controller-0 controller-0 same 'controller-0 10.240.0.10:6443' <<'COMMANDS'
perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(shift) or exit; print $s "show servers state apiservers\n";
while (<$s>) { @f = split; print "$f[3] $f[4]:$f[18]", $f[6] ? " disabled" : "", "\n" if $f[6] ne ""
    and $f[1] eq "apiservers" }' /run/haproxy/hardway.sock | LC_ALL=C sort
COMMANDS

# an address that two machines hold answers half of the time
look 60 endpoint-held-once endpoint here succeeds <<'COMMANDS'
[ 1 = $(for machine in controller-0; do on $machine ip -brief address show to 10.240.0.100/32; done | wc -l) ]
COMMANDS

# keepalived takes the endpoint's address only where haproxy has a server to pass connections to:
# else the loss of the holder is the loss of the endpoint
look 60 endpoint-stands-by controller-0 controller-0 says 200 <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8404/healthz; echo
COMMANDS

# kubelets, kube-proxies and people know this address only
look 60 endpoint-answers endpoint here says ok <<'COMMANDS'
kubectl get --raw=/readyz
COMMANDS
