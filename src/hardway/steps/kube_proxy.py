"""kube-proxy's service and configuration; a part of the step workers."""

from collections.abc import Sequence

from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.resources import File
from hardway.render.config import Setting, yaml_text
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service, hardening
from hardway.steps.components import BIN
from hardway.steps.extras import gates
from hardway.steps.kubelet import waits_for_api

USER = "kube-proxy"
CONFIG = "/etc/kubernetes/kube-proxy.yaml"
KUBECONFIG = "/etc/kubernetes/kube-proxy.kubeconfig"
HEALTH_PORT = 10256
PRIMARY = "primary"


def config(cluster: Cluster, machine: Machine, host: HostFacts) -> File:
    """Return kube-proxy's configuration."""
    header = "kube-proxy: makes Services' addresses lead to pods, by nftables rules."
    settings = (
        Setting("apiVersion", "kubeproxy.config.k8s.io/v1alpha1", ""),
        Setting("kind", "KubeProxyConfiguration", ""),
        Setting("clientConnection", {"kubeconfig": KUBECONFIG}, ""),
        Setting("mode", "nftables", "Rules in maps: their number does not slow packets down."),
        Setting("clusterCIDR", str(cluster.pod_cidr),
                "What comes from elsewhere is masqueraded on its way to a Service's address."),
        Setting("nodePortAddresses", _node_ports(cluster.options.node_ports, machine),
                "This node's addresses at which NodePorts answer. Never at loopback ones: the "
                "nftables mode does not serve these."),
        Setting("conntrack", {"maxPerCore": 0},
                "The table of connections has the kernel's size: one for the whole host."),
        Setting("healthzBindAddress", f"0.0.0.0:{HEALTH_PORT}",
                "Load balancers outside ask here whether this node has pods of a Service."),
        Setting("metricsBindAddress", "127.0.0.1:10249", ""),
        *((Setting("oomScoreAdj", 0, "This host does not allow to lower it."),)
          if host.capped_oom else ()),
        *gates(cluster.options, "kube-proxy"),
    )  # fmt: skip
    return File(
        path=CONFIG,
        content=yaml_text(header, settings),
        commented=True,
        why="how Services reach pods",
    )


def _node_ports(asked: Sequence[str], machine: Machine) -> list[str]:
    """Return the addresses as every version takes them: before 1.37 `primary` stands alone."""
    if asked == (PRIMARY,):
        return [PRIMARY]
    return [f"{machine.address}/32" if each == PRIMARY else each for each in asked]


def service(cluster: Cluster, machine: Machine) -> Service:
    """Return the kube-proxy of one worker."""
    return Service(
        name="kube-proxy.service",
        description="Kubernetes service proxy",
        why="Makes Services' addresses lead to pods from this machine.",
        command=f"{BIN}/kube-proxy",
        flags=(
            Setting("--config", CONFIG, ""),
            Setting("--hostname-override", machine.name, "The name of this machine's node."),
        ),
        unit=(
            Setting("Documentation", "https://kubernetes.io/docs/", ""),
            Setting("After", "network-online.target hardway-host.service", ""),
            NEVER_GIVE_UP,
        ),
        service=(
            waits_for_api(cluster),
            Setting("TimeoutStartSec", "infinity", ""),
            *RESTARTS,
            *_hardening(),
        ),
        reads=(CONFIG, KUBECONFIG, f"{BIN}/kube-proxy"),
    )


def _hardening() -> tuple[Setting, ...]:
    """Return the usual lines, but for what rules and sysctls of the network need."""
    netlink = "AF_INET AF_INET6 AF_UNIX AF_NETLINK"
    needed = {
        "CapabilityBoundingSet": "CAP_NET_ADMIN",
        "RestrictAddressFamilies": netlink,
        "ProtectKernelTunables": "no",
    }
    lines = [
        Setting(line.name, needed.get(line.name, line.value), line.why) for line in hardening(USER)
    ]
    why = "nftables rules and sysctls of the network; nothing else of root's."
    return (*lines, Setting("AmbientCapabilities", "CAP_NET_ADMIN", why))
