"""kubelet's service and configuration; a part of the step workers."""

import re
from collections.abc import Sequence
from dataclasses import replace

from hardway.model import ports
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.resources import File
from hardway.model.rows import Reread, Setting, quiet
from hardway.render.config import yaml_file
from hardway.render.systemd import (
    NEVER_GIVE_UP,
    RESTARTS,
    Service,
    after,
    documentation,
)
from hardway.steps import tls
from hardway.steps.components import BIN
from hardway.steps.containerd import SOCKET
from hardway.steps.extras import gates
from hardway.steps.reread import clients_reread_ca, reread_ca, reread_certificate
from hardway.steps.waiting import waits_for_api

UNIT = "kubelet.service"
CONFIG = "/etc/kubernetes/kubelet.yaml"
KUBECONFIG = "/etc/kubernetes/kubelet.kubeconfig"
PKI = "/etc/kubernetes/pki"
CA = f"{PKI}/ca.crt"
CERTIFICATE = f"{PKI}/kubelet/server.crt"
KEY = f"{PKI}/kubelet/server.key"
PORT = ports.KUBELET.number
HEALTH_PORT = ports.KUBELET_HEALTH.number
MIB = 1 << 20


def config(cluster: Cluster, machine: Machine, host: HostFacts) -> File:
    """Return kubelet's configuration."""
    header = "kubelet: makes this machine a node and runs the pods it is given."
    file = yaml_file(CONFIG, header, settings(cluster, machine, host), why="How kubelet runs pods.")
    return replace(file, mode=0o600)


def settings(cluster: Cluster, machine: Machine, host: HostFacts) -> tuple[Setting, ...]:
    """Return what stands in kubelet's configuration."""
    return (
        quiet("apiVersion", "kubelet.config.k8s.io/v1beta1", "The format's version."),
        quiet("kind", "KubeletConfiguration", "What kind of file this is."),
        *access(),
        quiet("containerRuntimeEndpoint", f"unix://{SOCKET}", "containerd's socket."),
        *names(cluster),
        Setting("resolvConf", host.resolv_conf, "What pods with dnsPolicy Default get."),
        *_cgroups(host),
        *_resources(cluster, host),
        *_pods(cluster, machine),
    )  # fmt: skip


def access() -> tuple[Setting, ...]:
    """Return the settings that say who may ask a kubelet for what, and what it shows them."""
    return (*_clients(), *_tls())


def names(cluster: Cluster) -> tuple[Setting, ...]:
    """Return the settings by which pods find Services."""
    return (
        quiet("clusterDomain", "cluster.local", "Names of Services end with it."),
        Setting("clusterDNS", [str(cluster.dns_service_ip)], "The cluster's DNS, by its Service."),
    )


def _pods(cluster: Cluster, machine: Machine) -> tuple[Setting, ...]:
    return (
        Setting("podPidsLimit", cluster.options.pod_pids_limit,
                "A pod that forks without end ends itself, not the node."),
        *_taints(cluster.options.taints[machine.name]),
        Setting("seccompDefault", True,
                "Containers that ask for nothing get the runtime's filter of system calls."),
        quiet("eventRecordQPS", 50,
              "Events a second: enough to see what happens to pods, and no flood for the API."),
        Setting("rotateCertificates", False,
                "hardway renews certificates. No signer is in reach: kubelet would wait for one "
                "until its certificate has ended."),
        *gates(cluster.options, "kubelet"),
    )  # fmt: skip


def _clients() -> tuple[Setting, ...]:
    authentication = {
        "anonymous": {"enabled": False},
        "webhook": {"enabled": True},
        "x509": {"clientCAFile": CA},
    }
    return (
        Setting("authentication", authentication,
                "Each client of kubelet shows a certificate or a token."),
        Setting("authorization",
                {"mode": "Webhook", "webhook": {"cacheUnauthorizedTTL": "5s"}},
                "The API server decides what the client may do here. A refusal counts for 5 s, not "
                "30: an API server that has just started refuses all until it has read its roles."),
        Setting("readOnlyPort", 0, "No port without authentication."),
    )  # fmt: skip


def _tls() -> tuple[Setting, ...]:
    return (
        Setting("tlsCertFile", CERTIFICATE, "Signed by our CA, so that API servers can check it."),
        quiet("tlsPrivateKeyFile", KEY, "The key of that certificate."),
        quiet("tlsMinVersion", tls.OLDEST, tls.OLDEST_WHY),
        Setting("tlsCipherSuites", list(tls.SUITES_1_2), tls.SUITES_WHY),
    )


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


def reads(cluster: Cluster, name: str) -> tuple[str, ...]:
    """Return the files that a client of the API on a worker reads at its start only."""
    config, kubeconfig = (f"/etc/kubernetes/{name}.{suffix}" for suffix in ("yaml", "kubeconfig"))
    return (config, kubeconfig, f"{BIN}/{name}", *(() if clients_reread_ca(cluster) else (CA,)))


def rereads(cluster: Cluster, *names: str) -> tuple[Reread, ...]:
    """Return the certificates, by path without suffix, and the CA that it reads by itself."""
    pairs = (f"{PKI}/{name}.{suffix}" for name in names for suffix in ("crt", "key"))
    return (*map(reread_certificate, pairs), *reread_ca(cluster, CA))


def service(cluster: Cluster, machine: Machine) -> Service:
    """Return the kubelet of one worker."""
    return Service(
        name=UNIT,
        description="Kubernetes node agent",
        why="Makes this machine a node: runs the pods the API gives it, and reports.",
        command=f"{BIN}/kubelet",
        flags=(
            quiet("--config", CONFIG, "All settings that have a place in a file."),
            Setting("--kubeconfig", KUBECONFIG, "Through the endpoint: any API server will do."),
            Setting("--hostname-override", machine.name,
                    "The node's name; its certificate says system:node: and this name."),
            Setting("--node-ip", str(machine.address), "API servers reach kubelet there."),
        ),
        unit=(
            documentation("https://kubernetes.io/docs/"),
            after("containerd.service hardway-images.service",
                  "Pods need the runtime and its images."),
            Setting("After", "hardway-network.service", "Pods find their way from the first on."),
            quiet("Wants", "containerd.service hardway-network.service",
                  "A kubelet without a runtime or a network runs nothing."),
            NEVER_GIVE_UP,
        ),
        service=(
            *waits_for_api(cluster, machine),
            Setting("KillMode", "process", "Pods outlive a restart of kubelet."),
            *RESTARTS,
        ),
        reads=reads(cluster, "kubelet"),
        rereads=rereads(cluster, "kubelet/server", "kubelet/client"),
    )  # fmt: skip
