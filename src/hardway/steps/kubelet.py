"""kubelet's service and configuration; a part of the step workers."""

import re
from collections.abc import Sequence

from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.resources import File
from hardway.render.config import Setting, yaml_text
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service
from hardway.steps.components import BIN
from hardway.steps.containerd import SOCKET
from hardway.steps.extras import gates

UNIT = "kubelet.service"
CONFIG = "/etc/kubernetes/kubelet.yaml"
KUBECONFIG = "/etc/kubernetes/kubelet.kubeconfig"
PKI = "/etc/kubernetes/pki"
CERTIFICATE = f"{PKI}/kubelet/server.crt"
KEY = f"{PKI}/kubelet/server.key"
PORT = 10250
HEALTH_PORT = 10248
MIB = 1 << 20


def config(cluster: Cluster, machine: Machine, host: HostFacts) -> File:
    """Return kubelet's configuration."""
    header = "kubelet: makes this machine a node and runs the pods it is given."
    return File(
        path=CONFIG,
        content=yaml_text(header, settings(cluster, machine, host)),
        commented=True,
        why="how kubelet runs pods",
    )


def settings(cluster: Cluster, machine: Machine, host: HostFacts) -> tuple[Setting, ...]:
    """Return what stands in kubelet's configuration."""
    return (
        Setting("apiVersion", "kubelet.config.k8s.io/v1beta1", ""),
        Setting("kind", "KubeletConfiguration", ""),
        *_who_may(),
        Setting("tlsCertFile", CERTIFICATE, "Signed by our CA, so that API servers can check it."),
        Setting("tlsPrivateKeyFile", KEY, ""),
        Setting("tlsMinVersion", "VersionTLS12", ""),
        Setting("containerRuntimeEndpoint", f"unix://{SOCKET}", ""),
        Setting("clusterDomain", "cluster.local", ""),
        Setting("clusterDNS", [str(cluster.dns_service_ip)], "The cluster's DNS, by its Service."),
        Setting("resolvConf", host.resolv_conf, "What pods with dnsPolicy Default get."),
        *_cgroups(host),
        *_resources(cluster, host),
        Setting("podPidsLimit", cluster.options.pod_pids_limit,
                "A pod that forks without end ends itself, not the node."),
        *_taints(cluster.options.taints[machine.name]),
        Setting("seccompDefault", True,
                "Containers that ask for nothing get the runtime's filter of system calls."),
        Setting("rotateCertificates", False, "hardway renews certificates; no CA key is in reach."),
        *gates(cluster.options, "kubelet"),
    )  # fmt: skip


def _who_may() -> tuple[Setting, ...]:
    authentication = {
        "anonymous": {"enabled": False},
        "webhook": {"enabled": True},
        "x509": {"clientCAFile": f"{PKI}/ca.crt"},
    }
    return (
        Setting("authentication", authentication,
                "Who asks kubelet for anything shows a certificate or a token."),
        Setting("authorization", {"mode": "Webhook"}, "The API server says who may do what here."),
        Setting("readOnlyPort", 0, "No port without authentication."),
    )  # fmt: skip


def _taints(taints: Sequence[str]) -> tuple[Setting, ...]:
    """Return the taints of a node at its registration: later ones are people's own."""
    if not taints:
        return ()
    parts = [re.fullmatch(r"([^=:]+)=?([^:]*):(\w+)", taint) for taint in taints]
    rows = [{"key": p[1], "value": p[2], "effect": p[3]} for p in parts if p]
    return (Setting("registerWithTaints", rows, "Set once, when the node is registered."),)


def _cgroups(host: HostFacts) -> tuple[Setting, ...]:
    if host.cgroup == "v2":
        return (Setting("cgroupDriver", "systemd", "As containerd's SystemdCgroup: one manager."),)
    return (
        Setting("cgroupDriver", "cgroupfs", "As containerd's SystemdCgroup: one manager."),
        Setting("failCgroupV1", False,
                "This host has cgroup v1; kubelet refuses that by default since 1.35."),
    )  # fmt: skip


def _resources(cluster: Cluster, host: HostFacts) -> tuple[Setting, ...]:
    settings = []
    if host.shared:
        settings.append(
            Setting("systemReserved", reserved(cluster, host),
                    "Each machine sees the whole host. What is not this machine's share is kept "
                    "back, so that what all nodes offer adds up to what there is.")
        )  # fmt: skip
    if host.shared and host.swap:
        settings += [
            Setting("failSwapOn", False, "The swap seen here is the host's own business."),
            Setting("memorySwap", {"swapBehavior": "NoSwap"}, "Pods get none of it."),
        ]
    if host.capped_oom:
        settings.append(Setting("oomScoreAdj", 0, "This host does not allow to lower it."))
    return tuple(settings)


def reserved(cluster: Cluster, host: HostFacts) -> dict[str, str]:
    """Return what kubelet keeps back of the host it sees: all but the machine's share."""
    cpu_share = host.cpus * 1000 // max(1, len(cluster.workers))
    memory_share = host.memory_bytes // len(cluster.machines)
    return {
        "cpu": f"{host.cpus * 1000 - cpu_share}m",
        "memory": f"{(host.memory_bytes - memory_share) // MIB}Mi",
    }


def waits_for_api(cluster: Cluster) -> Setting:
    """Return the line that holds a service back until the API answers, or two minutes."""
    ask = (
        f"curl --silent --fail --max-time 2 --cacert {PKI}/ca.crt --output /dev/null "
        f"{cluster.endpoint.url}/readyz"
    )
    return Setting(
        "ExecStartPre",
        f"-/usr/bin/timeout 120 /bin/sh -c 'until {ask}; do sleep 0.3; done'",
        "Who asks before the API answers waits ever longer between its attempts. Only at the "
        "start: a running one bears the API's absence.",
    )


def service(cluster: Cluster, machine: Machine) -> Service:
    """Return the kubelet of one worker."""
    return Service(
        name=UNIT,
        description="Kubernetes node agent",
        why="Makes this machine a node: runs the pods the API gives it, and reports.",
        command=f"{BIN}/kubelet",
        flags=(
            Setting("--config", CONFIG, ""),
            Setting("--kubeconfig", KUBECONFIG, "Through the endpoint: any API server will do."),
            Setting("--hostname-override", machine.name,
                    "The node's name; its certificate says system:node: and this name."),
            Setting("--node-ip", str(machine.address), "API servers reach kubelet there."),
        ),
        unit=(
            Setting("Documentation", "https://kubernetes.io/docs/", ""),
            Setting("After", "containerd.service hardway-images.service", ""),
            Setting("After", "hardway-network.service", "Pods find their way from the first on."),
            Setting("Wants", "containerd.service hardway-network.service", ""),
            NEVER_GIVE_UP,
        ),
        service=(
            waits_for_api(cluster),
            Setting("TimeoutStartSec", "infinity", ""),
            Setting("KillMode", "process", "Pods outlive a restart of kubelet."),
            *RESTARTS,
        ),
        reads=(CONFIG, KUBECONFIG, f"{PKI}/ca.crt", CERTIFICATE, KEY, f"{BIN}/kubelet"),
    )  # fmt: skip
