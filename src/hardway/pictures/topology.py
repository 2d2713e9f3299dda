"""The topology: which machine runs what, how clients reach it, and whether it is well."""

from hardway.model import ports
from hardway.model.cluster import EndpointKind, Machine
from hardway.model.names import ENDPOINT
from hardway.pictures.model import Arrow, Box, Branch, Column, Drawing, Frame, Part, Row, Tree
from hardway.pictures.view import MARKS, View
from hardway.text import text

HEALTH = {
    "etcd": ("etcd-member-healthy", "etcd-one-leader"),
    "kube-apiserver": ("apiserver-ready",),
    "kube-controller-manager": ("controller-manager-healthy",),
    "kube-scheduler": ("scheduler-healthy",),
    "haproxy": ("proxy-answers",),
    "keepalived": (),
    "containerd": ("containerd-answers",),
    "kubelet": ("kubelet-healthy", "node-ready"),
    "kube-proxy": ("kube-proxy-healthy", "service-rules"),
    "hardway-probe": ("pod-reaches-service", "pod-reaches-neighbours"),
}
"""Which checks say whether a service is well, beside the one that its unit runs."""
SHORT = {
    "kube-apiserver": "apiserver",
    "kube-controller-manager": "controller-manager",
    "kube-scheduler": "scheduler",
}
"""Names that let three machines stand side by side."""
BROUGHT = {
    EndpointKind.VIP: "An address that keepalived keeps on one control plane; haproxy there.",
    EndpointKind.PROXY: "haproxy on every machine, at its own loopback address.",
    EndpointKind.GIVEN: "A load balancer outside of the cluster's machines.",
    EndpointKind.MADE: "A load balancer that the provider made.",
}


def draw(view: View, _argument: str) -> Drawing:
    """Return the cluster's machines, their services and the way to the API."""
    cluster = view.atlas.cluster
    end = cluster.endpoint
    tone = view.tone(ENDPOINT, "endpoint-answers", "endpoint-held-once")
    holder = view.status.endpoint.holder if view.status else ""
    lines = [BROUGHT[end.kind]]
    if holder:
        lines.append(text("Now on {machine}.", machine=holder))
    title = text("endpoint {host}:{port}", host=end.host, port=end.port)
    parts: list[Part] = [
        Box("kubectl, hardway", ("on this host",), about="kubectl-to-apiserver"),
        Arrow("TLS, passed on as it is"),
        Box(title, tuple(lines), tone, about=end.host, mark=MARKS[tone]),
        Arrow(text("TCP to port {port} of control planes that are ready", port=ports.API.number)),
        Row(tuple(_machine(view, m) for m in cluster.control_planes)),
    ]
    if cluster.workers:
        parts += [
            Arrow("logs and exec: API servers to kubelets; all else: kubelets to the endpoint",
                  both=True),
            Row(tuple(_machine(view, m) for m in cluster.workers)),
        ]  # fmt: skip
    return Drawing(
        text("Cluster {name}", name=cluster.name),
        Column(tuple(parts)),
        text("{control_planes} control planes and {workers} workers behind one endpoint.",
             control_planes=len(cluster.control_planes), workers=len(cluster.workers)),
        ("✓ well   ✗ wrong   ? unknown   · not asked",),
    )  # fmt: skip


def _machine(view: View, machine: Machine) -> Part:
    numbers = {port.service: port.number for port in reversed(ports.on(machine.role))}
    leader = view.status.etcd.leader if view.status else ""
    branches = []
    for unit in _services(view, machine):
        tone = view.tone(machine.name, f"{unit}-runs", *HEALTH[unit])
        note = str(numbers.get(unit, ""))
        leads = unit == "etcd" and leader == machine.name
        name = "etcd (leader)" if leads else SHORT.get(unit, unit)
        branches.append(Branch(name, note, tone, about=f"{unit}.service", mark=MARKS[tone]))
    if machine.pod_cidr:
        tone = view.tone(machine.name, "pod-routes", "pod-masquerade")
        pods = text("pods {range}", range=machine.pod_cidr)
        branches.append(Branch(pods, "", tone, about=str(machine.pod_cidr), mark=MARKS[tone]))
    tone = view.tone(machine.name, "machine-answers")
    name = f"{machine.name} {machine.address}"
    return Frame(name, Tree(tuple(branches)), tone, about=machine.name)


def _services(view: View, machine: Machine) -> list[str]:
    """Return the machine's units that `HEALTH` knows, in the order of the steps."""
    names = [name for step, own in view.atlas.desired(machine.name) for u in own.units
             if (name := u.name.removesuffix(".service")) in HEALTH]  # fmt: skip
    return list(dict.fromkeys(names))
