# Makes the probe's network namespace anew. An address that an earlier one had, before a restart or
# a reboot, is given back first: host-local would keep it taken.
set -eu
name=hardway-probe
plugin() {
    env CNI_COMMAND="$1" CNI_CONTAINERID=$name CNI_NETNS=/run/netns/$name CNI_IFNAME=eth0 \
        CNI_PATH=/opt/cni/bin /opt/cni/bin/bridge </etc/hardway/probe.json >/dev/null
}
plugin DEL || :
ip netns delete $name 2>/dev/null || :
ip netns add $name
ip -netns $name link set lo up
plugin ADD
