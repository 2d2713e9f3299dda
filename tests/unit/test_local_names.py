"""Names on this host: no two machines share one, whatever their clusters are called."""

import inspect
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests import support

from hardway.providers.local import names, nspawn, preflight, registry
from hardway.providers.local.registry import Registered
from hardway.spec.schema import LABEL


def taking(*parameters: str) -> dict[str, Callable[..., Any]]:
    """Return the module's functions that make a name of these names."""
    wanted = [(name, str) for name in parameters]
    return {
        name: function
        for name, function in inspect.getmembers(names, inspect.isfunction)
        if [(p.name, p.annotation) for p in inspect.signature(function).parameters.values()]
        == wanted
    }


OF_MACHINES = taking("cluster", "machine")
OF_CLUSTERS = taking("cluster")
# Of few letters, so that both draw the same words with dashes at other places.
labels = st.from_regex(LABEL, fullmatch=True, alphabet="ab-").filter(lambda s: len(s) <= 8)
machines = st.tuples(labels, labels)


def test_the_properties_hold_of_all_names() -> None:
    assert {"container", "netns", "unit", "cgroup", "folder", "removed"} == {*OF_MACHINES}
    assert {"short", "bridge", "table"} == {*OF_CLUSTERS}


@given(machines, machines)
@example(("a-b", "c"), ("a", "b-c"))
def test_two_machines_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assume(one != other)
    for name, function in OF_MACHINES.items():
        assert function(*one) != function(*other), name
    argv, others = (nspawn.command(*machine, Path("/root"), None) for machine in (one, other))
    for flag in ("--machine=", "--network-namespace-path="):
        assert next(w for w in argv if w.startswith(flag)) not in others


@given(labels, machines)
@example("a", ("a-b", "c"))
def test_what_is_looked_for_as_a_clusters_is_no_others(
    cluster: str, machine: tuple[str, str]
) -> None:
    assume(cluster != machine[0])
    assert not names.netns(*machine).startswith(names.netns(cluster, ""))
    assert names.folder(cluster) not in names.folder(*machine).parents
    assert names.table(cluster) != names.table(machine[0])


@pytest.mark.parametrize(
    ("name", "other", "clashes"),
    [
        ("abcdefghi", "abcdecc2", False),
        ("abcdefghi", names.short("abcdefghi"), True),
        ("abcdefghi", "abcdefghij", False),
    ],
)
def test_a_name_whose_bridge_another_cluster_has_is_refused(
    name: str, other: str, clashes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Registered(other, Path("/other"), IPv4Network("10.99.0.0/24"))
    monkeypatch.setattr(registry, "registered", lambda: [there])
    found = preflight._taken(support.cluster(f"name: {name}"), Path("/own"))
    assert len(found) == clashes
    assert all(f"cluster {other}'s" in line for line in found)
