"""What a row of the table is made of: kinds of things, those wanted, those found."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from hardway.errors import AwsError
from hardway.model.cluster import Cluster, Machine, Role
from hardway.providers.aws import names
from hardway.providers.aws.api import Answer, Api
from hardway.providers.aws.costs import Price
from hardway.providers.aws.records import Records
from hardway.providers.base import Progress
from hardway.spec.aws import Aws, subnets

Ids = Mapping[str, str]
"""AWS's id of each thing that is there, by role; of machines also the public `address/<name>`."""
NOT_YET = "not made yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """All that decides what there has to be on AWS."""

    cluster: Cluster
    aws: Aws
    id: str
    made_by: str
    zones: tuple[str, ...]
    images: Mapping[str, str]
    """By architecture."""
    root_devices: Mapping[str, str]
    """By image: what the image calls its first disk."""
    public_key: str
    user_data: Mapping[str, str] = field(repr=False)
    """By machine; holds a host key that is good for the first login only."""

    @property
    def subnets(self) -> tuple[IPv4Network, ...]:
        """The ranges of the subnets, one for each zone."""
        return subnets(self.aws, self.cluster.node_cidr)

    def zone_of(self, machine: Machine) -> int:
        """Return in which zone a machine is: the one whose range has its address."""
        return next(i for i, net in enumerate(self.subnets) if machine.address in net)

    def types_for(self, machine: Machine) -> tuple[str, ...]:
        """Return the instance types a machine may be of, the preferred one first."""
        types = self.aws.types
        return types.control_planes if machine.role is Role.CONTROL_PLANE else types.workers


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is wanted."""

    role: str
    wanted: Mapping[str, str | tuple[str, ...]]
    """What it has to be like; of several values any will do."""
    title: str
    """For people."""
    shared: str = ""
    """The id of a thing that is somebody else's: used, and never tagged, changed or deleted."""

    def first(self, key: str) -> str:
        """Return what is wanted of a property; the preferred value."""
        value = self.wanted[key]
        return value if isinstance(value, str) else value[0]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing of a cluster that is there."""

    role: str
    id: str
    seen: Mapping[str, str]
    leaving: bool = False
    """On its way out: no longer of use, and still in the way."""
    held: bool = False
    """Goes with the thing that has it, and not before."""


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster at AWS, as far as its things can be found: no file of this host is needed."""

    api: Api
    id: str


@dataclass(frozen=True, slots=True)
class Work:
    """What making things needs."""

    site: Site
    design: Design
    records: Records
    progress: Progress
    ids: dict[str, str] = field(default_factory=dict)
    """Grows with each thing made or found."""


async def leave(_work: Work, _rows: Sequence[Row]) -> None:
    """Leave things as they are."""


async def goes_by_itself(_site: Site, _found: Found) -> None:
    """Leave the deleting to AWS."""


def _free(_seen: Mapping[str, Any]) -> tuple[Price, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A row of the table: how things of a kind are wanted, found, made, mended, paid, deleted."""

    name: str
    needs: tuple[str, ...] = ()
    """Kinds that cannot go while one of this kind is there."""
    rows: Callable[[Design, Ids], list[Row]] = lambda _design, _ids: []
    find: Callable[[Site], Awaitable[list[Found]]]
    look_up: Callable[[Api, Row], Awaitable[Found | None]] | None = None
    """Look for a shared one."""
    make: Callable[[Work, Row], Awaitable[str]] | None = None
    """Make one and return its id."""
    settle: Callable[[Work, Sequence[Row]], Awaitable[None]] = leave
    """Bring those that are there to what can be changed of them."""
    delete: Callable[[Site, Found], Awaitable[None]]
    """Delete one, or begin to; do nothing where AWS deletes it by itself."""
    bills: Callable[[Mapping[str, Any]], tuple[Price, ...]] = _free
    """What one costs, by its properties."""
    idempotent: bool = False
    """Asking a second time makes no second one, so that nothing is to be waited for."""


def specification(design: Design, role: str, *kinds: str) -> list[dict[str, Any]]:
    """Return the tags things are born with, so that none is ever nobody's."""
    wanted = names.as_list(names.tags(design.id, role, design.made_by, design.aws.tags))
    return [{"ResourceType": kind, "Tags": wanted} for kind in kinds]


async def tagged(
    site: Site, action: str, key: str, parse: Callable[[str, Answer], Found]
) -> list[Found]:
    """Return what EC2 has of a cluster: whatever bears exactly its tags."""
    raws = await site.api.pages(action, key, Filters=names.of_cluster(site.id))
    roles = [(names.role_in(raw, site.id), raw) for raw in raws]
    return [parse(role, raw) for role, raw in roles if role is not None]


async def gone(deleting: Awaitable[object]) -> None:
    """Delete a thing; one that is not there any more is as good."""
    try:
        await deleting
    except AwsError as error:
        if not error.code.endswith(("NotFound", "NotAttached")):
            raise


async def there_already(making: Awaitable[object]) -> None:
    """Make a thing of which there is never a second one; one that is there is as good."""
    try:
        await making
    except AwsError as error:
        if not error.code.endswith(("Duplicate", "AlreadyExists", "AlreadyAssociated")):
            raise
