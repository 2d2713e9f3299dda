#!/bin/sh
# What one would write by hand, once all files are made: put them, start everything, wait for DNS.
#   bare.sh TREE SSH_FOLDER KUBECTL KUBECONFIG MACHINE=ADDRESS...
# No plan, no comparison, no checks but the last line's. The lower bound for `hardway up`.
set -eu
tree=$1 keys=$2 kubectl="$3 --kubeconfig=$4"
shift 4

. "$(dirname "$0")/on.sh"

put() {
    name=${1%%=*}
    { tar -C "$tree/nodes/$name" -cf - . ; } | on "$1" "tar --no-same-owner -C / -xf -"
    { tar -C "$tree/secrets/$name" -cf - . ; } | on "$1" "tar --no-same-owner -C / -xf -"
    on "$1" "set -e; $(cat "$tree/owners/$name"); systemctl daemon-reload
        systemctl enable --quiet $(cat "$tree/units/$name"); systemctl start --no-block \
        $(cat "$tree/units/$name")"
}

for machine; do put "$machine" & done
wait
until $kubectl apply --server-side --force-conflicts -f "$tree/objects.json" >/dev/null 2>&1; do
    sleep 0.5
done
until [ "$($kubectl get nodes --no-headers 2>/dev/null | grep -cw Ready)" = "$(
    echo "$@" | tr ' ' '\n' | grep -c worker)" ]; do sleep 0.5; done
$kubectl rollout status --namespace=kube-system deployment/coredns --timeout=120s >/dev/null
