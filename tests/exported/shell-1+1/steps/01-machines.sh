#!/bin/sh
# Step 1: Machines that know each other. Why: names, users, kernel settings: what all later steps
# rely on.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '1. Machines that know each other'

# Packages
# procps: sysctl puts kernel settings into effect
# kmod: modprobe loads kernel modules
# ca-certificates: whom programs on the machine trust outside
# curl: asks whether the API and services are well
for machine in controller-0 worker-0; do
put "$machine" <<'COMMANDS'
dpkg-query --show ca-certificates curl kmod procps >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates curl kmod procps; }
COMMANDS
done

# /etc/hosts: Machines find each other by name without any DNS.
for machine in controller-0 worker-0; do
put "$machine" <<'COMMANDS'
touch /etc/hosts
sed --in-place '/^# hardway: begin$/,/^# hardway: end$/d' /etc/hosts
cat >>/etc/hosts <<'END'
# hardway: begin
# Every machine of the cluster; kubelet looks up its own name before it starts, and containerd
# forwards ports to localhost.
127.0.0.1 localhost
10.240.0.10 controller-0
10.240.0.20 worker-0
10.240.0.100 kubernetes
# hardway: end
END
COMMANDS
done

# hardway-host.service: Puts this machine's settings into effect, at once and at each boot.
# /etc/sysusers.d/hardway.conf: Each service has a user of its own, so that it can read its own keys
# only.
# /etc/sysctl.d/zz-hardway.conf: Kernel settings that routing and the endpoint need.
# /etc/modules-load.d/hardway.conf: Kernel modules that containers and Services need.
for machine in controller-0 worker-0; do
put "$machine" \
    etc/sysusers.d/hardway.conf \
    etc/sysctl.d/zz-hardway.conf \
    etc/modules-load.d/hardway.conf \
    etc/systemd/system/hardway-host.service <<'COMMANDS'
install -D --mode=0644 ./etc/sysusers.d/hardway.conf /etc/sysusers.d/hardway.conf
install -D --mode=0644 ./etc/sysctl.d/zz-hardway.conf /etc/sysctl.d/zz-hardway.conf
install -D --mode=0644 ./etc/modules-load.d/hardway.conf /etc/modules-load.d/hardway.conf
install -D --mode=0644 ./etc/systemd/system/hardway-host.service /etc/systemd/system/hardway-host.service
systemctl daemon-reload
systemctl enable --quiet hardway-host.service
systemctl restart --no-block hardway-host.service
COMMANDS
done

# others set them too: hardening guides, libvirt, a second sysctl.d file
look 60 'kernel settings' controller-0 controller-0 same 'net.ipv4.ip_forward = 1 net.ipv4.ip_nonlocal_bind = 1' <<'COMMANDS'
sysctl --ignore net.ipv4.ip_forward net.ipv4.ip_nonlocal_bind
COMMANDS

# a service whose user is gone does not start; nobody logs in as one
look 60 'users of services' controller-0 controller-0 same 'etcd:/usr/sbin/nologin kube-apiserver:/usr/sbin/nologin kube-controller-manager:/usr/sbin/nologin kube-scheduler:/usr/sbin/nologin' <<'COMMANDS'
getent passwd etcd kube-apiserver kube-controller-manager kube-scheduler | cut -d: -f1,7
COMMANDS

# others set them too: hardening guides, libvirt, a second sysctl.d file
look 60 'kernel settings' worker-0 worker-0 same 'net.ipv4.ip_forward = 1 net.bridge.bridge-nf-call-iptables = 1' <<'COMMANDS'
sysctl --ignore net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables
COMMANDS

# volumes that a pod mounts for others (CSI drivers) are seen by nobody else
look 60 'shared mounts' worker-0 worker-0 same shared <<'COMMANDS'
findmnt --noheadings --output PROPAGATION --target /var/lib/kubelet
COMMANDS

# a service whose user is gone does not start; nobody logs in as one
look 60 'users of services' worker-0 worker-0 same kube-proxy:/usr/sbin/nologin <<'COMMANDS'
getent passwd kube-proxy | cut -d: -f1,7
COMMANDS

# everything else goes over SSH
for machine in controller-0 worker-0; do
look 60 machine-answers "$machine" "$machine" says answers <<'COMMANDS'
echo answers
COMMANDS
done

# the cluster's data is on a file system that /etc/fstab has and nobody mounted: what is written
# meanwhile lies below it. Stop the services, mount it, start them
for machine in controller-0 worker-0; do
look 60 file-systems-mounted "$machine" "$machine" says all <<'COMMANDS'
missing=$(findmnt --fstab --noheadings --raw --output TARGET,OPTIONS | grep -v noauto |
cut -d' ' -f1 | while read -r place; do
    for path in /etc/kubernetes /var/lib/etcd /var/lib/kubelet /etc/cni/net.d /etc/iproute2/rt_addrprotos.d/keepalived.conf /opt/containerd /run/containerd /usr/libexec/kubernetes /var/lib/cni /var/lib/containerd /var/log/containers /var/log/pods /opt/hardway/store; do
        case $path/ in "${place%/}"/*) ;; *) case $place/ in $path/*) ;; *) continue ;; esac; esac
        findmnt "$place" >/dev/null || echo "$place"
    done
done | sort -u | xargs)
echo "${missing:-all}"
COMMANDS
done
