#!/bin/sh
# Step 7: Control plane. Why: the API, and the loops that act on what it is told.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '7. Control plane'

# kube-apiserver.service: The cluster's front door; nothing else talks to etcd.
# /etc/kubernetes/audit-policy.yaml: What the audit log keeps of each request.
# /etc/kubernetes/admission.yaml: Warnings about pods that could take over their node.
# /var/log/kubernetes: The audit log: who did what. The API server begins new files itself.
# /etc/kubernetes/authentication.yaml: Which paths answer without credentials.
put controller-0 \
    etc/kubernetes/audit-policy.yaml \
    etc/kubernetes/admission.yaml \
    etc/systemd/system/kube-apiserver.service \
    etc/kubernetes/authentication.yaml <<'COMMANDS'
install --directory --mode=0700 --owner=kube-apiserver --group=kube-apiserver /var/log/kubernetes
install -D --mode=0644 ./etc/kubernetes/audit-policy.yaml /etc/kubernetes/audit-policy.yaml
install -D --mode=0644 ./etc/kubernetes/admission.yaml /etc/kubernetes/admission.yaml
install -D --mode=0644 ./etc/systemd/system/kube-apiserver.service /etc/systemd/system/kube-apiserver.service
install -D --mode=0644 ./etc/kubernetes/authentication.yaml /etc/kubernetes/authentication.yaml
systemctl daemon-reload
systemctl enable --quiet kube-apiserver.service
systemctl restart --no-block kube-apiserver.service
COMMANDS

# kube-controller-manager.service: Loops that turn what is wanted into what is: ReplicaSets, tokens,
# ranges.
put controller-0 \
    etc/systemd/system/kube-controller-manager.service <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/kube-controller-manager.service /etc/systemd/system/kube-controller-manager.service
systemctl daemon-reload
systemctl enable --quiet kube-controller-manager.service
systemctl restart --no-block kube-controller-manager.service
COMMANDS

# kube-scheduler.service: Gives each new pod a node.
put controller-0 \
    etc/systemd/system/kube-scheduler.service <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/kube-scheduler.service /etc/systemd/system/kube-scheduler.service
systemctl daemon-reload
systemctl enable --quiet kube-scheduler.service
systemctl restart --no-block kube-scheduler.service
COMMANDS

# every part of the cluster talks to the others through the API
look 180 apiserver-ready controller-0 controller-0 ends 'ok 200' <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --cacert /etc/kubernetes/pki/ca.crt --write-out ' %{http_code}\n' https://controller-0:6443/readyz | tail -n1
COMMANDS

# strangers may ask for health and for nothing else
look 180 apiserver-refuses-anonymous controller-0 controller-0 ends 401 <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --cacert /etc/kubernetes/pki/ca.crt --write-out ' %{http_code}\n' https://controller-0:6443/api | tail -n1
COMMANDS

# without it nothing follows from the objects that people create
look 180 controller-manager-healthy controller-0 controller-0 ends 'ok 200' <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --cacert /etc/kubernetes/pki/ca.crt --write-out ' %{http_code}\n' https://localhost:10257/healthz | tail -n1
COMMANDS

# without it new pods stay Pending
look 180 scheduler-healthy controller-0 controller-0 ends 'ok 200' <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --cacert /etc/kubernetes/pki/ca.crt --write-out ' %{http_code}\n' https://localhost:10259/healthz | tail -n1
COMMANDS
