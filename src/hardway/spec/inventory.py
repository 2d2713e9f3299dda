"""What may stand in the file of `verify --inventory`: machines of a cluster that others made."""

from typing import Literal

from pydantic import Field

from hardway.spec.part import Address, Part
from hardway.spec.ssh import Ssh

NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


class Places(Part):
    """Where things of a cluster are that no running process names."""

    sources: dict[str, str] = Field(
        {}, description="Unit file or static pod's manifest of a component, by its name."
    )
    kubeconfigs: tuple[str, ...] = Field((), description="Kubeconfigs for people on the machines.")
    authority_keys: tuple[str, ...] = Field((), description="Private keys of CAs on the machines.")


class Found(Ssh):
    """One machine: how it is reached, and what it is for."""

    name: str = Field(pattern=NAME, max_length=63, description="Its node name.")
    role: Literal["control-plane", "worker"] = Field(description="What it is for.")
    host: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$",
        description="Name or address by which this host reaches it; without one its name.",
    )  # fmt: skip
    address: Address | None = Field(
        None, description="Its address among the machines; without one its host's."
    )


class Inventory(Part):
    """A cluster that others made: its machines, and where its things are."""

    api_version: Literal["hardway/v1alpha1"] = Field(
        "hardway/v1alpha1", description="The form of this file."
    )
    layout: Literal["kubeadm", "tutorial", "hardway"] | Places = Field(
        description="Where things are: as kubeadm puts them, as the tutorial does, as hardway "
        "does, or a mapping of places."
    )
    kubernetes: str = Field("1.37", description="The minor version to compare with.")
    ssh: Ssh = Field(Ssh(), description="How all machines are reached.")
    machines: tuple[Found, ...] = Field(min_length=1, description="The machines.")
