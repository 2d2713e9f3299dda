"""kube-proxy's service and configuration; a part of the step workers."""

from collections.abc import Sequence

from hardway.model import ports
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.resources import File
from hardway.model.rows import Setting, quiet
from hardway.render.config import yaml_file
from hardway.render.systemd import (
    NEVER_GIVE_UP,
    RESTARTS,
    Service,
    after,
    documentation,
    hardening,
)
from hardway.steps.components import BIN
from hardway.steps.extras import gates
from hardway.steps.kubelet import reads, rereads
from hardway.steps.waiting import waits_for_api

UNIT = "kube-proxy.service"
USER = "kube-proxy"
CONFIG = "/etc/kubernetes/kube-proxy.yaml"
KUBECONFIG = "/etc/kubernetes/kube-proxy.kubeconfig"
HEALTH_PORT = ports.KUBE_PROXY_HEALTH.number
METRICS_PORT = ports.KUBE_PROXY_METRICS.number
PRIMARY = "primary"


def config(cluster: Cluster, machine: Machine, host: HostFacts) -> File:
    """Return kube-proxy's configuration."""
    header = "kube-proxy: makes Services' addresses lead to pods, by nftables rules."
    settings = (
        quiet("apiVersion", "kubeproxy.config.k8s.io/v1alpha1", "The format's version."),
        quiet("kind", "KubeProxyConfiguration", "What kind of file this is."),
        quiet("clientConnection", {"kubeconfig": KUBECONFIG},
              "Where the API is, and this client's certificate."),
        *packets(cluster, machine),
        Setting("conntrack", {"maxPerCore": 0},
                "The table of connections has the kernel's size: one for the whole host."),
        Setting("healthzBindAddress", f"0.0.0.0:{HEALTH_PORT}",
                "Load balancers outside ask here whether this node has pods of a Service."),
        quiet("metricsBindAddress", f"127.0.0.1:{METRICS_PORT}",
              "/metrics, from this machine alone."),
        *((Setting("oomScoreAdj", 0, "This host does not allow to lower it."),)
          if host.capped_oom else ()),
        *gates(cluster.options, "kube-proxy"),
    )  # fmt: skip
    return yaml_file(CONFIG, header, settings, why="How Services reach pods.")


def packets(cluster: Cluster, machine: Machine) -> tuple[Setting, ...]:
    """Return the settings that decide what becomes of packets."""
    return (
        Setting("mode", "nftables", "Rules in maps: their number does not slow packets down."),
        Setting("clusterCIDR", str(cluster.pod_cidr),
                "What comes from elsewhere is masqueraded on its way to a Service's address."),
        Setting("nodePortAddresses", _node_ports(cluster.options.node_ports, machine),
                "This node's addresses at which NodePorts answer. Never at loopback ones: the "
                "nftables mode does not serve these."),
    )  # fmt: skip


def _node_ports(asked: Sequence[str], machine: Machine) -> list[str]:
    """Return the addresses as every version takes them: before 1.37 `primary` stands alone."""
    if asked == (PRIMARY,):
        return [PRIMARY]
    return [f"{machine.address}/32" if each == PRIMARY else each for each in asked]


def service(cluster: Cluster, machine: Machine) -> Service:
    """Return the kube-proxy of one worker."""
    return Service(
        name=UNIT,
        description="Kubernetes service proxy",
        why="Makes Services' addresses lead to pods from this machine.",
        command=f"{BIN}/kube-proxy",
        flags=(
            quiet("--config", CONFIG, "All settings that have a place in a file."),
            Setting("--hostname-override", machine.name, "The name of this machine's node."),
        ),
        unit=(
            documentation("https://kubernetes.io/docs/"),
            after("network-online.target hardway-host.service",
                  "It needs this machine's address and its user."),
            Setting("After", "kubelet.service",
                    "It asks for the node that kubelet registers, and waits a second if there is "
                    "none; kubelet waits for the API, so that one of them asks for that, not two."),
            NEVER_GIVE_UP,
        ),
        service=(*waits_for_api(cluster, machine), *RESTARTS, *_hardening()),
        reads=reads(cluster, "kube-proxy"),
        rereads=rereads(cluster, "kube-proxy/client"),
    )  # fmt: skip


def _hardening() -> tuple[Setting, ...]:
    """Return the usual lines, but for what rules and sysctls of the network need."""
    needed = {
        "CapabilityBoundingSet": ("CAP_NET_ADMIN", "The one capability that it may have."),
        "RestrictAddressFamilies": ("AF_INET AF_INET6 AF_UNIX AF_NETLINK",
                                    "Rules are written over netlink."),
        "ProtectKernelTunables": ("no", "It sets the network's sysctls."),
    }  # fmt: skip
    lines = [
        quiet(line.name, *needed[line.name]) if line.name in needed else line
        for line in hardening(USER)
    ]
    why = "nftables rules and sysctls of the network; no other rights of root."
    return (*lines, Setting("AmbientCapabilities", "CAP_NET_ADMIN", why))
