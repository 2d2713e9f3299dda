"""Pod network: a bridge on each worker, and on every machine a route to each worker's pods."""

import json
from collections.abc import Mapping

from hardway.errors import RefusedError
from hardway.model.checks import (
    MACHINES,
    WORKERS,
    Answer,
    Check,
    Judgement,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import Desired, File, Manifest
from hardway.render.config import Setting, comment
from hardway.render.systemd import Service
from hardway.steps.base import Given, Inventory, Step, services
from hardway.steps.containerd import CNI_CONFIG
from hardway.steps.packages import packages

NAME = "pod-network"
CONFLIST = f"{CNI_CONFIG}/10-pods.conflist"
MASQUERADE = "/etc/hardway/masquerade.nft"
TABLE = "hardway_pods"


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return the routes of a machine, and a worker's bridge for pods."""
    cluster = given.cluster
    wanted = tuple(packages(NAME, machine.role))
    specs = [_routes_service(cluster, machine)] if routes(cluster, machine) else []
    files: tuple[File, ...] = ()
    if machine.role is Role.WORKER:
        files = (
            File(path=CONFLIST, content=_conflist(machine, pod_mtu(given)),
                 why="what each new pod gets: a cable into the bridge, an address, hostPorts"),
            File(path=MASQUERADE, content=_masquerade(cluster, machine).encode(), commented=True,
                 why="pods reach the outside as this machine, and each other as themselves"),
        )  # fmt: skip
        specs.append(_masquerade_service())
    return services(tuple(specs), inventory, Desired(packages=wanted, files=files))


def manifests(given: Given) -> tuple[Manifest, ...]:
    """Return the nodes' labels.

    Through the API, since kubelets may not give themselves all labels (NodeRestriction); after the
    nodes are ready, since kubelet registers its taints only with a node that it makes itself.
    """
    labels = given.cluster.options.labels
    return tuple(_node(m.name, labels[m.name]) for m in given.cluster.workers
                 if m.name in given.hosts)  # fmt: skip


def _node(name: str, labels: Mapping[str, str]) -> Manifest:
    # The annotation differs when a label is taken back, so that the object is applied again.
    annotation = {"hardway.dev/labels": ",".join(sorted(labels))}
    metadata = {"name": name, "labels": dict(labels), "annotations": annotation}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


def routes(cluster: Cluster, machine: Machine) -> tuple[tuple[str, str], ...]:
    """Return the pod ranges of a machine's peers and the addresses they are reached by."""
    if cluster.routes_outside:
        return ()
    return tuple((str(m.pod_cidr), str(m.address)) for m in cluster.workers if m != machine)


def _routes_service(cluster: Cluster, machine: Machine) -> Service:
    first, *others = [f"/sbin/ip route replace {p} via {a}" for p, a in routes(cluster, machine)]
    return Service(
        name="hardway-routes.service",
        description="Routes to the pods of other machines",
        why="A route to each worker's pods, at each boot. API servers need them too: they call "
        "webhooks and aggregated APIs by the addresses of their pods.",
        oneshot=True,
        command=first,
        unit=(
            Setting("Wants", "network-online.target", ""),
            Setting("After", "network-online.target hardway-host.service", ""),
        ),
        service=(
            *(Setting("ExecStart", command, "") for command in others),
            *(
                Setting("ExecStop", f"-/sbin/ip route delete {pods} via {address}", "")
                for pods, address in routes(cluster, machine)
            ),
        ),
    )


def pod_mtu(given: Given) -> int:
    """Return the MTU of pods' interfaces: the smallest link's, so that no packet is too large.

    Raises:
        RefusedError: hardway.yaml asks for more than a link carries.
    """
    mtus = {name: host.mtu for name, host in given.hosts.items()}
    narrowest = min(mtus, key=mtus.__getitem__)
    asked = given.cluster.options.pod_mtu
    if asked and asked > mtus[narrowest]:
        raise RefusedError(
            f"network.podMtu is {asked}; the link of {narrowest} carries {mtus[narrowest]}: larger "
            "packets of pods would be lost there",
            hint=f"hardway ssh {narrowest} -- ip link; without podMtu the smallest is taken",
        )
    return asked or mtus[narrowest]


def _conflist(machine: Machine, mtu: int) -> bytes:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "mtu": mtu,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(machine.pod_cidr)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    conflist = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}
    return (json.dumps(conflist, indent=2) + "\n").encode()


def _masquerade(cluster: Cluster, machine: Machine) -> str:
    head = comment(
        "Pods go to the outside as their machine. Among pods and machines they keep their own "
        "address: policies, logs and servers see who it is (docs/adr/0006)."
    )
    inside = f"{{ {cluster.pod_cidr}, {cluster.node_cidr} }}"
    return f"""{head}table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {machine.pod_cidr} ip daddr != {inside} masquerade
    }}
}}
"""


def _masquerade_service() -> Service:
    return Service(
        name="hardway-masquerade.service",
        description="Pods' way to the outside",
        why="Lets pods reach the outside with this machine's address.",
        oneshot=True,
        command=f"/usr/sbin/nft --file {MASQUERADE}",
        service=(Setting("ExecStop", f"-/usr/sbin/nft delete table ip {TABLE}", ""),),
        unit=(Setting("After", "nftables.service hardway-host.service", ""),),
        reads=(MASQUERADE,),
    )


def _routes(subject: Subject, answer: Answer) -> tuple[Judgement]:
    wanted = [f"{pods} via {address}" for pods, address in routes(subject.cluster, subject.machine)]
    there = [route for route in wanted if f"{route} " in answer.text]
    return judged(", ".join(wanted) or "none", ", ".join(there) or "none")


def _masquerades(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    return judged("masquerade", "masquerade" if "masquerade" in answer.text else "no rule")


CHECKS = (
    Check(name="pod-routes", step=NAME, scope=MACHINES, ask=Sh("ip route"), judge=_routes,
          why="without its route a machine does not reach the pods of that worker",
          see="hardway ssh <MACHINE> -- ip route"),
    Check(name="pod-masquerade", step=NAME, scope=WORKERS,
          ask=Sh(f"nft list table ip {TABLE}"), judge=_masquerades,
          why="without it answers from outside do not find the way to pods",
          see=f"hardway ssh <MACHINE> -- nft list table ip {TABLE}"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Pod network",
    why="every pod reaches every other by its own address, from every machine",
    render=render,
    manifests=manifests,
    checks=CHECKS,
)
