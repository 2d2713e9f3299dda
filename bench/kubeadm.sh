#!/bin/sh
# The same cluster by kubeadm, as fast as its documentation allows: init on the first control plane,
# then all others join at once. etcd takes one member after another: it refuses the third while the
# second is a learner, and kubeadm asks again for two minutes (timeouts.etcdAPICall).
#   kubeadm.sh prepare|up TREE SSH_FOLDER KUBECTL ENDPOINT MACHINE=ADDRESS...
# `prepare` puts the files, starts containerd and imports the images, on all machines at once.
set -eu
step=$1 tree=$2 keys=$3 kubectl="$4 --kubeconfig=$2/admin.conf" endpoint=$5
shift 5
. "$(dirname "$0")/on.sh"
# Of this kind of host kubeadm refuses cgroup v1 only, as kubelet does; elsewhere it ignores nothing.
ignored="--ignore-preflight-errors=SystemVerification"

prepare() {
    { tar -C "$tree/nodes/${1%%=*}" -cf - . ; } | on "$1" "tar --no-same-owner -C / -xf -"
    on "$1" "set -e; sysctl --quiet -w net.bridge.bridge-nf-call-iptables=1
        systemctl daemon-reload; systemctl enable --quiet kubelet; systemctl enable --quiet --now \
            containerd hardway-network.timer
        for archive in /opt/bench/*.tar; do ctr -n k8s.io images import --local \$archive; done"
}

up() {
    first=$1
    shift
    # The least an endpoint can be: an address of the first control plane that stays there.
    on "$first" "ip address add $endpoint/24 dev eth0
        kubeadm init --config=/etc/kubeadm.yaml --upload-certs $ignored" >"$tree/init.log" 2>&1
    said() { grep -o -m1 -e "--$1 [^ ]*" "$tree/init.log"; }
    join="kubeadm join $endpoint:6443 $ignored $(said token) $(said discovery-token-ca-cert-hash)"
    on "$first" "cat /etc/kubernetes/admin.conf" >"$tree/admin.conf"
    joins=
    for machine; do
        case $machine in
            controller-*) role="--control-plane $(said certificate-key)" ;;
            *) role= ;;
        esac
        on "$machine" "$join $role" >"$tree/${machine%%=*}.log" 2>&1 &
        joins="$joins $!"
    done
    for join in $joins; do wait "$join"; done
    until [ "$($kubectl get nodes --no-headers 2>/dev/null | grep -cw Ready)" = $(($# + 1)) ]; do
        sleep 0.5
    done
    $kubectl rollout status --namespace=kube-system deployment/coredns --timeout=120s >/dev/null
}

if [ "$step" = prepare ]; then
    for machine; do prepare "$machine" >"$tree/${machine%%=*}.log" 2>&1 & done
    wait
else
    up "$@"
fi
