"""etcd's members as they are listed, and the way in of one without data. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hardway.errors import RefusedError
from hardway.model.cluster import ETCD_PEER_PORT, Machine
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Member:
    """A row of `etcdctl member list`."""

    id: int
    name: str
    """Empty until it has started."""
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    """Known once it has served: it publishes them itself."""
    learner: bool

    @property
    def served(self) -> bool:
        """Whether it ran as a part of this cluster at any time."""
        return bool(self.client_urls)


class Next(StrEnum):
    """The next thing on a member's way in."""

    REMOVE = "removing its former member from etcd"
    ADD = "adding it to etcd as a learner"
    START = "starting it with the others' data"
    PROMOTE = "waiting until it has all data and votes"
    NOTHING = ""


def parse(text: str) -> tuple[Member, ...]:
    """Parse `etcdctl member list --write-out=json`."""
    return tuple(
        Member(
            id=row["ID"],
            name=row.get("name", ""),
            peer_urls=tuple(row.get("peerURLs") or ()),
            client_urls=tuple(row.get("clientURLs") or ()),
            learner=row.get("isLearner", False),
        )
        for row in json.loads(text)["members"]
    )


def peer_url(machine: Machine) -> str:
    """Return where a control plane's member is reached by the others."""
    return f"https://{machine.address}:{ETCD_PEER_PORT}"


def member_of(machine: Machine, members: Sequence[Member]) -> Member | None:
    """Return a control plane's member; found by its address, for one that is added has no name."""
    return next((m for m in members if peer_url(machine) in m.peer_urls), None)


def next_step(machine: Machine, member: Member | None, *, has_data: bool) -> Next:
    """Return what is next for a control plane, by its member in the list and its data.

    A former member is removed only if it has served and its data is gone. One that never served
    is on its first start, or somebody else is just adding it.

    Raises:
        RefusedError: it has data and is no member: somebody removed it.
    """
    if member is None and has_data:
        raise RefusedError(
            text("{machine} has etcd's data and is not one of its members: it was removed",
                 machine=machine.name),
            hint=text("to let it join again: hardway ssh {machine} -- 'systemctl stop etcd && mv "
                      "/var/lib/etcd/member /var/lib/etcd/member.old', then: hardway up",
                      machine=machine.name),
        )  # fmt: skip
    if member is None:
        return Next.ADD
    if member.served and not has_data:
        return Next.REMOVE
    if member.learner:
        return Next.PROMOTE if member.served else Next.START
    return Next.NOTHING


def initial_cluster(machine: Machine, members: Sequence[Member]) -> str:
    """Return the members as a joining one has to name them: exactly as they are listed."""
    own = peer_url(machine)
    return ",".join(
        f"{machine.name if own in m.peer_urls else m.name}={url}"
        for m in members
        for url in m.peer_urls
    )
