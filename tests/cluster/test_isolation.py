"""The proof that nothing leads elsewhere, on this host's kernel: attempts are refused and seen."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest
from tests.guard import GUARD

from hardway import isolation

TRY = "import socket, sys; socket.create_connection((sys.argv[1], 9), 2)"


def own_address() -> str:
    """Return an address of this host that is not loopback: packets to it go nowhere else."""
    listed = json.loads(subprocess.check_output(["ip", "-json", "-4", "address"]))
    found = [a["local"] for link in listed if link["ifname"] != "lo" for a in link["addr_info"]]
    if not found:
        pytest.skip("this host has no address but loopback")
    return str(found[0])


def child_tries(address: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", TRY, address], capture_output=True, text=True, check=False
    )
    return done.stderr


@pytest.fixture(autouse=True)
def _other_guard() -> Iterator[None]:
    """Tests' own guard would refuse first."""
    with GUARD.lift():
        yield


def test_attempts_of_this_process_and_of_children_are_refused_and_seen() -> None:
    address = own_address()
    machines = [IPv4Network("192.0.2.0/24")]
    with isolation.confined([], machines) as watch:
        assert not watch.why_not
        with pytest.raises(PermissionError, match="not part of this cluster"):
            socket.create_connection(("198.51.100.1", 443), 1)
        with pytest.raises(PermissionError, match=r"the address of release\.invalid"):
            socket.getaddrinfo("release.invalid", 443)
        assert "refused" in child_tries(address)
        seen = watch.seen()
    assert seen.elsewhere == (
        "198.51.100.1:443 (1 times)",
        "the address of release.invalid (1 times)",
        f"{address} tcp 9 (1 packets)",
    )
    with isolation.confined([IPv4Network(f"{address}/32")], machines) as watch:
        child_tries(address)
        seen = watch.seen()
    assert (seen.elsewhere, seen.packets) == ((), 1)
    tables = subprocess.check_output(["nft", "list", "tables"], text=True)
    assert isolation.table() not in tables
