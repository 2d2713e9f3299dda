"""What the host's kernel is like once machines have been on it."""

from pathlib import Path

import pytest

from hardway.providers.local import kernel

SWITCHES = {"bridge-nf-call-iptables": "0", "bridge-nf-call-ip6tables": "0"}
MODPROBE = """#!/bin/sh
mkdir -p {bridges} && cd {bridges} || exit
for switch in bridge-nf-call-iptables bridge-nf-call-ip6tables bridge-nf-filter-vlan-tagged; do
    [ -e $switch ] || printf 1 >$switch
done
"""


@pytest.fixture
def bridges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel without br_netfilter, until modprobe loads it as Linux does: switched on."""
    found = tmp_path / "net/bridge"
    program = tmp_path / "modprobe"
    program.write_text(MODPROBE.format(bridges=found))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(kernel, "PROC", tmp_path)
    return found


def switches(bridges: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in bridges.iterdir() if "call" in path.name}


def test_a_module_that_is_loaded_for_machines_leaves_the_hosts_bridges_alone(bridges: Path) -> None:
    kernel.load_modules()
    assert switches(bridges) == SWITCHES
    assert (bridges / "bridge-nf-filter-vlan-tagged").read_text() == "1"


def test_where_it_was_loaded_before_its_switches_stay_as_people_set_them(bridges: Path) -> None:
    bridges.mkdir(parents=True)
    asked = {"bridge-nf-call-iptables": "1", "bridge-nf-call-ip6tables": "0"}
    for name, value in asked.items():
        (bridges / name).write_text(value)
    kernel.load_modules()
    assert switches(bridges) == asked
