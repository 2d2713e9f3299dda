"""A worker's probe: a network namespace like a pod's, that answers and asks; a part of pod-network.

It is made by the CNI plugins that make pods' networks, under one fixed id and the last address of
the worker's range, and it is always there. Checks ask from within it: they see what a pod on this
worker sees, whatever firewall stands where, and no pod has to be made.
"""

import json
from collections.abc import Mapping

from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import File, Folder
from hardway.model.rows import Setting, quiet
from hardway.render.config import comment, key_values
from hardway.render.systemd import RESTARTS, Service
from hardway.steps.components import BIN, CNI

NAMESPACE = "hardway-probe"
PORT = 8080
"""In a namespace of its own: nothing else listens there."""
NOBODY = 65534
FOLDER = "/etc/hardway"
NETWORK = f"{FOLDER}/probe.json"
SCRIPT = f"{FOLDER}/probe-network.sh"
RESOLV_FOLDER = Folder(
    path=f"/etc/netns/{NAMESPACE}", why="what programs in the probe's namespace see as /etc"
)
RESOLV_CONF = f"{RESOLV_FOLDER.path}/resolv.conf"
"""`ip netns exec` shows it as /etc/resolv.conf (ip-netns(8))."""


def address(machine: Machine) -> str:
    """Return the address of a worker's probe: the last of its range that pods could have."""
    assert machine.pod_cidr is not None  # noqa: S101 - workers have one
    return str(machine.pod_cidr[-2])


def files(cluster: Cluster, machine: Machine, bridge: Mapping[str, object]) -> tuple[File, ...]:
    """Return the files of a worker's probe; `bridge` is the CNI plugin's configuration for pods."""
    own = [[{"subnet": str(machine.pod_cidr), "rangeStart": address(machine),
             "rangeEnd": address(machine)}]]  # fmt: skip
    ipam = {"type": "host-local", "ranges": own, "routes": [{"dst": "0.0.0.0/0"}]}
    network = {"cniVersion": "1.0.0", "name": "pods", **bridge, "ipam": ipam}
    servers = (
        quiet("nameserver", cluster.dns_service_ip, "The cluster's DNS, by its Service."),
        quiet("options", "timeout:4 attempts:2", "A check waits twice at most, and not long."),
    )
    return (
        File(path=NETWORK, content=(json.dumps(network, indent=2) + "\n").encode(),
             why="what the CNI plugins are asked for: a pod's network at a fixed address"),
        File(path=SCRIPT, content=_script().encode(),
             why="gives the probe a namespace of its own, by the same plugins as any pod"),
        File(path=RESOLV_CONF,
             content=key_values("The cluster's DNS, as in pods.", servers, between=" "),
             rows=servers,
             why="names are asked of the cluster's DNS, by its Service"),
    )  # fmt: skip


def _script() -> str:
    head = comment(
        "Makes the probe's network namespace anew. An address that an earlier one had, before a "
        "restart or a reboot, is given back first: host-local would keep it taken."
    )
    return f"""{head}set -eu
name={NAMESPACE}
plugin() {{
    env CNI_COMMAND="$1" CNI_CONTAINERID=$name CNI_NETNS=/run/netns/$name CNI_IFNAME=eth0 \\
        CNI_PATH={CNI} {CNI}/bridge <{NETWORK} >/dev/null
}}
plugin DEL || :
ip netns delete $name 2>/dev/null || :
ip netns add $name
ip -netns $name link set lo up
plugin ADD
"""


def service() -> Service:
    """Return the service that makes the namespace and answers in it."""
    within = f"/sbin/ip netns exec {NAMESPACE}"
    as_nobody = f"/usr/bin/setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --no-new-privs"
    return Service(
        name=f"{NAMESPACE}.service",
        description="Probe of the pod network",
        why="Answers in a pod's network on this worker, so that others can try the way to pods.",
        command=f"{within} {as_nobody} {BIN}/hardway-probe serve --port {PORT}",
        unit=(
            Setting("After", "hardway-host.service network-online.target",
                    "The machine has its address when others ask it."),
            Setting("StartLimitIntervalSec", "0",
                    "A pod from before may have the address until it ends."),
        ),
        service=(
            Setting("ExecStartPre", f"/bin/sh {SCRIPT}", "A namespace does not outlive a reboot."),
            *RESTARTS,
        ),
        reads=(NETWORK, SCRIPT, f"{BIN}/hardway-probe"),
    )  # fmt: skip
