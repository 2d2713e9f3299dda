#!/bin/sh
# Step 3: Three CAs and a certificate for every role. Why: every connection of the cluster is TLS,
# and each end knows who the other is.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '3. Three CAs and a certificate for every role'

# Keys and certificates
export algorithm='EC -pkeyopt ec_paramgen_curve:P-256'
authority kubernetes kubernetes-ca 3650
authority etcd etcd-ca 3650
authority front-proxy front-proxy-ca 3650
certificate etcd etcd/etcd-server/controller-0 /CN=etcd-controller-0 365 serverAuth DNS:controller-0,IP:10.240.0.10,DNS:localhost,IP:127.0.0.1
certificate etcd etcd/etcd-peer/controller-0 /CN=controller-0 365 serverAuth,clientAuth DNS:controller-0,IP:10.240.0.10
certificate etcd etcd/etcd-operator/controller-0 /CN=etcdctl 365 clientAuth
certificate kubernetes kubernetes/apiserver/controller-0 /CN=kube-apiserver 365 serverAuth DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster,DNS:kubernetes.default.svc.cluster.local,DNS:controller-0,IP:10.240.0.10,DNS:localhost,IP:127.0.0.1,IP:10.240.0.100,IP:10.32.0.1
certificate etcd etcd/apiserver-etcd-client/controller-0 /CN=kube-apiserver 365 clientAuth
certificate kubernetes kubernetes/apiserver-kubelet-client/controller-0 /CN=kube-apiserver-kubelet-client 365 clientAuth
certificate front-proxy front-proxy/front-proxy-client/controller-0 /CN=front-proxy-client 365 clientAuth
certificate kubernetes kubernetes/controller-manager-server/controller-0 /CN=kube-controller-manager 365 serverAuth DNS:controller-0,IP:10.240.0.10,DNS:localhost,IP:127.0.0.1
certificate kubernetes kubernetes/controller-manager/controller-0 /CN=system:kube-controller-manager 365 clientAuth
certificate kubernetes kubernetes/scheduler-server/controller-0 /CN=kube-scheduler 365 serverAuth DNS:controller-0,IP:10.240.0.10,DNS:localhost,IP:127.0.0.1
certificate kubernetes kubernetes/scheduler/controller-0 /CN=system:kube-scheduler 365 clientAuth
certificate kubernetes kubernetes/kubelet-server/worker-0 /O=system:nodes/CN=system:node:worker-0 365 serverAuth DNS:worker-0,IP:10.240.0.20
certificate kubernetes kubernetes/kubelet/worker-0 /O=system:nodes/CN=system:node:worker-0 365 clientAuth
certificate kubernetes kubernetes/kube-proxy/worker-0 /CN=system:kube-proxy 365 clientAuth
certificate kubernetes kubernetes/admin /O=hardway:admins/CN=hardway-admin 7 clientAuth
certificate kubernetes kubernetes/break-glass /O=system:masters/CN=hardway-break-glass 7 clientAuth
signing_key service-account
random_key encryption.key

# /etc/etcd/pki: Keys and certificates of one service.
# /etc/etcd/pki/ca.crt: trusted to say whom etcd lets in
# /etc/etcd/pki/server.crt: clients know that they talk to a member of this etcd
# /etc/etcd/pki/server.key: proves that one is etcd-controller-0
# /etc/etcd/pki/peer.crt: members copy all data to each other: only members may
# /etc/etcd/pki/peer.key: proves that one is controller-0
# /etc/etcd/pki/etcdctl.crt: looking at and repairing etcd itself
# /etc/etcd/pki/etcdctl.key: proves that one is etcdctl
put controller-0 \
    etc/etcd/pki/ca.crt \
    etc/etcd/pki/server.crt \
    etc/etcd/pki/server.key \
    etc/etcd/pki/peer.crt \
    etc/etcd/pki/peer.key \
    etc/etcd/pki/etcdctl.crt \
    etc/etcd/pki/etcdctl.key <<'COMMANDS'
install --directory --mode=0755 /etc/etcd/pki
install -D --mode=0644 ./etc/etcd/pki/ca.crt /etc/etcd/pki/ca.crt
install -D --mode=0644 ./etc/etcd/pki/server.crt /etc/etcd/pki/server.crt
install -D --mode=0600 --owner=etcd --group=etcd ./etc/etcd/pki/server.key /etc/etcd/pki/server.key
install -D --mode=0644 ./etc/etcd/pki/peer.crt /etc/etcd/pki/peer.crt
install -D --mode=0600 --owner=etcd --group=etcd ./etc/etcd/pki/peer.key /etc/etcd/pki/peer.key
install -D --mode=0644 ./etc/etcd/pki/etcdctl.crt /etc/etcd/pki/etcdctl.crt
install -D --mode=0600 ./etc/etcd/pki/etcdctl.key /etc/etcd/pki/etcdctl.key
COMMANDS

# /etc/kubernetes/pki: Keys and certificates of one service.
# /etc/kubernetes/pki/ca.crt: trusted to say whom the API lets in as whom
# /etc/kubernetes/pki/etcd-ca.crt: trusted to say that it is our etcd
# /etc/kubernetes/pki/front-proxy-ca.crt: trusted to say who may speak for others
put controller-0 \
    etc/kubernetes/pki/ca.crt \
    etc/kubernetes/pki/etcd-ca.crt \
    etc/kubernetes/pki/front-proxy-ca.crt <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki
install -D --mode=0644 ./etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/ca.crt
install -D --mode=0644 ./etc/kubernetes/pki/etcd-ca.crt /etc/kubernetes/pki/etcd-ca.crt
install -D --mode=0644 ./etc/kubernetes/pki/front-proxy-ca.crt /etc/kubernetes/pki/front-proxy-ca.crt
COMMANDS

# /etc/kubernetes/pki/kube-apiserver: Keys and certificates of one service.
# /etc/kubernetes/pki/kube-apiserver/server.crt: clients know that they talk to this cluster's API,
# by whichever name they found it
# /etc/kubernetes/pki/kube-apiserver/server.key: proves that one is kube-apiserver
# /etc/kubernetes/pki/kube-apiserver/etcd-client.crt: etcd serves API servers and nobody else
# /etc/kubernetes/pki/kube-apiserver/etcd-client.key: proves that one is kube-apiserver
# /etc/kubernetes/pki/kube-apiserver/kubelet-client.crt: logs, exec and port-forward; a binding
# grants just that, not system:masters
# /etc/kubernetes/pki/kube-apiserver/kubelet-client.key: proves that one is kube-apiserver-kubelet-
# client
# /etc/kubernetes/pki/kube-apiserver/front-proxy-client.crt: who shows it may say in headers who the
# user is
# /etc/kubernetes/pki/kube-apiserver/front-proxy-client.key: proves that one is front-proxy-client
# /etc/kubernetes/pki/kube-apiserver/service-account.key: signs pods' tokens
# /etc/kubernetes/pki/kube-apiserver/service-account.pub: checks pods' tokens
put controller-0 \
    etc/kubernetes/pki/kube-apiserver/server.crt \
    etc/kubernetes/pki/kube-apiserver/server.key \
    etc/kubernetes/pki/kube-apiserver/etcd-client.crt \
    etc/kubernetes/pki/kube-apiserver/etcd-client.key \
    etc/kubernetes/pki/kube-apiserver/kubelet-client.crt \
    etc/kubernetes/pki/kube-apiserver/kubelet-client.key \
    etc/kubernetes/pki/kube-apiserver/front-proxy-client.crt \
    etc/kubernetes/pki/kube-apiserver/front-proxy-client.key \
    etc/kubernetes/pki/kube-apiserver/service-account.key \
    etc/kubernetes/pki/kube-apiserver/service-account.pub <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki/kube-apiserver
install -D --mode=0644 ./etc/kubernetes/pki/kube-apiserver/server.crt /etc/kubernetes/pki/kube-apiserver/server.crt
install -D --mode=0600 --owner=kube-apiserver --group=kube-apiserver ./etc/kubernetes/pki/kube-apiserver/server.key /etc/kubernetes/pki/kube-apiserver/server.key
install -D --mode=0644 ./etc/kubernetes/pki/kube-apiserver/etcd-client.crt /etc/kubernetes/pki/kube-apiserver/etcd-client.crt
install -D --mode=0600 --owner=kube-apiserver --group=kube-apiserver ./etc/kubernetes/pki/kube-apiserver/etcd-client.key /etc/kubernetes/pki/kube-apiserver/etcd-client.key
install -D --mode=0644 ./etc/kubernetes/pki/kube-apiserver/kubelet-client.crt /etc/kubernetes/pki/kube-apiserver/kubelet-client.crt
install -D --mode=0600 --owner=kube-apiserver --group=kube-apiserver ./etc/kubernetes/pki/kube-apiserver/kubelet-client.key /etc/kubernetes/pki/kube-apiserver/kubelet-client.key
install -D --mode=0644 ./etc/kubernetes/pki/kube-apiserver/front-proxy-client.crt /etc/kubernetes/pki/kube-apiserver/front-proxy-client.crt
install -D --mode=0600 --owner=kube-apiserver --group=kube-apiserver ./etc/kubernetes/pki/kube-apiserver/front-proxy-client.key /etc/kubernetes/pki/kube-apiserver/front-proxy-client.key
install -D --mode=0600 --owner=kube-apiserver --group=kube-apiserver ./etc/kubernetes/pki/kube-apiserver/service-account.key /etc/kubernetes/pki/kube-apiserver/service-account.key
install -D --mode=0644 ./etc/kubernetes/pki/kube-apiserver/service-account.pub /etc/kubernetes/pki/kube-apiserver/service-account.pub
COMMANDS

# /etc/kubernetes/pki/kube-controller-manager: Keys and certificates of one service.
# /etc/kubernetes/pki/kube-controller-manager/server.crt: one of the cluster's CA, not one made up
# at each start
# /etc/kubernetes/pki/kube-controller-manager/server.key: proves that one is kube-controller-manager
# /etc/kubernetes/pki/kube-controller-manager/client.crt: RBAC grants that name what its loops need
# /etc/kubernetes/pki/kube-controller-manager/client.key: proves that one is system:kube-controller-
# manager
# /etc/kubernetes/pki/kube-controller-manager/service-account.key: signs the tokens in long-lived
# Secrets
put controller-0 \
    etc/kubernetes/pki/kube-controller-manager/server.crt \
    etc/kubernetes/pki/kube-controller-manager/server.key \
    etc/kubernetes/pki/kube-controller-manager/client.crt \
    etc/kubernetes/pki/kube-controller-manager/client.key \
    etc/kubernetes/pki/kube-controller-manager/service-account.key <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki/kube-controller-manager
install -D --mode=0644 ./etc/kubernetes/pki/kube-controller-manager/server.crt /etc/kubernetes/pki/kube-controller-manager/server.crt
install -D --mode=0600 --owner=kube-controller-manager --group=kube-controller-manager ./etc/kubernetes/pki/kube-controller-manager/server.key /etc/kubernetes/pki/kube-controller-manager/server.key
install -D --mode=0644 ./etc/kubernetes/pki/kube-controller-manager/client.crt /etc/kubernetes/pki/kube-controller-manager/client.crt
install -D --mode=0600 --owner=kube-controller-manager --group=kube-controller-manager ./etc/kubernetes/pki/kube-controller-manager/client.key /etc/kubernetes/pki/kube-controller-manager/client.key
install -D --mode=0600 --owner=kube-controller-manager --group=kube-controller-manager ./etc/kubernetes/pki/kube-controller-manager/service-account.key /etc/kubernetes/pki/kube-controller-manager/service-account.key
COMMANDS

# /etc/kubernetes/pki/kube-scheduler: Keys and certificates of one service.
# /etc/kubernetes/pki/kube-scheduler/server.crt: one of the cluster's CA, not one made up at each
# start
# /etc/kubernetes/pki/kube-scheduler/server.key: proves that one is kube-scheduler
# /etc/kubernetes/pki/kube-scheduler/client.crt: RBAC grants that name what scheduling needs
# /etc/kubernetes/pki/kube-scheduler/client.key: proves that one is system:kube-scheduler
put controller-0 \
    etc/kubernetes/pki/kube-scheduler/server.crt \
    etc/kubernetes/pki/kube-scheduler/server.key \
    etc/kubernetes/pki/kube-scheduler/client.crt \
    etc/kubernetes/pki/kube-scheduler/client.key <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki/kube-scheduler
install -D --mode=0644 ./etc/kubernetes/pki/kube-scheduler/server.crt /etc/kubernetes/pki/kube-scheduler/server.crt
install -D --mode=0600 --owner=kube-scheduler --group=kube-scheduler ./etc/kubernetes/pki/kube-scheduler/server.key /etc/kubernetes/pki/kube-scheduler/server.key
install -D --mode=0644 ./etc/kubernetes/pki/kube-scheduler/client.crt /etc/kubernetes/pki/kube-scheduler/client.crt
install -D --mode=0600 --owner=kube-scheduler --group=kube-scheduler ./etc/kubernetes/pki/kube-scheduler/client.key /etc/kubernetes/pki/kube-scheduler/client.key
COMMANDS

# /etc/kubernetes/pki: Keys and certificates of one service.
# /etc/kubernetes/pki/ca.crt: trusted to say that it is our API, and who asks kubelet
put worker-0 \
    etc/kubernetes/pki/ca.crt <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki
install -D --mode=0644 ./etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/ca.crt
COMMANDS

# /etc/kubernetes/pki/kube-proxy: Keys and certificates of one service.
# /etc/kubernetes/pki/kube-proxy/client.crt: reads Services and endpoints, nothing else
# /etc/kubernetes/pki/kube-proxy/client.key: proves that one is system:kube-proxy
put worker-0 \
    etc/kubernetes/pki/kube-proxy/client.crt \
    etc/kubernetes/pki/kube-proxy/client.key <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki/kube-proxy
install -D --mode=0644 ./etc/kubernetes/pki/kube-proxy/client.crt /etc/kubernetes/pki/kube-proxy/client.crt
install -D --mode=0600 --owner=kube-proxy --group=kube-proxy ./etc/kubernetes/pki/kube-proxy/client.key /etc/kubernetes/pki/kube-proxy/client.key
COMMANDS

# /etc/kubernetes/pki/kubelet: Keys and certificates of one service.
# /etc/kubernetes/pki/kubelet/server.crt: what an API server sends for exec may be a password: it
# must reach that node only
# /etc/kubernetes/pki/kubelet/server.key: proves that one is system:node:worker-0
# /etc/kubernetes/pki/kubelet/client.crt: the Node authorizer lets that name see its own pods and
# their Secrets only
# /etc/kubernetes/pki/kubelet/client.key: proves that one is system:node:worker-0
put worker-0 \
    etc/kubernetes/pki/kubelet/server.crt \
    etc/kubernetes/pki/kubelet/server.key \
    etc/kubernetes/pki/kubelet/client.crt \
    etc/kubernetes/pki/kubelet/client.key <<'COMMANDS'
install --directory --mode=0755 /etc/kubernetes/pki/kubelet
install -D --mode=0644 ./etc/kubernetes/pki/kubelet/server.crt /etc/kubernetes/pki/kubelet/server.crt
install -D --mode=0600 ./etc/kubernetes/pki/kubelet/server.key /etc/kubernetes/pki/kubelet/server.key
install -D --mode=0644 ./etc/kubernetes/pki/kubelet/client.crt /etc/kubernetes/pki/kubelet/client.crt
install -D --mode=0600 ./etc/kubernetes/pki/kubelet/client.key /etc/kubernetes/pki/kubelet/client.key
COMMANDS

# nobody accepts an expired certificate: whoever presents it is cut off
for machine in controller-0 worker-0; do
look 60 certificates-valid "$machine" "$machine" succeeds <<'COMMANDS'
for file in $(find /etc/kubernetes/pki /etc/etcd/pki -name "*.crt" 2>/dev/null); do openssl x509 -in $file -noout -checkend 86400 || exit 1; done
COMMANDS
done

# whoever can read a key can act as its owner
for machine in controller-0 worker-0; do
look 60 keys-private "$machine" "$machine" succeeds <<'COMMANDS'
! find /etc/kubernetes /etc/etcd -name "*.key" -perm /077 2>/dev/null | grep .
COMMANDS
done
