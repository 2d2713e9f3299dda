#!/bin/sh
# Step 4: Kubeconfigs. Why: where each client finds the API, whom it trusts, and as whom it comes.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '4. Kubeconfigs'

# /etc/kubernetes
# /etc/kubernetes/kube-controller-manager.kubeconfig: RBAC grants that name what its loops need
# /etc/kubernetes/kube-scheduler.kubeconfig: RBAC grants that name what scheduling needs
put controller-0 \
    etc/kubernetes/kube-controller-manager.kubeconfig \
    etc/kubernetes/kube-scheduler.kubeconfig <<'COMMANDS'
install -D --mode=0600 --owner=kube-controller-manager --group=kube-controller-manager ./etc/kubernetes/kube-controller-manager.kubeconfig /etc/kubernetes/kube-controller-manager.kubeconfig
install -D --mode=0600 --owner=kube-scheduler --group=kube-scheduler ./etc/kubernetes/kube-scheduler.kubeconfig /etc/kubernetes/kube-scheduler.kubeconfig
COMMANDS

# /etc/kubernetes
# /etc/kubernetes/kubelet.kubeconfig: the Node authorizer lets that name see its own pods and their
# Secrets only
# /etc/kubernetes/kube-proxy.kubeconfig: reads Services and endpoints, nothing else
put worker-0 \
    etc/kubernetes/kubelet.kubeconfig \
    etc/kubernetes/kube-proxy.kubeconfig <<'COMMANDS'
install -D --mode=0600 ./etc/kubernetes/kubelet.kubeconfig /etc/kubernetes/kubelet.kubeconfig
install -D --mode=0600 --owner=kube-proxy --group=kube-proxy ./etc/kubernetes/kube-proxy.kubeconfig /etc/kubernetes/kube-proxy.kubeconfig
COMMANDS

# This host's own.
fill "$HERE/templates/admin.kubeconfig" "$KEYS/admin.kubeconfig"
fill "$HERE/templates/break-glass.kubeconfig" "$KEYS/break-glass.kubeconfig"
component 7a7f09de08e3dc01c5bbf90657ecc83d5c2da9f5791f1ebe84132b95422878dc kubectl

# a client of the wrong server fails together with it
look 60 kubeconfig-server controller-0 controller-0 succeeds <<'COMMANDS'
[ "$(sed -n "s/^ *server: *//p" /etc/kubernetes/kube-controller-manager.kubeconfig /etc/kubernetes/kube-scheduler.kubeconfig | xargs)" = "https://10.240.0.10:6443 https://10.240.0.10:6443" ]
COMMANDS

# a client of the wrong server fails together with it
look 60 kubeconfig-server worker-0 worker-0 succeeds <<'COMMANDS'
[ "$(sed -n "s/^ *server: *//p" /etc/kubernetes/kubelet.kubeconfig /etc/kubernetes/kube-proxy.kubeconfig | xargs)" = "https://10.240.0.100:6443 https://10.240.0.100:6443" ]
COMMANDS
