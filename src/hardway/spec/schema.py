"""What may stand in hardway.yaml; editors get the same by JSON Schema."""

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from hardway.spec.aws import Aws
from hardway.spec.options import (
    LABELS_ABOUT,
    TAINTS_ABOUT,
    Components,
    Labels,
    Nodes,
    PodSecurity,
    ServiceAccounts,
    Taint,
)
from hardway.spec.part import Address, Part, Range
from hardway.spec.ssh import Ssh

LABEL = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"
MAX_CONTROL_PLANES = 7
MAX_WORKERS = 70


San = Annotated[
    str, Field(pattern=r"^([*]\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=253)
]


class Counts(Part):
    """How many machines of each role, named and numbered by hardway."""

    control_planes: int = Field(
        3, ge=1, le=MAX_CONTROL_PLANES,
        description="Machines with etcd and the API: an odd number, of which a majority must live.",
    )  # fmt: skip
    workers: int = Field(3, ge=0, le=MAX_WORKERS, description="Machines that run pods.")


class Named(Ssh):
    """One machine, by name; with provider ssh also how it is reached."""

    name: str = Field(pattern=LABEL, max_length=40, description="Its node name.")
    role: Literal["control-plane", "worker"] = Field(description="What it is for.")
    address: Address | None = Field(
        None, description="Its address in network.nodes, by which machines reach each other; "
        "without one its host's, or the next that is free.",
    )  # fmt: skip
    host: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$",
        description="Name or address by which this host reaches it (provider ssh).",
    )  # fmt: skip
    labels: Labels = Field({}, description=f"{LABELS_ABOUT} Beside those of `nodes`.")
    taints: tuple[Taint, ...] = Field((), description=f"{TAINTS_ABOUT} Beside those of `nodes`.")


def _kind(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "counts"


Machines = Annotated[
    Annotated[Counts, Tag("counts")]
    | Annotated[tuple[Named, ...], Tag("list"), Field(min_length=1)],
    Discriminator(_kind),
]
TAGS = frozenset({"counts", "list", "[key]", "literal['primary','all']"})
"""Parts of pydantic's error locations that do not stand in the file."""


class Network(Part):
    """Address ranges; they must not overlap, nor be in use on this host."""

    nodes: Range | None = Field(
        None, description="Machines. 10.240.0.0/24 with provider local; with ssh their network."
    )
    pods: Range = Field(
        IPv4Network("10.200.0.0/16"), description="Pods; each worker gets a /24 of it."
    )
    services: Range = Field(
        IPv4Network("10.32.0.0/24"), description="Services; the tenth address is the DNS's."
    )
    node_ports: tuple[Literal["primary", "all"] | Range, ...] = Field(
        ("primary",), min_length=1,
        description="Nodes' addresses at which Services of type NodePort answer. primary: the "
        "machine's address in network.nodes. all: every one, so a public one too. Ranges: those "
        "of its addresses that are in them.",
    )  # fmt: skip
    pod_mtu: int | None = Field(
        None, ge=1280, le=65535,
        description="MTU of pods' interfaces. Without one the smallest of the machines' links. "
        "Pods that are there keep theirs.",
    )  # fmt: skip


class EndpointSpec(Part):
    """Where clients reach the API, whichever control planes live."""

    kind: Literal["vip", "given", "proxy"] | None = Field(
        None, description="vip: an address that control planes hand over (keepalived, haproxy). "
        "given: a load balancer of your own. proxy: haproxy on every machine, at its loopback. "
        "Without one vip; on provider aws the load balancer hardway makes.",
    )  # fmt: skip
    host: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$",
        description="vip: a free address of network.nodes, the hundredth without one on provider "
        "local. given: address or name of the load balancer.",
    )  # fmt: skip
    port: int = Field(6443, ge=1, le=65535, description="Where it listens.")
    sans: tuple[San, ...] = Field(
        (), description="Further names and addresses by which clients reach the API: they are put "
        "into its certificate. Without that a client is told that it is somebody else's.",
    )  # fmt: skip


class Pki(Part):
    """Keys and certificates."""

    algorithm: Literal["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-4096"] = Field(
        "ecdsa-p256", description="Kind of all private keys."
    )
    ca_days: int = Field(3650, ge=1, le=36500, description="How long CAs are good for.")
    leaf_days: int = Field(365, ge=1, le=36500, description="How long services' are.")
    admin_days: int = Field(
        7, ge=1, le=36500, description="How long people's are; `hardway up` renews them."
    )


class ClusterSpec(Part):
    """A cluster, as its operator describes it; every field has a default."""

    api_version: Literal["hardway/v1alpha1"] = Field(
        "hardway/v1alpha1", description="The form of this file."
    )
    name: str = Field(
        "default", pattern=LABEL, max_length=20,
        description="Tells clusters on one host apart: folders, bridges, machines are named by it.",
    )  # fmt: skip
    provider: Literal["local", "ssh", "aws"] = Field(
        "local", description="Where the machines come from: made on this host, there already, or "
        "made on AWS.",
    )  # fmt: skip
    kubernetes: str = Field("1.37", description="A minor version, or an exact one.")
    machines: Machines = Field(Counts(), description="Counts by role, or a list of machines.")
    network: Network = Field(Network(), description="Address ranges.")
    endpoint: EndpointSpec = Field(EndpointSpec(), description="Where clients reach the API.")
    ssh: Ssh = Field(Ssh(), description="How machines of provider ssh are reached.")
    aws: Aws = Field(Aws(), description="Where and of what machines of provider aws are made.")
    pki: Pki = Field(Pki(), description="Keys and certificates.")
    nodes: Nodes = Field(Nodes(), description="What all nodes have.")
    pod_security: PodSecurity = Field(
        PodSecurity(), description="What pods may ask for where their namespace says nothing."
    )
    service_accounts: ServiceAccounts = Field(
        ServiceAccounts(), description="Pods' tokens, for verifiers outside of the cluster."
    )
    components: Components = Field(
        {}, description="Flags and feature gates of components beyond hardway's own. They are "
        "tried on one machine first: if it does not come up, the others are left alone.",
    )  # fmt: skip
