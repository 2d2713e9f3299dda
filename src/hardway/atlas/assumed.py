"""An ordinary machine, for what is rendered without asking any."""

from hardway.components import architecture
from hardway.model.cluster import Cluster, HostFacts


def ordinary_hosts(cluster: Cluster) -> dict[str, HostFacts]:
    """Return facts for each machine as an ordinary one has them, by name."""
    host = HostFacts(
        architecture=architecture(),
        interface="eth0",
        mtu=1500,
        cpus=4,
        memory_bytes=16 << 30,
        cgroup="v2",
        nameservers=(),
        resolv_conf="/etc/resolv.conf",
        shared=False,
        swap=False,
        capped_oom=False,
    )
    return {machine.name: host for machine in cluster.machines}
