#!/bin/sh
# Step 6: etcd. Why: the cluster's memory: as many copies as control planes, a majority must agree.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '6. etcd'

# etcd.service: The cluster's memory: every object of the API is a key here.
# /var/lib/etcd: etcd's log and database.
# /etc/etcd/first-start.env: Read at a member's very first start only; outside the unit's digest,
# since adding a member later must not restart the others.
put controller-0 \
    etc/systemd/system/etcd.service \
    etc/etcd/first-start.env <<'COMMANDS'
install --directory --mode=0700 --owner=etcd --group=etcd /var/lib/etcd
install -D --mode=0644 ./etc/systemd/system/etcd.service /etc/systemd/system/etcd.service
install -D --mode=0644 ./etc/etcd/first-start.env /etc/etcd/first-start.env
systemctl daemon-reload
systemctl enable --quiet etcd.service
systemctl restart --no-block etcd.service
COMMANDS

# While this file exists, the member may still be a learner: it runs and has data, but it does not
# vote.
look 90 'way into etcd' controller-0 controller-0 same <<'COMMANDS'
ls /etc/etcd/join.env 2>/dev/null || :
COMMANDS

# a quorum of members must agree before anything is stored
look 90 etcd-member-healthy controller-0 controller-0 succeeds <<'COMMANDS'
/usr/local/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/etcdctl.crt --key=/etc/etcd/pki/etcdctl.key --command-timeout=4s endpoint health
COMMANDS

# members that follow different leaders are two clusters
look 90 etcd-one-leader controller-0 here succeeds <<'COMMANDS'
[ 1 = $(on controller-0 '/usr/local/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/etcdctl.crt --key=/etc/etcd/pki/etcdctl.key --command-timeout=4s endpoint status --cluster --write-out=fields | grep Leader | sort -u | wc -l') ]
COMMANDS

# whoever reads etcd without a certificate reads every Secret
look 90 etcd-refuses-strangers controller-0 controller-0 succeeds <<'COMMANDS'
curl --silent --noproxy "*" --max-time 10 --http1.1 --insecure https://127.0.0.1:2379/health; case $? in 35|55|56) ;; *) exit 1 ;; esac
COMMANDS
