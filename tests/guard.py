"""No test reaches what is not its own: each connection and name lookup of a process passes here.

An audit hook (PEP 578) sees what libraries, threads and event loops do, whatever they imported and
when. It raises no `Exception`: a client takes an `OSError` for a bad network, tries again, and
reports something else. Each refusal is also noted, for code that swallows even this one.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

HOST = (
    *(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
    # To connect to the unspecified address is to connect to loopback.
    *(IPv4Network("0.0.0.0/32"), IPv6Network("::/128")),
)
MACHINES = IPv4Network("10.0.0.0/8")
"""The ranges of all clusters that tests make are in it."""
NAMES = frozenset({"", "localhost", socket.gethostname()})
CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
LOOKS_BACK = frozenset({"socket.gethostbyaddr", "socket.getnameinfo"})
"""Lookups that ask a name server about an address."""
NO_ACCOUNT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Environment of a program that has no fake AWS: no credentials, and an endpoint that is closed."""


class Forbidden(BaseException):
    """A test tried to reach what is not its own."""


class Guard:
    """What may be reached now, and what was refused."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self._own: Sequence[Network] | None = HOST
        """None: everything."""

    def install(self) -> None:
        """Guard this process from now on; Python has no way to remove a hook."""
        sys.addaudithook(self._hook)
        for name in ("connect", "connect_ex", "sendto", "sendmsg"):
            setattr(socket.socket, name, self._asked_first(getattr(socket.socket, name)))

    def _asked_first(self, method: Callable[..., object]) -> Callable[..., object]:
        """Return a socket's method that comes here first: it looks a name up before the hook."""

        @wraps(method)
        def asked(sock: socket.socket, *args: object) -> object:
            self._hook("socket.connect", (sock, args[-1]))
            return method(sock, *args)

        return asked

    @contextmanager
    def allow(self, *more: Network) -> Iterator[None]:
        """Let some networks be reached meanwhile."""
        with self._replaced((*HOST, *more)):
            yield

    @contextmanager
    def lift(self) -> Iterator[None]:
        """Let everything be reached meanwhile: for a download, or another guard under test."""
        with self._replaced(None):
            yield

    @contextmanager
    def _replaced(self, own: Sequence[Network] | None) -> Iterator[None]:
        before, self._own = self._own, own
        try:
            yield
        finally:
            self._own = before

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if self._own is None:
            return
        host = _host(event, args)
        if host is not None and host not in NAMES and not self._is_own(host):
            self._refuse(f"{event.removeprefix('socket.')} of {host}")

    def _is_own(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:  # a name, for which a name server would be asked
            return False
        return any(address in network for network in self._own or ())

    def _refuse(self, what: str) -> None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "no test, but what surrounds tests")
        self.refusals.append(f"{what}, which is neither this host nor a test's machine ({test})")
        raise Forbidden(self.refusals[-1])


def _host(event: str, args: tuple[object, ...]) -> str | None:
    """Return the host that a call would reach or ask a name server about; None for others."""
    if event in CONNECTS:
        inet = getattr(args[0], "family", None) in {socket.AF_INET, socket.AF_INET6}
        return _text(args[1][0]) if inet and isinstance(args[1], tuple) else None
    if event in LOOKS_UP:
        host = _text(args[0] or "")
        return None if _is_address(host) else host
    if event in LOOKS_BACK:
        return _text(args[0][0] if isinstance(args[0], tuple) else args[0])
    return None


def _text(host: object) -> str:
    return host.decode() if isinstance(host, bytes) else str(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


GUARD = Guard()
