"""What is done to a control plane before its member of etcd joins, and what is left for later."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from tests import support

from hardway.checks.live import Live
from hardway.engine import members, order
from hardway.model.resources import (
    Before,
    Change,
    EtcdMember,
    File,
    Item,
    Kind,
    Obsolete,
    Unit,
)
from hardway.report import Event
from hardway.steps import etcd
from hardway.steps.index import STEPS
from hardway.tools.kubectl import Kubectl

FILE = File(path="/f", content=b"", why="")
UNIT = Unit(name="u.service", path="", digest="", reads=(), why="")
OLD = Obsolete(path="/old", before=Before.ABSENT)


def change(machine: str, step: str, kind: Kind, path: str, item: Item = FILE) -> Change:
    return Change(machine=machine, step=step, kind=kind, path_or_unit=path, item=item)


JOINING = change("controller-1", etcd.NAME, Kind.JOIN, "Member/controller-1",
                 EtcdMember(name="controller-1"))  # fmt: skip
KEYS = change("controller-1", "certificates", Kind.CREATE, "/keys")
MEMBERS_OWN = [
    change("controller-1", etcd.NAME, Kind.START, etcd.UNIT, UNIT),
    change("controller-1", etcd.NAME, Kind.SET, etcd.WAY_IN),
]
LATER = [
    change("controller-1", etcd.NAME, Kind.RESTART, "hardway-host.service", UNIT),
    change("controller-1", etcd.NAME, Kind.REMOVE, "/old", OLD),
    change("controller-1", "control-plane", Kind.CREATE, "/needs-etcd"),
    change("controller-0", "certificates", Kind.CREATE, "/keys"),
    change("controller-0", etcd.NAME, Kind.START, etcd.UNIT, UNIT),
]


def test_one_machine_is_prepared_up_to_etcd_and_all_else_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: list[Change] = []

    async def prepare(_: Live, machine: str, changes: Sequence[Change], *__: object) -> None:
        assert machine == "controller-1"
        prepared.extend(changes)

    async def join(*_: object) -> None:
        assert prepared == [KEYS]

    monkeypatch.setattr(order, "_prepare", prepare)
    monkeypatch.setattr(members.Membership, "join", join)
    no_api = cast(Kubectl, None)
    live = Live(support.topology("3+3"), {}, no_api, no_api)
    told: list[Event] = []
    changes = [JOINING, KEYS, *MEMBERS_OWN, *LATER]
    left = asyncio.run(order._join(JOINING, STEPS, changes, live, told.append))
    assert left == LATER
    assert [event.text for event in told] == ["join Member/controller-1"]
