"""The way of a packet, hop by hop, with the routes and rules that it meets on real machines."""

from collections.abc import Callable
from dataclasses import dataclass

from hardway.atlas.atlas import Atlas
from hardway.errors import RefusedError
from hardway.model.cluster import Cluster, Machine
from hardway.pictures.model import Arrow, Box, Column, Drawing, Part
from hardway.pictures.view import Look, View
from hardway.steps import probe
from hardway.steps.network import BRIDGE, TABLE
from hardway.text import text

NODE_PORT = 30080
OUTSIDE = "192.0.2.1"
"""An address for examples (RFC 5737)."""
SHOWN_LINES = 8


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a packet is, what happens to it there, and what shows the rule for it."""

    place: str
    what: str
    look: Look | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A way through the cluster."""

    name: str
    title: str
    why: str
    hops: Callable[[Cluster], tuple[Hop, ...]]
    workers: int = 1
    """How many of them it takes."""


def _address(machine: Machine) -> str:
    return probe.address(machine)


def _route(machine: Machine, target: str) -> Look:
    return Look(machine.name, f"ip -4 route get {target} | head -n 1")


def _pod(machine: Machine) -> Hop:
    title = text("a pod on {machine}, {address}", machine=machine.name, address=_address(machine))
    return Hop(title, "Its default route leads to the bridge; its address is the node's range.",
               Look(machine.name, f"ip netns exec {probe.NAMESPACE} ip -4 route"))  # fmt: skip


def _bridge(machine: Machine) -> Hop:
    assert machine.pod_cidr is not None  # noqa: S101 - workers have one
    title = text("bridge {bridge} of {machine}, {address}", bridge=BRIDGE, machine=machine.name,
                 address=machine.pod_cidr[1])  # fmt: skip
    return Hop(
        title,
        "A veth pair leads from each pod to it; it is the pods' gateway.",
        Look(machine.name, f"ip -brief -4 address show {BRIDGE}"),
        "10-pods.conflist",
    )


def _same_node(cluster: Cluster) -> tuple[Hop, ...]:
    machine = cluster.workers[0]
    return (
        _pod(machine),
        Hop(text("bridge {bridge} of {machine}", bridge=BRIDGE, machine=machine.name),
            "The frame is switched to the other pod's veth: no route, no rule, no NAT.",
            Look(machine.name, f"bridge link show | grep 'master {BRIDGE}' | cut -c 1-76")),
        Hop("another pod there", "It sees the sender's own address."),
    )  # fmt: skip


def _other_node(cluster: Cluster) -> tuple[Hop, ...]:
    here, there = cluster.workers[:2]
    return (
        _pod(here),
        _bridge(here),
        Hop(text("{machine} routes", machine=here.name),
            text("The range {range} has a route to {machine}; net.ipv4.ip_forward lets it pass.",
                 range=there.pod_cidr, machine=there.name),
            _route(here, _address(there)), "routes to pods"),
        Hop(text("nftables table {table} of {machine}", table=TABLE, machine=here.name),
            "Nothing is masqueraded: the target is in the pods' range.",
            Look(here.name, f"nft list chain ip {TABLE} postrouting | grep saddr"), TABLE),
        _arrives(here, there),
    )  # fmt: skip


def _arrives(here: Machine, there: Machine) -> Hop:
    return Hop(
        text("{machine}, bridge {bridge}, the pod {address}", machine=there.name, bridge=BRIDGE,
             address=_address(there)),
        text("It sees {address}, the sender's own address; the answer takes the same way back.",
             address=_address(here)),
        _route(there, _address(there)),
    )  # fmt: skip


def _service(cluster: Cluster) -> tuple[Hop, ...]:
    here = cluster.workers[0]
    dns = cluster.dns_service_ip
    return (
        _pod(here),
        Hop(text("prerouting of {machine}", machine=here.name),
            text("{address} is nobody's address: kube-proxy's rules look it up (a DNAT).",
                 address=dns),
            Look(here.name, f"nft list map ip kube-proxy service-ips | grep '{dns} . udp'"),
            str(dns)),
        Hop("one endpoint is chosen",
            "A pod of the Service, at random; conntrack keeps the choice for the connection.",
            Look(here.name, "nft list table ip kube-proxy | grep -A 5 'chain service-.*udp/dns ' | "
                 "grep numgen -A 2"), "kube-proxy.service"),
        Hop(text("bridge {bridge}, if the endpoint is on this node", bridge=BRIDGE),
            "The answer would be switched past the rules, so bridge-nf-call-iptables sends it "
            "through them: only so is the Service's address put back.",
            Look(here.name, "sysctl net.bridge.bridge-nf-call-iptables"), "kernel-settings"),
        Hop("or another node, by its route",
            "As from pod to pod; the pod sees the sender's address."),
    )  # fmt: skip


def _outside(cluster: Cluster) -> tuple[Hop, ...]:
    here = cluster.workers[0]
    return (
        _pod(here),
        _bridge(here),
        Hop(text("{machine} routes", machine=here.name), "To its own default gateway.",
            _route(here, OUTSIDE)),
        Hop(text("nftables table {table} of {machine}", table=TABLE, machine=here.name),
            text("The target is neither a pod nor a machine: the sender becomes {address}.",
                 address=here.address),
            Look(here.name, f"nft list chain ip {TABLE} postrouting | grep saddr"), TABLE),
        Hop("a host outside", text("It sees {address}; conntrack leads the answer back to the pod.",
                                   address=here.address)),
    )  # fmt: skip


def _node_port(cluster: Cluster) -> tuple[Hop, ...]:
    here = cluster.workers[0]
    return (
        Hop("a client outside", text("It dials {address}, any worker's, at a port from 30000 on.",
                                     address=here.address)),
        Hop(text("prerouting of {machine}", machine=here.name),
            "kube-proxy's rules know the port and mark the packet: it will be masqueraded.",
            Look(here.name, "nft list chain ip kube-proxy services | grep nodeport"),
            "kube-proxy.service"),
        Hop("one endpoint is chosen", "A pod of the Service, perhaps on another node.",
            Look(here.name, "nft list set ip kube-proxy nodeport-ips | grep elements")),
        Hop(text("postrouting of {machine}", machine=here.name),
            "The sender becomes this node, so that the answer comes back here. With "
            "externalTrafficPolicy: Local it does not, and only pods of this node are chosen.",
            Look(here.name, "nft list chain ip kube-proxy masquerading | grep masquerade")),
        Hop("the pod", text("It sees {address}, not the client.", address=here.address)),
    )  # fmt: skip


def _from_control_plane(cluster: Cluster) -> tuple[Hop, ...]:
    here, there = cluster.control_planes[0], cluster.workers[0]
    return (
        Hop(text("{machine}, {address}", machine=here.name, address=here.address),
            "An API server calls a webhook or an aggregated API: it dials the pod itself, since "
            "control planes have no rules for Services."),
        Hop(text("{machine} routes", machine=here.name),
            text("The range {range} has a route to {machine} here too.", range=there.pod_cidr,
                 machine=there.name),
            _route(here, _address(there)), "routes to pods"),
        Hop(text("{machine}, bridge {bridge}, the pod {address}", machine=there.name,
                 bridge=BRIDGE, address=_address(there)),
            text("It sees {address}, the control plane.", address=here.address),
            _route(there, _address(there))),
    )  # fmt: skip


PATHS = (
    Path("pod-to-pod", "From pod to pod on one node",
         "Pods of one node share a bridge.", _same_node),
    Path("pod-to-node", "From pod to pod on another node",
         "Every machine has a route to each worker's range.", _other_node, workers=2),
    Path("pod-to-service", "From pod to Service",
         "A Service has an address that no interface has.", _service),
    Path("pod-to-outside", "From pod to the outside",
         "The outside has no route to pods.", _outside),
    Path("node-port", "From the outside to a NodePort",
         "Any worker takes the connection, wherever the pod is.", _node_port),
    Path("control-plane-to-pod", "From a control plane to a pod",
         "API servers call webhooks and aggregated APIs in pods.", _from_control_plane),
)  # fmt: skip


def choices(atlas: Atlas) -> tuple[str, ...]:
    """Return the names of the paths that the cluster has."""
    return tuple(path.name for path in PATHS if path.workers <= len(atlas.cluster.workers))


def path_of(atlas: Atlas, argument: str) -> Path:
    """Return a path by its name.

    Raises:
        RefusedError: there is none, or the cluster has too few workers for it.
    """
    for path in PATHS:
        if path.name == argument and argument in choices(atlas):
            return path
    raise RefusedError(
        text("this cluster has no path '{path}'", path=argument),
        hint=text("hardway picture packets PATH; the names: {names}",
                  names=", ".join(choices(atlas)) or text("none")),
    )  # fmt: skip


def looks(atlas: Atlas, argument: str) -> tuple[Look, ...]:
    """Return what shows the rules on a path."""
    hops = path_of(atlas, argument).hops(atlas.cluster)
    return tuple(hop.look for hop in hops if hop.look)


def draw(view: View, argument: str) -> Drawing:
    """Return a path with the rules that were found on it."""
    path = path_of(view.atlas, argument)
    parts: list[Part] = []
    for number, hop in enumerate(path.hops(view.atlas.cluster), start=1):
        parts += [Arrow()] if parts else []
        lines = [hop.what, *_found(view, hop)]
        parts.append(Box(text("{number}. {place}", number=number, place=hop.place), tuple(lines),
                         about=hop.about))  # fmt: skip
    asked = (
        text("Lines after $ are what the machine said just now.")
        if view.said
        else text(
            "Lines after $ are commands that show the rule there: hardway ssh MACHINE -- COMMAND"
        )
    )
    return Drawing(path.title, Column(tuple(parts)), path.why, (path.why, asked))  # fmt: skip


def _found(view: View, hop: Hop) -> list[str]:
    if hop.look is None:
        return []
    asked = f"$ {hop.look.command}"
    said = view.said.get(hop.look)
    if said is None:
        return [asked]
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    return [asked, *(lines[:SHOWN_LINES] or ["(nothing)"])]
