"""Tests reach nothing but their own host and machines, whatever way they try."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.guard import GUARD, NO_ACCOUNT, Forbidden

ELSEWHERE = ("198.51.100.1", 443)
"""TEST-NET-2: nobody's."""
ROOT = Path(__file__).parents[2]
SWALLOWING = """import socket

def test_it():
    try:
        socket.getaddrinfo("example.com", 443)
    except BaseException:
        pass
"""


@pytest.fixture
def refusals() -> Iterator[list[str]]:
    """What was refused, which fails any test that does not ask for this."""
    yield GUARD.refusals
    GUARD.refusals.clear()


def datagram(send: Callable[[socket.socket], object]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        send(made)


def connect(host: str, family: int = socket.AF_INET) -> None:
    with socket.socket(family) as made:
        made.settimeout(1)
        made.connect((host, 443))


def in_a_thread() -> None:
    """Look a name up where nobody sees an exception."""

    def look() -> None:
        with contextlib.suppress(Forbidden):
            socket.getaddrinfo("example.com", 443)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    raise Forbidden(GUARD.refusals[-1])


WAYS: dict[str, Callable[[], object]] = {
    "connection": lambda: connect(ELSEWHERE[0]),
    "connection by name": lambda: connect("example.com"),
    "connection by IPv6": lambda: connect("2001:db8::1", socket.AF_INET6),
    "machine of another test": lambda: connect("10.240.0.10"),
    "datagram": lambda: datagram(lambda s: s.sendto(b"?", ELSEWHERE)),
    "message": lambda: datagram(lambda s: s.sendmsg([b"?"], (), 0, ELSEWHERE)),
    "name": lambda: socket.getaddrinfo("example.com", 443),
    "name in bytes": lambda: socket.getaddrinfo(b"example.com", 443),
    "old lookup": lambda: socket.gethostbyname("example.com"),
    "name of an address": lambda: socket.getnameinfo(ELSEWHERE, 0),
    "host of an address": lambda: socket.gethostbyaddr(ELSEWHERE[0]),
    "asyncio": lambda: asyncio.run(asyncio.open_connection(*ELSEWHERE)),
    "asyncio by name": lambda: asyncio.run(asyncio.open_connection("example.com", 443)),
    "library": lambda: urllib.request.urlopen("http://example.com/"),
    "thread": in_a_thread,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_else_is_reached(way: str, refusals: list[str]) -> None:
    with pytest.raises(Forbidden, match=rf"test_nothing_else_is_reached\[{way}\]"):
        WAYS[way]()
    assert any(host in refusals[0] for host in (*ELSEWHERE[:1], "example.com", "10.", "2001:"))


def test_a_refusal_is_not_taken_for_a_bad_network(refusals: list[str]) -> None:
    with pytest.raises(Forbidden), contextlib.suppress(Exception):
        connect(ELSEWHERE[0])
    assert len(refusals) == 1


def test_code_that_swallows_a_refusal_fails_its_test(tmp_path: Path) -> None:
    file = tmp_path / "test_swallowing.py"
    file.write_text(SWALLOWING)
    plugins = ["-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "-c", ROOT / "pyproject.toml", file],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 passed, 1 error" in done.stdout
    assert "getaddrinfo of example.com, which is neither" in done.stdout


def test_this_host_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "", socket.gethostname()):
            socket.getaddrinfo(host or None, port)
        socket.create_connection(("localhost", port)).close()
    assert socket.getaddrinfo("198.51.100.1", 443), "no name server is asked about an address"
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()


def test_machines_are_reached_by_tests_that_make_some() -> None:
    with GUARD.allow(IPv4Network("198.51.100.0/24")):
        datagram(lambda s: s.connect(ELSEWHERE))
        with pytest.raises(Forbidden):
            datagram(lambda s: s.connect(("203.0.113.1", 443)))
    GUARD.refusals.clear()


def test_lifted_it_refuses_nothing() -> None:
    with GUARD.lift():
        datagram(lambda s: s.connect(ELSEWHERE))
    with pytest.raises(Forbidden):
        datagram(lambda s: s.connect(ELSEWHERE))
    GUARD.refusals.clear()


def test_programs_have_no_account() -> None:
    assert {k: v for k, v in os.environ.items() if k.startswith("AWS_")} == NO_ACCOUNT
    shown = "import os; print(os.environ['AWS_ENDPOINT_URL'])"
    said = subprocess.check_output([sys.executable, "-c", shown], text=True)
    assert said == f"{NO_ACCOUNT['AWS_ENDPOINT_URL']}\n"
