#!/bin/sh
# Step 2: Binaries and images. Why: stock upstream components, each by its digest.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '2. Binaries and images'

# /usr/local/bin
# /usr/local/bin/etcd: keeps all of the cluster's state
# /usr/local/bin/etcdctl: asks and repairs etcd
# /usr/local/bin/etcdutl: works on etcd's files while it does not run
# /usr/local/bin/kube-apiserver: the API: the only one who talks to etcd
# /usr/local/bin/kube-controller-manager: turns what is wanted into objects that say how
# /usr/local/bin/kube-scheduler: gives each pod a node
files=$(bring controller-0 <<'TABLE'
c38cbd92fce41312f3fbdce60510013b7f0d4004a03b45c8e762f98f1ed4006c etcd usr/local/bin/etcd
f94ec254a117d6c2ec730e316ecc4607767d1c5722dc6906bc4d9228c2dbf756 etcdctl usr/local/bin/etcdctl
22fe312789b6cb7bf3d95448a3c5bc763099160ef36e0daee3ed86cd4e0acfe1 etcdutl usr/local/bin/etcdutl
3ddd18007da0e2a1e7da24b251a2d691f53a918f9e2dedf116c0bd39de1149fe kube-apiserver usr/local/bin/kube-apiserver
4a994d4ab83b7a29e79cbeef1e000050b276397409a226231f7be4b209639b19 kube-controller-manager usr/local/bin/kube-controller-manager
a6fbf422f675e85853635a96c221a1a343450db7f4bbd0b0842521362634ac48 kube-scheduler usr/local/bin/kube-scheduler
TABLE
)
# shellcheck disable=SC2086 # several words on purpose
put controller-0 $files <<'COMMANDS'
mkdir --parents /usr/local/bin
store=/opt/hardway/store/c38cbd92fce41312f3fbdce60510013b7f0d4004a03b45c8e762f98f1ed4006c
[ -e $store/etcd ] || install -D --mode=0755 ./usr/local/bin/etcd $store/etcd
ln --symbolic --force --no-dereference $store/etcd /usr/local/bin/etcd
store=/opt/hardway/store/f94ec254a117d6c2ec730e316ecc4607767d1c5722dc6906bc4d9228c2dbf756
[ -e $store/etcdctl ] || install -D --mode=0755 ./usr/local/bin/etcdctl $store/etcdctl
ln --symbolic --force --no-dereference $store/etcdctl /usr/local/bin/etcdctl
store=/opt/hardway/store/22fe312789b6cb7bf3d95448a3c5bc763099160ef36e0daee3ed86cd4e0acfe1
[ -e $store/etcdutl ] || install -D --mode=0755 ./usr/local/bin/etcdutl $store/etcdutl
ln --symbolic --force --no-dereference $store/etcdutl /usr/local/bin/etcdutl
store=/opt/hardway/store/3ddd18007da0e2a1e7da24b251a2d691f53a918f9e2dedf116c0bd39de1149fe
[ -e $store/kube-apiserver ] || install -D --mode=0755 ./usr/local/bin/kube-apiserver $store/kube-apiserver
ln --symbolic --force --no-dereference $store/kube-apiserver /usr/local/bin/kube-apiserver
store=/opt/hardway/store/4a994d4ab83b7a29e79cbeef1e000050b276397409a226231f7be4b209639b19
[ -e $store/kube-controller-manager ] || install -D --mode=0755 ./usr/local/bin/kube-controller-manager $store/kube-controller-manager
ln --symbolic --force --no-dereference $store/kube-controller-manager /usr/local/bin/kube-controller-manager
store=/opt/hardway/store/a6fbf422f675e85853635a96c221a1a343450db7f4bbd0b0842521362634ac48
[ -e $store/kube-scheduler ] || install -D --mode=0755 ./usr/local/bin/kube-scheduler $store/kube-scheduler
ln --symbolic --force --no-dereference $store/kube-scheduler /usr/local/bin/kube-scheduler
sha256sum --check --quiet <<'END'
c38cbd92fce41312f3fbdce60510013b7f0d4004a03b45c8e762f98f1ed4006c  /usr/local/bin/etcd
f94ec254a117d6c2ec730e316ecc4607767d1c5722dc6906bc4d9228c2dbf756  /usr/local/bin/etcdctl
22fe312789b6cb7bf3d95448a3c5bc763099160ef36e0daee3ed86cd4e0acfe1  /usr/local/bin/etcdutl
3ddd18007da0e2a1e7da24b251a2d691f53a918f9e2dedf116c0bd39de1149fe  /usr/local/bin/kube-apiserver
4a994d4ab83b7a29e79cbeef1e000050b276397409a226231f7be4b209639b19  /usr/local/bin/kube-controller-manager
a6fbf422f675e85853635a96c221a1a343450db7f4bbd0b0842521362634ac48  /usr/local/bin/kube-scheduler
END
COMMANDS

# /usr/local/bin
# /usr/local/bin/containerd: runs containers for kubelet
# /usr/local/bin/containerd-shim-runc-v2: stays with each container when containerd restarts
# /usr/local/bin/ctr: imports images and shows containers
# /usr/local/bin/kubelet: runs the pods of this node
# /usr/local/bin/kube-proxy: makes Services' addresses lead to pods
# /usr/local/bin/hardway-probe: answers and asks in a network like a pod's
files=$(bring worker-0 <<'TABLE'
2397d068a8d1552a4c3f9147ba9c94e086bfd66fb2acb5bbaf47197105127d5f containerd usr/local/bin/containerd
78bb7ccefd41ab2d1c83ef2f0f5178bd57a4cdb359cb5298961d3d2fef6bd591 containerd-shim-runc-v2 usr/local/bin/containerd-shim-runc-v2
2752ea5db34c1dc718967086526c49d5f55793678e2002db3f7a3e45a4a97b2a ctr usr/local/bin/ctr
1ca4bc7eb9b3d6f1e205da9cfab437c89d3760d0765a29a6bcbccf4ad51a2cb1 kubelet usr/local/bin/kubelet
7d7d4eed89b70ea736ca15fa6c6183a27198a1b8cccc12e1944590f415a774e7 kube-proxy usr/local/bin/kube-proxy
460489f99d25bdb16f159cc3b493ee9e95422a935ba95f886811ca29eb37aed8 hardway-probe usr/local/bin/hardway-probe
TABLE
)
# shellcheck disable=SC2086 # several words on purpose
put worker-0 $files <<'COMMANDS'
mkdir --parents /usr/local/bin
store=/opt/hardway/store/2397d068a8d1552a4c3f9147ba9c94e086bfd66fb2acb5bbaf47197105127d5f
[ -e $store/containerd ] || install -D --mode=0755 ./usr/local/bin/containerd $store/containerd
ln --symbolic --force --no-dereference $store/containerd /usr/local/bin/containerd
store=/opt/hardway/store/78bb7ccefd41ab2d1c83ef2f0f5178bd57a4cdb359cb5298961d3d2fef6bd591
[ -e $store/containerd-shim-runc-v2 ] || install -D --mode=0755 ./usr/local/bin/containerd-shim-runc-v2 $store/containerd-shim-runc-v2
ln --symbolic --force --no-dereference $store/containerd-shim-runc-v2 /usr/local/bin/containerd-shim-runc-v2
store=/opt/hardway/store/2752ea5db34c1dc718967086526c49d5f55793678e2002db3f7a3e45a4a97b2a
[ -e $store/ctr ] || install -D --mode=0755 ./usr/local/bin/ctr $store/ctr
ln --symbolic --force --no-dereference $store/ctr /usr/local/bin/ctr
store=/opt/hardway/store/1ca4bc7eb9b3d6f1e205da9cfab437c89d3760d0765a29a6bcbccf4ad51a2cb1
[ -e $store/kubelet ] || install -D --mode=0755 ./usr/local/bin/kubelet $store/kubelet
ln --symbolic --force --no-dereference $store/kubelet /usr/local/bin/kubelet
store=/opt/hardway/store/7d7d4eed89b70ea736ca15fa6c6183a27198a1b8cccc12e1944590f415a774e7
[ -e $store/kube-proxy ] || install -D --mode=0755 ./usr/local/bin/kube-proxy $store/kube-proxy
ln --symbolic --force --no-dereference $store/kube-proxy /usr/local/bin/kube-proxy
store=/opt/hardway/store/460489f99d25bdb16f159cc3b493ee9e95422a935ba95f886811ca29eb37aed8
[ -e $store/hardway-probe ] || install -D --mode=0755 ./usr/local/bin/hardway-probe $store/hardway-probe
ln --symbolic --force --no-dereference $store/hardway-probe /usr/local/bin/hardway-probe
sha256sum --check --quiet <<'END'
2397d068a8d1552a4c3f9147ba9c94e086bfd66fb2acb5bbaf47197105127d5f  /usr/local/bin/containerd
78bb7ccefd41ab2d1c83ef2f0f5178bd57a4cdb359cb5298961d3d2fef6bd591  /usr/local/bin/containerd-shim-runc-v2
2752ea5db34c1dc718967086526c49d5f55793678e2002db3f7a3e45a4a97b2a  /usr/local/bin/ctr
1ca4bc7eb9b3d6f1e205da9cfab437c89d3760d0765a29a6bcbccf4ad51a2cb1  /usr/local/bin/kubelet
7d7d4eed89b70ea736ca15fa6c6183a27198a1b8cccc12e1944590f415a774e7  /usr/local/bin/kube-proxy
460489f99d25bdb16f159cc3b493ee9e95422a935ba95f886811ca29eb37aed8  /usr/local/bin/hardway-probe
END
COMMANDS

# /opt/cni/bin
# /opt/cni/bin/bridge: gives a pod a cable into this node's bridge
# /opt/cni/bin/host-local: gives a pod an address of this node's range
# /opt/cni/bin/loopback: brings a pod's lo up
# /opt/cni/bin/portmap: serves hostPort
files=$(bring worker-0 <<'TABLE'
17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121 bridge opt/cni/bin/bridge
21f6947133026463bf395129e218a84c0f1c1aa1d3f47a4d8637314f2c52ea46 host-local opt/cni/bin/host-local
64edaa3fb9310e98cdb183cddbf156d9964a05c017fa7f8ee3c262909fa36759 loopback opt/cni/bin/loopback
6dc35b7514d213aa7c4546108c1a92d429b612e5c2ac27cb05042fe7f55f63e3 portmap opt/cni/bin/portmap
TABLE
)
# shellcheck disable=SC2086 # several words on purpose
put worker-0 $files <<'COMMANDS'
mkdir --parents /opt/cni/bin
store=/opt/hardway/store/17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121
[ -e $store/bridge ] || install -D --mode=0755 ./opt/cni/bin/bridge $store/bridge
ln --symbolic --force --no-dereference $store/bridge /opt/cni/bin/bridge
store=/opt/hardway/store/21f6947133026463bf395129e218a84c0f1c1aa1d3f47a4d8637314f2c52ea46
[ -e $store/host-local ] || install -D --mode=0755 ./opt/cni/bin/host-local $store/host-local
ln --symbolic --force --no-dereference $store/host-local /opt/cni/bin/host-local
store=/opt/hardway/store/64edaa3fb9310e98cdb183cddbf156d9964a05c017fa7f8ee3c262909fa36759
[ -e $store/loopback ] || install -D --mode=0755 ./opt/cni/bin/loopback $store/loopback
ln --symbolic --force --no-dereference $store/loopback /opt/cni/bin/loopback
store=/opt/hardway/store/6dc35b7514d213aa7c4546108c1a92d429b612e5c2ac27cb05042fe7f55f63e3
[ -e $store/portmap ] || install -D --mode=0755 ./opt/cni/bin/portmap $store/portmap
ln --symbolic --force --no-dereference $store/portmap /opt/cni/bin/portmap
sha256sum --check --quiet <<'END'
17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121  /opt/cni/bin/bridge
21f6947133026463bf395129e218a84c0f1c1aa1d3f47a4d8637314f2c52ea46  /opt/cni/bin/host-local
64edaa3fb9310e98cdb183cddbf156d9964a05c017fa7f8ee3c262909fa36759  /opt/cni/bin/loopback
6dc35b7514d213aa7c4546108c1a92d429b612e5c2ac27cb05042fe7f55f63e3  /opt/cni/bin/portmap
END
COMMANDS

# /opt/hardway/images
# /opt/hardway/images/pause.tar: holds a pod's namespaces
# /opt/hardway/images/coredns.tar: the cluster's DNS
# /opt/hardway/images/probe.tar: what the smoke test runs in pods
files=$(bring worker-0 <<'TABLE'
5cf887652896fe0c6449b12b5ebb47243c0f30b787cbd2029c6fa04aa0081120 pause.tar opt/hardway/images/pause.tar
5550b0a9ac7ca10d94f2efad95faa376462e491afaaf03ff70c0b2255176bd0b coredns.tar opt/hardway/images/coredns.tar
b2322be3795a287846657f83019748b2c88f0fc4d2f468587da128f527fad75a probe.tar opt/hardway/images/probe.tar
TABLE
)
# shellcheck disable=SC2086 # several words on purpose
put worker-0 $files <<'COMMANDS'
mkdir --parents /opt/hardway/images
store=/opt/hardway/store/5cf887652896fe0c6449b12b5ebb47243c0f30b787cbd2029c6fa04aa0081120
[ -e $store/pause.tar ] || install -D --mode=0755 ./opt/hardway/images/pause.tar $store/pause.tar
ln --symbolic --force --no-dereference $store/pause.tar /opt/hardway/images/pause.tar
store=/opt/hardway/store/5550b0a9ac7ca10d94f2efad95faa376462e491afaaf03ff70c0b2255176bd0b
[ -e $store/coredns.tar ] || install -D --mode=0755 ./opt/hardway/images/coredns.tar $store/coredns.tar
ln --symbolic --force --no-dereference $store/coredns.tar /opt/hardway/images/coredns.tar
store=/opt/hardway/store/b2322be3795a287846657f83019748b2c88f0fc4d2f468587da128f527fad75a
[ -e $store/probe.tar ] || install -D --mode=0755 ./opt/hardway/images/probe.tar $store/probe.tar
ln --symbolic --force --no-dereference $store/probe.tar /opt/hardway/images/probe.tar
sha256sum --check --quiet <<'END'
5cf887652896fe0c6449b12b5ebb47243c0f30b787cbd2029c6fa04aa0081120  /opt/hardway/images/pause.tar
5550b0a9ac7ca10d94f2efad95faa376462e491afaaf03ff70c0b2255176bd0b  /opt/hardway/images/coredns.tar
b2322be3795a287846657f83019748b2c88f0fc4d2f468587da128f527fad75a  /opt/hardway/images/probe.tar
END
COMMANDS
