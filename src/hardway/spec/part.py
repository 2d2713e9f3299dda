"""What all mappings in hardway.yaml have in common."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


def _no_number(value: object) -> object:
    """Refuse what `ipaddress` would take for an address's number: 5 for 0.0.0.5, true for .1."""
    if isinstance(value, int | bytes):
        raise PydanticCustomError("address", "an address is wanted, as in 10.240.0.0")
    return value


Address = Annotated[IPv4Address, BeforeValidator(_no_number)]
Range = Annotated[IPv4Network, BeforeValidator(_no_number)]


class Part(BaseModel):
    """A mapping in hardway.yaml: no other fields than those named, camelCase there."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )
