"""The tables of ports, users and paths, and what is rendered, say the same."""

import re
from collections.abc import Iterator

import pytest
from tests import support

from hardway.cli.build import SIGNS
from hardway.model.cluster import Role
from hardway.model.paths import SERVICE_PATHS
from hardway.model.ports import HAPROXY_HEALTH, PORTS, SSH, Listens, on
from hardway.model.resources import Desired, Kind
from hardway.model.users import USERS, made_on
from hardway.providers.aws.groups import CONTROLLERS, RULES
from hardway.providers.hosts import probe, removal
from hardway.steps import network

DEFAULTS = {10250, 10248}
"""Kubelet's own defaults, which no file has to name."""


def rendered(topology: str) -> Iterator[tuple[Role, Desired]]:
    of = support.topology(topology)
    for name, wanted in support.wanted(topology).items():
        yield of.machine(name).role, wanted


def test_no_port_has_two_services() -> None:
    for role in Role:
        numbers = [port.number for port in (*on(role), SSH)]
        assert len(numbers) == len(set(numbers)), role


def test_nobody_comes_to_a_loopback_address() -> None:
    assert not [p for p in PORTS if p.listens is Listens.LOOPBACK and p.allows]


@pytest.mark.parametrize("topology", ["3+3", "endpoint-proxy", "endpoint-given"])
def test_units_and_files_name_the_ports_of_the_table(topology: str) -> None:
    numbers = {port.number for port in PORTS}
    for role, wanted in rendered(topology):
        found = [re.findall(rb"(?::|secure-port=)(\d{4,5})\b", f.content) for f in wanted.files]
        named = {int(number) for numbers in found for number in numbers}
        # haproxy's is on machines with a load balancer .
        missing = {port.number for port in on(role)} - DEFAULTS - named
        assert missing <= {HAPROXY_HEALTH.number}, role
        assert named <= numbers, role


def test_services_run_as_users_of_the_table() -> None:
    for role, wanted in rendered("3+3"):
        run_as = {
            u for f in wanted.files for u in re.findall(rb"^User=(.+)$", f.content, re.MULTILINE)
        }
        owners = {item.owner for item in (*wanted.files, *wanted.folders)} - {"root"}
        assert {u.decode() for u in run_as} | owners == {user.name for user in made_on(role)}


def test_the_removal_and_preflight_read_the_tables() -> None:
    script = removal.script()
    assert all(re.search(rf"^users=.*\b{user.name}\b", script, re.MULTILINE) for user in USERS)
    assert all(row.path in script for row in SERVICE_PATHS if row.mounts)
    head, text = script.split("# Takes everything", 1)
    for word in (network.BRIDGE, network.TABLE, network.KUBE_PROXY_TABLE, str(network.PROTOCOL)):
        assert word in head
        assert word not in text
    assert {row.path for row in SERVICE_PATHS if row.inherited} < set(probe.FOLDERS)


def test_the_plan_has_a_sign_for_each_kind_of_change() -> None:
    assert SIGNS.keys() == set(Kind)


def test_the_cloud_lets_through_what_the_table_allows() -> None:
    reached = {(rule.source, rule.ports) for rule in RULES if rule.into == CONTROLLERS}
    assert {source for source, ports in reached if ports == (2380, 2380)} == {"controllers"}
    assert {source for source, ports in reached if ports == (22, 22)} == {"operators"}
    assert ("pods", (6443, 6443)) in reached
