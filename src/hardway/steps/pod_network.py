"""Pod network: a bridge on each worker, and on every machine a route to each worker's pods."""

import json
from collections.abc import Mapping
from dataclasses import replace

from hardway.errors import RefusedError
from hardway.model.checks import (
    CLUSTER,
    MACHINES,
    WORKERS,
    Answer,
    Check,
    Judge,
    Judgement,
    Occasion,
    Scope,
    Sh,
    Subject,
    every,
    judged,
    says,
)
from hardway.model.cluster import Machine, Role
from hardway.model.objects import items, name
from hardway.model.resources import Desired, File, Manifest, Severity
from hardway.model.rows import Note
from hardway.steps import data_path, pod_addresses, probe, processes
from hardway.steps.base import API, Given, Inventory, Step, services
from hardway.steps.containerd import CNI_CONFIG
from hardway.steps.network import (
    BRIDGE,
    MASQUERADED,
    PROTOCOL,
    ROUTES,
    SEE_BRIDGE,
    SEE_MASQUERADE,
    SEE_ROUTES,
    SEE_SERVICES,
    SERVICES,
    TIMER,
    effects,
    gateway,
    masquerade_file,
    timer,
)
from hardway.steps.packages import packages
from hardway.steps.pod_sources import SOURCES
from hardway.text import text

NAME = "pod-network"
CONFLIST = f"{CNI_CONFIG}/10-pods.conflist"
CONFLIST_NOTES = (
    Note("cniVersion", "The format's version; plugins 1.x know it."),
    Note("name", "The network's name, under which host-local keeps addresses."),
    Note("plugins[0].type", "A bridge on each machine joins its pods."),
    Note("plugins[0].bridge", "The bridge's name."),
    Note("plugins[0].mtu", "As large as the smallest link of the machines carries."),
    Note("plugins[0].isGateway", "The bridge has an address: the pods' gateway."),
    Note("plugins[0].ipMasq", "hardway's own rule masquerades, and only what leaves the cluster."),
    Note("plugins[0].hairpinMode", "A pod reaches itself through its own Service."),
    Note("plugins[0].ipam", "Addresses of this machine's range, the gateway for all else."),
    Note("plugins[1]", "hostPorts, which the kubelet asks for; conformance tests need them."),
)


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return the routes of a machine, and a worker's bridge for pods."""
    cluster = given.cluster
    wanted = tuple(packages(NAME, machine.role))
    kept = effects(cluster, machine)
    files: tuple[File, ...] = ()
    if machine.role is Role.WORKER:
        files = (
            File(path=CONFLIST, content=_conflist(machine, pod_mtu(given)), rows=CONFLIST_NOTES,
                 why="What each new pod gets: a link to the bridge, an address, hostPorts."),
            masquerade_file(cluster, machine),
            *probe.files(cluster, machine, _bridge(pod_mtu(given))),
        )  # fmt: skip
    if kept:
        scheduled, unit = timer(kept)
        desired = Desired(packages=wanted, files=(*files, *scheduled), units=(unit,), effects=kept)
    else:
        desired = Desired(packages=wanted, files=files)
    if machine.role is not Role.WORKER:
        return desired
    desired = replace(desired, folders=(probe.RESOLV_FOLDER,))
    return services((probe.service(),), inventory, desired)


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
            text("network.podMtu is {asked}; the link of {machine} carries {mtu}: larger packets "
                 "of pods would be lost there", asked=asked, machine=narrowest,
                 mtu=mtus[narrowest]),
            hint=text("hardway ssh {machine} -- ip link; without podMtu hardway takes the smallest",
                      machine=narrowest),
        )  # fmt: skip
    return asked or mtus[narrowest]


def _bridge(mtu: int) -> dict[str, object]:
    return {
        "type": "bridge",
        "bridge": BRIDGE,
        "mtu": mtu,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
    }


def _conflist(machine: Machine, mtu: int) -> bytes:
    assert machine.pod_cidr is not None  # noqa: S101 - workers have one
    # The last address is the probe's.
    pods = {"subnet": str(machine.pod_cidr), "rangeEnd": str(machine.pod_cidr[-3])}
    ipam = {"type": "host-local", "ranges": [[pods]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {**_bridge(mtu), "ipam": ipam}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    conflist = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}
    return (json.dumps(conflist, indent=2) + "\n").encode()


def _as_wanted(name: str) -> Judge:
    """Return the judge of what an effect's own look printed."""

    def judge(subject: Subject, answer: Answer) -> tuple[Judgement]:
        wanted = {e.name: e.value for e in effects(subject.cluster, subject.machine)}
        expected, found = (" ".join(t.split()) for t in (wanted.get(name, ""), answer.text))
        return judged(expected or text("none"), found or text("none"))

    return judge


KEPT = Scope("machine", frozenset(Role), lambda cluster: not cluster.routes_outside)
"""Machines with a timer; workers have one where others route to pods too."""

FOREIGN = r"""set -- $(systemctl is-active ufw firewalld)
[ "$1" != active ] || echo ufw
[ "$2" != active ] || echo firewalld
nft list chains 2>/dev/null | awk '/^table/ {table = $2 " " $3} /^\tchain/ {chain = $2}
    /hook forward/ && /policy drop/ {print "chain " table " " chain}' |
    grep -v -x 'chain ip filter FORWARD'
exit 0
"""
"""iptables' own chain is not among them: there hardway has rules of its own."""


def _policies(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    found = map(name, items(answer.text, "NetworkPolicy"))
    return judged(text("none"), ", ".join(found) or text("none"))


CHECKS = (
    processes.runs(TIMER, step=NAME, scope=KEPT,
                   why="it puts routes and rules back that others have removed"),
    processes.runs(f"{probe.NAMESPACE}.service", step=NAME, scope=WORKERS,
                   why="the checks of the way to pods ask from its network, and ask it"),
    Check(name="cni-config-first", step=NAME, scope=WORKERS, when=Occasion.ASKED,
          causes=("files-as-given",),
          ask=Sh(f"ls {CNI_CONFIG} | grep -E '[.](conf|conflist|json)$' | head -n 1"),
          judge=says(CONFLIST.rpartition("/")[2]),
          why="containerd takes the first file by name: one of another network plugin takes all "
          "new pods",
          cure="remove the file of the other network plugin, then run hardway up",
          see=f"hardway ssh <MACHINE> -- ls {CNI_CONFIG}"),
    Check(name="pod-bridge", step=NAME, scope=WORKERS, ask=Sh(SEE_BRIDGE),
          judge=lambda s, answer: judged(gateway(s.machine), answer.text.strip() or text("down")),
          causes=("hardway-network-runs", "hardway-probe-runs"),
          why="the bridge is the pods' switch and gateway: while it is down each of them is alone",
          see=f"hardway ssh <MACHINE> -- ip -brief address show {BRIDGE}"),
    Check(name="pod-routes", step=NAME, scope=MACHINES, ask=Sh(SEE_ROUTES),
          judge=_as_wanted(ROUTES), causes=("hardway-network-runs",),
          why="without its route a machine does not reach the pods of that worker",
          see=f"hardway ssh <MACHINE> -- ip route show proto {PROTOCOL}"),
    Check(name="pod-masquerade", step=NAME, scope=WORKERS, ask=Sh(SEE_MASQUERADE),
          judge=_as_wanted(MASQUERADED), causes=("hardway-network-runs",),
          why="without it answers from outside do not find the way to pods",
          see=f"hardway ssh <MACHINE> -- {SEE_MASQUERADE}"),
    Check(name="service-rules", step=NAME, scope=WORKERS, ask=Sh(SEE_SERVICES),
          judge=_as_wanted(SERVICES), causes=("kube-proxy-healthy",),
          why="kube-proxy says that it is healthy while others have removed its table",
          cure="find what removes the rules (a program that flushes nftables), stop it, then run "
          "hardway up",
          see="hardway ssh <MACHINE> -- nft list tables ip"),
    Check(name="no-foreign-firewall", step=NAME, scope=WORKERS, ask=Sh(FOREIGN),
          severity=Severity.WARN,
          judge=lambda _, answer: judged(
              text("none"), ", ".join(answer.text.splitlines()) or text("none")),
          why="it may drop packets of pods; hardway leaves others' rules alone: let "
          "the pods' range pass there",
          cure="make sure that the rules pass the cluster's packets, or remove them: nft delete "
          "table",
          see="hardway ssh <MACHINE> -- nft list ruleset"),
    pod_addresses.CHECK,
    SOURCES,
    *data_path.CHECKS,
    Check(name="no-network-policies", step=NAME, scope=CLUSTER, severity=Severity.WARN,
          when=Occasion.ASKED,
          ask=every("networkpolicies"), judge=_policies, causes=API,
          why="hardway's pod network enforces no NetworkPolicy: pods stay reachable despite it "
          "(docs/limits.md)",
          cure="delete the policies: hardway's network does not enforce them",
          see="hardway kubectl get networkpolicies --all-namespaces"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Pod network",
    why="every pod reaches every other by its own address, from every machine",
    render=render,
    manifests=manifests,
    checks=CHECKS,
    notes={"Node": (Note("", "The labels that hardway.yaml gives this node."),)},
)
