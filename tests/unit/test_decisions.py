"""Decisions: what a living cluster keeps, whatever hardway.yaml says next."""

import json
import os
import shutil
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import support

from hardway import workspace
from hardway.errors import RefusedError
from hardway.model import decisions as form
from hardway.model.cluster import Cluster, Role
from hardway.model.decisions import Decisions
from hardway.model.delta import By, Delta, deltas, refuse
from hardway.model.resolve import resolve
from hardway.spec.load import parse
from hardway.workspace import Workspace

VERSIONS = {"kubernetes": "1.37.2", "etcd": "3.6.16", "coredns": "1.14.7"}
ABC = """machines:
- {name: a, role: control-plane}
- {name: b, role: worker}
- {name: c, role: worker}
- {name: d, role: worker}
"""


def decided(text: str) -> Decisions:
    return form.of(support.cluster(text), VERSIONS, None, id_="t-1", ca="ab")


def again(text: str, before: Decisions) -> Cluster:
    return resolve(parse(text, "hardway.yaml"), support.VERSION, before.machines)


def differences(text: str, before: Decisions, **now: str) -> tuple[Delta, ...]:
    spec = parse(text, "hardway.yaml").spec
    return deltas(before, again(text, before), spec, VERSIONS | now)


def without(text: str, name: str) -> str:
    return "".join(line for line in text.splitlines(True) if f"name: {name}," not in line)


names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True)


@given(names, names)
def test_machines_keep_what_was_decided_whatever_comes_and_goes_beside_them(
    first: list[str], second: list[str]
) -> None:
    def text(workers: list[str]) -> str:
        lines = [f"- {{name: {name}, role: worker}}\n" for name in workers]
        return "machines:\n- {name: x, role: control-plane}\n" + "".join(lines)

    before = decided(text(first))
    after = again(text(second), before)
    there = {m.name: m for m in after.machines}
    assert [m for m in before.machines if there[m.name] != m] == []
    assert set(there) == {"x", *first, *second}
    for what in ("address", "number", "pod_cidr"):
        values = [getattr(m, what) for m in after.machines if getattr(m, what) is not None]
        assert len(values) == len(set(values)), what


def test_a_range_that_became_free_is_given_to_the_next_worker() -> None:
    before = decided(ABC)
    left = form.Decisions(
        **{
            name: getattr(before, name)
            for name in before.__dataclass_fields__
            if name != "machines"
        },
        machines=tuple(m for m in before.machines if m.name != "c"),
    )
    text = without(ABC, "c") + "- {name: e, role: worker}\n"
    after = again(text, left)
    assert after.machine("e").pod_cidr == IPv4Network("10.200.1.0/24")
    assert after.machine("d") == before.machine("d")
    noted = form.of(after, VERSIONS, left, id_="t-1", ca="ab")
    assert again(text, noted).machines == after.machines, "in this order from the first run on"


def test_counts_take_machines_of_any_name_and_number_new_ones() -> None:
    before = decided(ABC)
    after = again("machines: {controlPlanes: 1, workers: 5}", before)
    assert [m.name for m in after.machines] == ["a", "b", "c", "d", "worker-0", "worker-1"]
    fewer = again("machines: {controlPlanes: 1, workers: 1}", before)
    assert fewer.machines == before.machines, "none is removed by itself"


def test_an_address_of_a_machine_that_is_kept_is_not_given_twice() -> None:
    before = decided(ABC)
    text = without(ABC, "c") + "- {name: e, role: worker, address: 10.240.0.21}\n"
    with pytest.raises(Exception, match=r"10\.240\.0\.21 is also that of c"):
        again(text, before)


@pytest.mark.parametrize("topology", support.TOPOLOGIES)
def test_what_is_written_down_is_what_is_read(topology: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "default")
    wanted = form.of(support.topology(topology), VERSIONS, None, id_="default-1", ca="ab")
    assert wanted.serial == 1
    workspace.decide(wanted)
    assert workspace.decisions == wanted


def test_the_serial_grows_with_each_change_and_only_then() -> None:
    cluster = support.cluster(ABC)
    before = form.of(cluster, VERSIONS, None, id_="t-1", ca="ab")
    assert form.of(cluster, VERSIONS, before, id_="t-1", ca="ab") == before
    after = form.of(again(ABC + "- {name: e, role: worker}\n", before), VERSIONS, before,
                    id_="t-1", ca="ab")  # fmt: skip
    assert after.serial == before.serial + 1


@pytest.mark.parametrize("topology", ["3+3", "1+1", "5+2", "1+0"])
def test_the_first_form_is_read_as_it_was_meant(topology: str, tmp_path: Path) -> None:
    cluster = support.topology(topology)
    row = {
        "provider": "local",
        "machines": [f"{m.name} {m.role} {m.address}" for m in cluster.machines],
        "nodes": str(cluster.node_cidr),
        "pods": str(cluster.pod_cidr),
        "services": str(cluster.service_cidr),
        "endpoint": cluster.endpoint.url,
    }
    (tmp_path / "cluster.json").write_text(json.dumps(row))
    read = Workspace(tmp_path).decisions
    assert read is not None
    assert (read.id, read.serial, read.versions) == ("", 0, {})
    assert read.machines == cluster.machines


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": 2}', '{"pods": "x", "machines": [""]}'])
def test_a_file_that_hardway_did_not_write_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(RefusedError, match="not as hardway wrote it"):
        _ = Workspace(tmp_path).decisions


def test_the_same_spec_differs_in_nothing() -> None:
    assert differences(ABC, decided(ABC)) == ()


@pytest.mark.parametrize(
    ("text", "subject", "by"),
    [
        (ABC + "- {name: e, role: worker}\n", "e", By.UP),
        ("machines: {controlPlanes: 1, workers: 4}", "worker-0", By.UP),
        (without(ABC, "c"), "c", By.COMMAND),
        ("machines: {controlPlanes: 1, workers: 2}", "machines (worker)", By.COMMAND),
        (ABC.replace("name: c, role: worker", "name: c, role: worker, address: 10.240.0.77"),
         "c", By.NOBODY),
        (ABC + "network: {pods: 10.201.0.0/16}\n", "network.pods", By.NOBODY),
        (ABC + "network: {services: 10.33.0.0/24}\n", "network.services", By.NOBODY),
        (ABC + "endpoint: {port: 443}\n", "endpoint", By.NOBODY),
    ],
)  # fmt: skip
def test_each_difference_names_its_operation(text: str, subject: str, by: By) -> None:
    (delta,) = differences(text, decided(ABC))
    assert (delta.subject, delta.by) == (subject, by)
    if by is By.NOBODY:
        with pytest.raises(RefusedError, match=subject.partition(" ")[0]):
            refuse("t", [delta])
    else:
        refuse("t", [delta])


def test_control_planes_are_added_by_up() -> None:
    more = ABC + "- {name: f, role: control-plane}\n- {name: g, role: control-plane}\n"
    found = differences(more, decided(ABC))
    assert [(d.subject, d.by) for d in found] == [("f", By.UP), ("g", By.UP)]
    assert all("joins etcd" in d.how for d in found)


def test_a_machine_keeps_its_role() -> None:
    swapped = ABC.replace("a, role: control-plane", "a, role: worker").replace(
        "b, role: worker", "b, role: control-plane"
    )
    found = differences(swapped, decided(ABC))
    assert [(d.subject, d.by) for d in found] == [("a", By.NOBODY), ("b", By.NOBODY)]
    assert again(swapped, decided(ABC)).machine("a").role is Role.CONTROL_PLANE


@pytest.mark.parametrize(
    ("is_", "now", "by"),
    [
        ({"kubernetes": "1.36.3"}, {}, By.NOBODY),
        ({"kubernetes": "1.38.0"}, {}, By.NOBODY),
        ({"etcd": "3.7.0"}, {}, By.NOBODY),
        ({"etcd": "3.6.15"}, {}, By.NOBODY),
        ({"coredns": "1.13.0"}, {}, By.NOBODY),
        ({"kubernetes": "1.37.1"}, {"kubernetes": '"1.37"'}, By.NOBODY),
        ({"kubernetes": "1.37.1"}, {"kubernetes": '"1.37.2"'}, By.UP),
    ],
)
def test_versions_do_not_move_by_themselves(
    is_: dict[str, str], now: dict[str, str], by: By
) -> None:
    before = form.of(support.cluster(ABC), VERSIONS | is_, None, id_="t-1", ca="ab")
    text = ABC + "".join(f"{key}: {value}\n" for key, value in now.items())
    (delta,) = differences(text, before)
    assert (delta.subject, delta.by) == (next(iter(is_)), by)


@pytest.mark.parametrize(("was", "by"), [("3.6.15", By.UP), ("3.5.31", By.NOBODY)])
def test_new_versions_are_taken_when_asked_for_but_no_minor(was: str, by: By) -> None:
    before = form.of(support.cluster(ABC), VERSIONS | {"etcd": was}, None, id_="t-1", ca="ab")
    spec = parse(ABC, "hardway.yaml").spec
    (delta,) = deltas(before, again(ABC, before), spec, VERSIONS, new_versions=True)
    assert delta.by is by


def test_a_folder_that_nothing_was_kept_in_is_gone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "clusters" / "a")
    with pytest.raises(RefusedError), workspace.locked():
        raise RefusedError("nothing was done")
    assert list(tmp_path.iterdir()) == []

    with workspace.locked():
        (workspace.folder / "kept").touch()
    assert sorted(path.name for path in workspace.folder.iterdir()) == ["kept", "lock"]

    with workspace.locked():
        shutil.rmtree(workspace.folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("opened", [True, False])
def test_a_folder_that_another_run_takes_away_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, opened: bool
) -> None:
    own = Workspace(tmp_path / "clusters" / "a")
    place, name = (workspace, "try_lock") if opened else (Path, "open")
    before = getattr(place, name)

    def taken_away(*given: Any) -> Any:
        monkeypatch.setattr(place, name, before)
        shutil.rmtree(own.folder.parent)
        return before(*given)

    monkeypatch.setattr(place, name, taken_away)
    with own.locked():
        (own.folder / "kept").touch()
        with pytest.raises(RefusedError), own.locked():
            pass
    assert sorted(path.name for path in own.folder.iterdir()) == ["kept", "lock"]


def test_the_second_of_two_is_refused_and_leaves_the_first_ones_folder(tmp_path: Path) -> None:
    first, second = Workspace(tmp_path / "a"), Workspace(tmp_path / "a")
    with first.locked():
        with pytest.raises(RefusedError, match=f"process {os.getpid()}"), second.locked():
            pass
        assert first.folder.is_dir()
