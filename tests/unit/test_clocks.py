"""Clocks that differ: nothing is issued; certificates of people that ended are renewed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest
import yaml
from tests import support

from hardway import issuing
from hardway.errors import ClockError
from hardway.pki import store
from hardway.pki.decide import Issue
from hardway.pki.inspect import read
from hardway.project import Project
from hardway.providers.clocks import Clock, clock
from hardway.render.kubeconfig import host_kubeconfigs
from hardway.report import Event, Happened
from hardway.spec.load import parse
from hardway.transport.base import Completed, Fleet
from hardway.workspace import Workspace

DUE = [Issue("encryption", "missing")]


@dataclass(frozen=True)
class Machine:
    """A machine whose clock is ahead of this host's."""

    machine: str
    ahead_s: float

    async def run(self, argv: Sequence[str], **_: object) -> Completed:
        assert list(argv) == ["date", "+%s.%N"]
        return Completed(0, f"{time() + self.ahead_s:.9f}\n".encode(), b"")


def asked(*ahead_s: float, shared: bool = False) -> Clock:
    fleet = {f"m{i}": Machine(f"m{i}", s) for i, s in enumerate(ahead_s)}
    return asyncio.run(clock(fleet, dict.fromkeys(fleet, replace(support.HOST, shared=shared))))


@pytest.mark.parametrize(
    ("ahead_s", "apart"),
    [((0, 0, 0), False), ((0, 0, 86400), False), ((86400, 86400, 0), True), ((-40,), True),
     ((40,), True), ((20, 25, 29), False), ((), False)],
)  # fmt: skip
def test_nothing_is_issued_where_this_clock_and_the_median_are_apart(
    ahead_s: tuple[float, ...], *, apart: bool
) -> None:
    found = asked(*ahead_s)
    found.permit([])
    if not apart:
        found.permit(DUE)
        return
    with pytest.raises(ClockError) as caught:
        found.permit(DUE)
    assert f"{found.now:%Y-%m-%d %H:%M:%S}" in str(caught.value)
    assert f"{found.now - found.ahead:%Y-%m-%d %H:%M:%S}" in str(caught.value)
    assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)


def test_machines_on_this_kernel_are_not_asked() -> None:
    assert asked(86400, shared=True).ahead == timedelta()


@dataclass
class Provider:
    """Reaches machines of which all are ahead."""

    ahead_s: float = 0

    @asynccontextmanager
    async def connect(self, cluster: object) -> AsyncIterator[Fleet]:
        del cluster
        yield {"controller-0": Machine("controller-0", self.ahead_s)}

    async def facts(self, _cluster: object, fleet: Fleet) -> object:
        return dict.fromkeys(fleet, replace(support.HOST, shared=False))


def left_alone(folder: Path, *, days: int, ahead_s: float = 0) -> Project:
    cluster, begun = support.topology("1+1"), datetime.now(UTC) - timedelta(days=days)
    secrets = store.ensure(folder / "pki", cluster, begun)
    workspace = Workspace(folder)
    workspace.write_kubeconfigs(host_kubeconfigs(cluster, secrets))
    return Project(
        cluster=cluster,
        spec=parse("", "hardway.yaml").spec,
        decisions=None,
        provider=Provider(ahead_s),  # type: ignore[arg-type] - no more of it is asked for
        workspace=workspace,
        cache=folder / "cache",
        lock_file=folder / "lock",
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


def renewed(at: Project) -> tuple[set[str], list[str]]:
    """Return which files changed, and the lines for people."""
    before, said = files(at.workspace.folder), []

    def report(event: Event) -> None:
        if event.happened is Happened.DOING:
            said.append(event.text)

    asyncio.run(issuing.renew_own(at, report))
    after = files(at.workspace.folder)
    return {name for name in after if before.get(name) != after[name]}, said


def test_after_eight_days_people_are_let_in_again(tmp_path: Path) -> None:
    at = left_alone(tmp_path, days=8)
    own = {f"pki/kubernetes/{n}.{e}" for n in ("admin", "break-glass") for e in ("crt", "key")}
    own |= {f"kubeconfigs/{n}.kubeconfig" for n in ("admin", "break-glass")}
    changed, said = renewed(at)
    assert changed == {*own, "journal.jsonl"}
    ended = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    assert said == [
        f"certificates and keys: admin (ended on {ended}), break-glass (ended on {ended})"
    ]
    admin = read((tmp_path / "pki/kubernetes/admin.crt").read_bytes())
    assert admin.not_after > datetime.now(UTC) + timedelta(days=6)
    assert renewed(at) == (set(), [])


def test_what_has_not_ended_waits_for_up(tmp_path: Path) -> None:
    assert renewed(left_alone(tmp_path, days=6)) == (set(), [])


def test_a_cluster_that_was_never_made_has_nothing_to_renew(tmp_path: Path) -> None:
    at = replace(left_alone(tmp_path / "a", days=8), workspace=Workspace(tmp_path / "b"))
    asyncio.run(issuing.renew_own(at, lambda _: None))
    assert not (tmp_path / "b").exists()


def test_by_this_hosts_clock_alone_nothing_is_renewed(tmp_path: Path) -> None:
    at = left_alone(tmp_path, days=8, ahead_s=-86400 * 3)
    before = files(tmp_path)
    with pytest.raises(ClockError):
        asyncio.run(issuing.renew_own(at, lambda _: None))
    assert files(tmp_path) == before


def test_kubeconfigs_of_several_clusters_have_no_name_in_common(tmp_path: Path) -> None:
    names: list[str] = []
    for name in ("one", "two"):
        cluster = support.cluster(f"name: {name}")
        for content in host_kubeconfigs(cluster, support.fake_secrets(cluster)).values():
            value = yaml.safe_load(content)
            assert value["current-context"] == value["contexts"][0]["name"]
            names += [value[kind][0]["name"] for kind in ("users", "contexts")]
            assert value["clusters"][0]["name"] == f"hardway-{name}"
    assert len(names) == 8
    assert len(set(names)) == 4
    assert all(n.startswith(("hardway-one-", "hardway-two-")) for n in names)
