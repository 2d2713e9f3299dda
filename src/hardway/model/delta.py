"""What differs between the decisions of a living cluster and hardway.yaml. Pure.

Each difference names the operation that brings it about, or the reason why it is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from hardway.errors import RefusedError
from hardway.model.cluster import Cluster, Role
from hardway.model.decisions import Decisions, endpoint_text
from hardway.spec.schema import ClusterSpec, Counts, Named
from hardway.text import Text, joined, text

MINOR_MATTERS = frozenset({"kubernetes", "etcd", "containerd"})
"""Components whose minor versions store data, or speak protocols, that their predecessor's do not
understand."""
ADDED = {
    Role.WORKER: text("hardway up adds it"),
    Role.CONTROL_PLANE: text(
        "hardway up adds it; one after another joins etcd, and while their number is even, as many "
        "may be lost as before"
    ),
}
A = {Role.WORKER: text("a worker"), Role.CONTROL_PLANE: text("a control plane")}


class By(StrEnum):
    """Who brings a difference about."""

    UP = "up"
    """The next `hardway up`."""
    COMMAND = "command"
    """Another command, when people want it; until then `up` leaves things as they are."""
    NOBODY = "nobody"
    """It is refused: `up` does nothing before hardway.yaml and the decisions agree."""


@dataclass(frozen=True, slots=True)
class Delta:
    """One difference between a living cluster and hardway.yaml."""

    subject: str
    current: str
    asked: str
    by: By
    how: str
    """The operation, or the reason why it is refused and what to do instead."""

    @property
    def line(self) -> Text:
        """The difference in a line, for people."""
        return text("{subject}: {current} -> {asked}: {how}", subject=self.subject,
                    current=self.current, asked=self.asked, how=self.how)  # fmt: skip


def deltas(
    before: Decisions,
    cluster: Cluster,
    spec: ClusterSpec,
    versions: Mapping[str, str],
    *,
    new_versions: bool = False,
) -> tuple[Delta, ...]:
    """Return all differences; `cluster` is what the spec resolves to with the decisions.

    `versions` has what this hardway would install, by component; `new_versions` says that people
    want these.
    """
    return (
        *_fixed(before, cluster),
        *_machines(before, cluster, spec),
        *_versions(before.versions, versions, spec.kubernetes, new_versions=new_versions),
    )


def refuse(name: str, found: Sequence[Delta]) -> None:
    """Raise RefusedError where hardway.yaml asks for what cannot change in a living cluster."""
    lines = [text("  {line}", line=delta.line) for delta in found if delta.by is By.NOBODY]
    if lines:
        raise RefusedError(
            text("cluster {name} lives, and hardway does not do this to it:\n{lines}", name=name,
                 lines=joined("\n", lines)),
            hint="hardway plan shows all differences",
        )  # fmt: skip


def _fixed(before: Decisions, cluster: Cluster) -> Iterator[Delta]:
    rows = (
        ("provider", before.provider, cluster.provider),
        ("network.nodes", before.nodes, str(cluster.node_cidr)),
        ("network.pods", before.pods, str(cluster.pod_cidr)),
        ("network.services", before.services, str(cluster.service_cidr)),
        ("endpoint", before.endpoint, endpoint_text(cluster)),
    )
    for subject, current, asked in rows:
        if current != asked:
            yield Delta(
                subject, current, asked, By.NOBODY,
                text("cannot change while the cluster lives; take the change back, or start over: "
                     "hardway down"),
            )  # fmt: skip


def _machines(before: Decisions, cluster: Cluster, spec: ClusterSpec) -> Iterator[Delta]:
    for machine in cluster.machines:
        if before.machine(machine.name) is None:
            yield Delta(machine.name, text("absent"), A[machine.role], By.UP, ADDED[machine.role])
    if isinstance(spec.machines, Counts):
        counts = {
            Role.CONTROL_PLANE: spec.machines.control_planes,
            Role.WORKER: spec.machines.workers,
        }
        for role, asked in counts.items():
            names = [m.name for m in before.machines if m.role is role]
            if len(names) > asked:
                yield Delta(
                    f"machines ({role})", f"{len(names)}", f"{asked}", By.COMMAND,
                    text("none is removed by itself; choose one of {names}: hardway node remove "
                         "NAME", names=", ".join(names)),
                )  # fmt: skip
        return
    listed = {m.name: m for m in spec.machines}
    for known in before.machines:
        if known.name not in listed:
            yield Delta(
                known.name, A[known.role], text("nothing"), By.COMMAND,
                text("it is left as it is; to take it out: hardway node remove {machine}",
                     machine=known.name),
            )  # fmt: skip
        else:
            yield from _changed(before, listed[known.name])


def _changed(before: Decisions, listed: Named) -> Iterator[Delta]:
    known = before.machine(listed.name)
    if known is None:
        return
    if Role(listed.role) is not known.role:
        yield Delta(known.name, A[known.role], A[Role(listed.role)], By.NOBODY,
                    text("a machine keeps its role; remove it, then add it again: hardway node "
                         "remove {machine}", machine=known.name))  # fmt: skip
    if listed.address is not None and listed.address != known.address:
        yield Delta(known.name, _at(known.address), _at(listed.address), By.NOBODY,
                    text("a machine keeps its address; remove it, then add it again: hardway node "
                         "remove {machine}", machine=known.name))  # fmt: skip


def _at(address: IPv4Address) -> Text:
    return text("at {address}", address=address)


def _versions(
    before: Mapping[str, str], now: Mapping[str, str], asked: str, *, new_versions: bool
) -> Iterator[Delta]:
    for name, version in now.items():
        current = before.get(name, version)
        if current == version:
            continue
        if name in MINOR_MATTERS and minor(current) != minor(version):
            yield Delta(name, current, version, By.NOBODY, _no_upgrade(name, minor(current)))
        elif new_versions or (name == "kubernetes" and asked.removeprefix("v") == version):
            yield Delta(
                name, current, version, By.UP,
                text("hardway up changes it machine by machine, control planes first"),
            )  # fmt: skip
        else:
            yield Delta(
                name, current, version, By.NOBODY,
                text("this hardway has another version, and a cluster does not move to it by "
                     "itself: hardway up --new-versions"),
            )  # fmt: skip


def _no_upgrade(name: str, current: str) -> Text:
    if name == "kubernetes":
        return text("hardway does not upgrade or downgrade minor versions yet; write "
                    '`kubernetes: "{version}"`', version=current)  # fmt: skip
    return text("hardway does not upgrade or downgrade minor versions yet; use the hardway that "
                "has {name} {version}", name=name, version=current)  # fmt: skip


def minor(version: str) -> str:
    """Return the minor version of an exact one, e.g. `1.37` of `1.37.2`."""
    return ".".join(version.split(".")[:2])
