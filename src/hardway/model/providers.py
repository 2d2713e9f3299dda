"""What tells the providers of machines apart: one row each. Values only.

`providers.PROVIDERS` has what makes their machines, `bundle.EXTRAS` what a bundle holds for them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from hardway.model.cluster import EndpointKind
from hardway.spec import aws
from hardway.spec.load import Place
from hardway.spec.schema import ClusterSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A row: a provider, as far as the rest of the program has to know it."""

    name: str
    nodes: IPv4Network | None
    """The machines' range where hardway.yaml has none; None where machines exist already."""
    endpoint: EndpointKind
    """The kind of endpoint where hardway.yaml says none; the only one where it is MADE."""
    routes_outside: bool = False
    """Neighbours may be in other subnets and no next hop: the network routes to pods."""
    subnets: Callable[[ClusterSpec, IPv4Network], tuple[IPv4Network, ...]] = lambda _, nodes: (
        nodes,
    )
    """Where the machines' addresses are dealt from."""
    problems: Callable[[ClusterSpec, IPv4Network], Iterable[tuple[Place, str]]] = lambda _, __: ()
    """Its own rules about hardway.yaml."""
    removes: str
    """What `down` removes."""
    proves: str
    """What `down` proves afterwards."""
    outside: str = ""
    """What it has to reach beside the machines, so that a bundle alone does not suffice."""

    @property
    def makes_machines(self) -> bool:
        """Whether the machines are made; otherwise they exist, and their network is as it is."""
        return self.nodes is not None


def _aws_subnets(spec: ClusterSpec, nodes: IPv4Network) -> tuple[IPv4Network, ...]:
    return aws.subnets(spec.aws, nodes) or (nodes,)


TRAITS = {
    row.name: row
    for row in (
        Traits(
            name="local",
            nodes=IPv4Network("10.240.0.0/24"),
            endpoint=EndpointKind.VIP,
            removes="its machines, their disks",
            proves="no process, mount, namespace, link, table or cgroup is left",
        ),
        Traits(
            name="ssh",
            nodes=None,
            endpoint=EndpointKind.VIP,
            removes="what hardway put on its machines",
            proves="its machines are as they were before",
        ),
        Traits(
            name="aws",
            nodes=IPv4Network("10.0.0.0/16"),
            endpoint=EndpointKind.MADE,
            routes_outside=True,
            subnets=_aws_subnets,
            problems=lambda spec, nodes: aws.problems(spec.aws, nodes),
            removes="all of this",
            proves="nothing that was made for it is left",
            outside="AWS's API",
        ),
    )
}
