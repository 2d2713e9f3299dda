"""The table of packages: what of a distribution the steps need, on which machines, and why.

Debian's and Ubuntu's names. Local machines' base root is built with all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.model.cluster import Role
from hardway.model.resources import Package

ALL = frozenset(Role)
CONTROL_PLANES, WORKERS = frozenset({Role.CONTROL_PLANE}), frozenset({Role.WORKER})


@dataclass(frozen=True, slots=True)
class Row:
    """A package that a step needs on machines of some roles."""

    name: str
    step: str
    roles: frozenset[Role]
    why: str


ROWS = (
    Row("procps", "machines", ALL, "sysctl puts kernel settings into effect"),
    Row("kmod", "machines", ALL, "modprobe loads kernel modules"),
    Row("ca-certificates", "machines", ALL, "whom programs on the machine trust outside"),
    Row("curl", "machines", ALL, "asks whether the API and services are well"),
    Row("haproxy", "endpoint", ALL, "passes connections on to API servers that are ready"),
    Row("keepalived", "endpoint", CONTROL_PLANES, "holds the endpoint's virtual address"),
    Row("runc", "workers", WORKERS, "makes a container of what containerd gives it"),
    Row("mount", "workers", WORKERS, "kubelet mounts volumes with it"),
    Row("conntrack", "workers", WORKERS, "forgets connections to pods that are gone"),
    Row("iptables", "workers", WORKERS, "the portmap plugin serves hostPort by it"),
    Row("iproute2", "pod-network", ALL, "sets routes to the pods of other machines"),
    Row("nftables", "pod-network", WORKERS, "kube-proxy's rules, and masquerade to the outside"),
)  # fmt: skip


def packages(step: str, role: Role, *, without: frozenset[str] = frozenset()) -> Iterator[Package]:
    """Yield what a step needs on a machine of a role."""
    for row in ROWS:
        if row.step == step and role in row.roles and row.name not in without:
            yield Package(name=row.name, why=row.why)
