#!/bin/sh
# Step 9: Workers. Why: machines that run pods: a runtime, an agent, and the way to Services.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '9. Workers'

# Packages
# runc: makes a container of what containerd gives it
# mount: kubelet mounts volumes with it
# conntrack: forgets connections to pods that are gone
# iptables: the portmap plugin serves hostPort by it
put worker-0 <<'COMMANDS'
dpkg-query --show conntrack iptables mount runc >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends conntrack iptables mount runc; }
COMMANDS

# /var/lib/kubelet: volumes and state of pods
put worker-0 <<'COMMANDS'
install --directory --mode=0700 /var/lib/kubelet
COMMANDS

# containerd.service: Runs containers for kubelet, over runc.
# /etc/containerd/config.toml: How containerd runs containers.
put worker-0 \
    etc/containerd/config.toml \
    etc/systemd/system/containerd.service <<'COMMANDS'
install -D --mode=0644 ./etc/containerd/config.toml /etc/containerd/config.toml
install -D --mode=0644 ./etc/systemd/system/containerd.service /etc/systemd/system/containerd.service
systemctl daemon-reload
systemctl enable --quiet containerd.service
systemctl restart --no-block containerd.service
COMMANDS

# hardway-images.service: Imports the images the cluster itself needs; a registry is not needed for
# them.
put worker-0 \
    etc/systemd/system/hardway-images.service <<'COMMANDS'
install -D --mode=0644 ./etc/systemd/system/hardway-images.service /etc/systemd/system/hardway-images.service
systemctl daemon-reload
systemctl enable --quiet hardway-images.service
systemctl restart --no-block hardway-images.service
COMMANDS

# kubelet.service: Makes this machine a node: runs the pods the API gives it, and reports.
# /etc/kubernetes/kubelet.yaml: How kubelet runs pods.
put worker-0 \
    etc/kubernetes/kubelet.yaml \
    etc/systemd/system/kubelet.service <<'COMMANDS'
install -D --mode=0600 ./etc/kubernetes/kubelet.yaml /etc/kubernetes/kubelet.yaml
install -D --mode=0644 ./etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service
systemctl daemon-reload
systemctl enable --quiet kubelet.service
systemctl restart --no-block kubelet.service
COMMANDS

# kube-proxy.service: Makes Services' addresses lead to pods from this machine.
# /etc/kubernetes/kube-proxy.yaml: How Services reach pods.
put worker-0 \
    etc/kubernetes/kube-proxy.yaml \
    etc/systemd/system/kube-proxy.service <<'COMMANDS'
install -D --mode=0644 ./etc/kubernetes/kube-proxy.yaml /etc/kubernetes/kube-proxy.yaml
install -D --mode=0644 ./etc/systemd/system/kube-proxy.service /etc/systemd/system/kube-proxy.service
systemctl daemon-reload
systemctl enable --quiet kube-proxy.service
systemctl restart --no-block kube-proxy.service
COMMANDS

apply "$HERE/objects/09-workers.yaml"

# they could not be pulled again from anywhere
look 180 'container images' worker-0 worker-0 same 'localhost/hardway/coredns:1.14.7-2 localhost/hardway/pause:0.1.0 localhost/hardway/probe:0.1.0' <<'COMMANDS'
timeout 5 /usr/local/bin/ctr --namespace k8s.io images ls | grep -F io.cri-containerd.pinned=pinned | cut -d' ' -f1 | grep -x -F -e localhost/hardway/pause:0.1.0 -e localhost/hardway/coredns:1.14.7-2 -e localhost/hardway/probe:0.1.0 | sort
COMMANDS

# without a runtime nothing runs
look 180 containerd-answers worker-0 worker-0 says answers <<'COMMANDS'
ctr --connect-timeout 2s version >/dev/null 2>&1 && echo answers || echo no
COMMANDS

# kubelet starts, watches and ends the pods of its node
look 180 kubelet-healthy worker-0 worker-0 says 200 <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}\n' http://127.0.0.1:10248/healthz
COMMANDS

# whoever may ask a kubelet for exec is root on that node
look 180 kubelet-refuses-anonymous worker-0 worker-0 says 401 <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}\n' --cacert /etc/kubernetes/pki/ca.crt https://worker-0:10250/pods
COMMANDS

# without it Services' addresses lead nowhere
look 180 kube-proxy-healthy worker-0 worker-0 says 200 <<'COMMANDS'
curl --silent --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}\n' http://127.0.0.1:10256/healthz
COMMANDS
