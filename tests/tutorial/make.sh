#!/bin/sh
# A cluster in the layout of Kubernetes The Hard Way (its editions for AWS and GCP): one certificate
# in five roles, /var/lib/kubernetes, /etc/etcd, cfssl's file names, RSA keys, flags in units.
# Written afresh after the editions' own lists of files and flags; what is not right in them is kept
# on purpose.
#   make.sh TREE SSH_FOLDER KUBECTL SERVICES PODS CGROUP OOM CONTROL_PLANE=ADDRESS WORKER=ADDRESS
# TREE has each machine's programs and containerd in nodes/NAME. SERVICES and PODS are ranges, such
# as 10.32.0.0/24 and 10.200.0.0/16; CGROUP is v1 or v2; OOM is `capped` or `free`.
set -eu
tree=$1 keys=$2 kubectl=$3 services=$4 pods=$5 cgroup=$6 oom=$7
controller=$8 worker=$9
here=$(dirname "$0")
. "$here/../../bench/on.sh"
api=${controller#*=} node=${worker#*=} server="https://${controller#*=}:6443"
service_ip=${services%.*}.1 subnet=${pods%.*.*}.0.0/24
made=$tree/made
mkdir -p "$made"
cd "$made"

# Lab 4: a CA and certificates, all of one profile: good for servers and clients.
openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/O=Kubernetes/CN=Kubernetes" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign \
    -keyout ca-key.pem -out ca.pem 2>/dev/null
certificate() {
    name=$1 subject=$2 names=${3:-}
    {
        echo "basicConstraints=CA:FALSE"
        echo "keyUsage=digitalSignature,keyEncipherment"
        echo "extendedKeyUsage=serverAuth,clientAuth"
        [ -z "$names" ] || echo "subjectAltName=$names"
    } >"$name.ext"
    openssl req -newkey rsa:2048 -nodes -subj "$subject" -keyout "$name-key.pem" -out "$name.csr" \
        2>/dev/null
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 365 \
        -extfile "$name.ext" -out "$name.pem" 2>/dev/null
}
certificate admin "/O=system:masters/CN=admin"
certificate worker "/O=system:nodes/CN=system:node:${worker%%=*}" "DNS:${worker%%=*},IP:$node"
for name in controller-manager scheduler; do
    certificate "kube-$name" "/O=system:kube-$name/CN=system:kube-$name"
done
certificate kube-proxy "/O=system:node-proxier/CN=system:kube-proxy"
certificate service-account "/O=Kubernetes/CN=service-accounts"
certificate kubernetes "/O=Kubernetes/CN=kubernetes" "IP:$service_ip,IP:$api,IP:127.0.0.1,$(
    echo DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,)$(
    echo DNS:kubernetes.default.svc.cluster,DNS:kubernetes.svc.cluster.local)"

# Lab 5: kubeconfigs, with all of it embedded.
kubeconfig() {
    file=$1 user=$2 pair=$3 url=$4
    $kubectl config set-cluster tutorial --certificate-authority=ca.pem --embed-certs=true \
        --server="$url" --kubeconfig="$file"
    $kubectl config set-credentials "$user" --client-certificate="$pair.pem" \
        --client-key="$pair-key.pem" --embed-certs=true --kubeconfig="$file"
    $kubectl config set-context default --cluster=tutorial --user="$user" --kubeconfig="$file"
    $kubectl config use-context default --kubeconfig="$file"
}
{
    kubeconfig worker.kubeconfig "system:node:${worker%%=*}" worker "$server"
    kubeconfig kube-proxy.kubeconfig system:kube-proxy kube-proxy "$server"
    for name in kube-controller-manager kube-scheduler; do
        kubeconfig "$name.kubeconfig" "system:$name" "$name" https://127.0.0.1:6443
    done
    kubeconfig admin.kubeconfig admin admin https://127.0.0.1:6443
    kubeconfig remote.kubeconfig admin admin "$server"
} >/dev/null

# Lab 6: encryption at rest.
cat >encryption-config.yaml <<END
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: [secrets]
    providers:
      - aescbc: {keys: [{name: key1, secret: $(head -c 32 /dev/urandom | base64)}]}
      - identity: {}
END

# The files of each lab, on the machine they are for.
put() { # MACHINE FOLDER FILE...
    to=$tree/nodes/${1%%=*}$2
    mkdir -p "$to"
    shift 2
    cp "$@" "$to"
}
put "$controller" /etc/etcd ca.pem kubernetes.pem kubernetes-key.pem
put "$controller" /var/lib/kubernetes ca.pem ca-key.pem kubernetes.pem kubernetes-key.pem \
    service-account.pem service-account-key.pem encryption-config.yaml \
    kube-controller-manager.kubeconfig kube-scheduler.kubeconfig
put "$controller" /root admin.kubeconfig
put "$worker" /var/lib/kubernetes ca.pem
put "$worker" /var/lib/kubelet worker.pem worker-key.pem
mkdir -p "$tree/nodes/${worker%%=*}/var/lib/kube-proxy"
cp worker.kubeconfig "$tree/nodes/${worker%%=*}/var/lib/kubelet/kubeconfig"
cp kube-proxy.kubeconfig "$tree/nodes/${worker%%=*}/var/lib/kube-proxy/kubeconfig"

# Labs 7 to 9: units and configuration.
fill() { # FILE: what the editions have as shell variables
    sed -e "s|@API@|$api|g; s|@NAME@|${controller%%=*}|g; s|@SERVICES@|$services|g" \
        -e "s|@PODS@|$pods|g; s|@SUBNET@|$subnet|g; s|@NODE@|${worker%%=*}|g" \
        -e "s|@DRIVER@|$([ "$cgroup" = v2 ] && echo systemd || echo cgroupfs)|g" \
        -e "$([ "$cgroup" = v2 ] && echo '/@V1@/d' || echo 's/ *# @V1@//')" \
        -e "$([ "$oom" = free ] && echo '/@OOM@/d' || echo 's/ *# @OOM@//')" "$1"
}
install_file() { # MACHINE FILE PATH
    mkdir -p "$tree/nodes/${1%%=*}$(dirname "$3")"
    fill "$here/$2" >"$tree/nodes/${1%%=*}$3"
}
for unit in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    install_file "$controller" "$unit.service" "/etc/systemd/system/$unit.service"
done
install_file "$controller" kube-scheduler.yaml /etc/kubernetes/config/kube-scheduler.yaml
for unit in kubelet kube-proxy; do
    install_file "$worker" "$unit.service" "/etc/systemd/system/$unit.service"
done
install_file "$worker" kubelet-config.yaml /var/lib/kubelet/kubelet-config.yaml
install_file "$worker" kube-proxy-config.yaml /var/lib/kube-proxy/kube-proxy-config.yaml
install_file "$worker" 10-bridge.conf /etc/cni/net.d/10-bridge.conf
install_file "$worker" 99-loopback.conf /etc/cni/net.d/99-loopback.conf

for machine in "$controller" "$worker"; do
    { tar -C "$tree/nodes/${machine%%=*}" -cf - . ; } |
        on "$machine" "tar --no-same-owner --no-overwrite-dir -C / -xf -"
done
on "$controller" "set -e; chmod 600 /root/admin.kubeconfig; install -d -m 700 /var/lib/etcd
    systemctl daemon-reload
    systemctl enable --quiet --now etcd kube-apiserver kube-controller-manager kube-scheduler"
until $kubectl --kubeconfig=remote.kubeconfig get --raw=/readyz >/dev/null 2>&1; do sleep 0.5; done
$kubectl --kubeconfig=remote.kubeconfig apply -f "$here/kubelet-rbac.yaml" >/dev/null
on "$worker" "set -e; systemctl daemon-reload
    systemctl enable --quiet --now containerd kubelet kube-proxy"
# Lab 11.
on "$controller" "ip route replace $subnet via $node"
until $kubectl --kubeconfig=remote.kubeconfig get nodes --no-headers 2>/dev/null | grep -qw Ready; do
    sleep 0.5
done
