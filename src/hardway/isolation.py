"""Proof that a run reaches nothing but its own cluster: what else it tries is refused and counted.

Three guards, of which the first is always there:

- an audit hook of this Python process, which every connect, sendto and name look-up passes;
- the kernel, for this process and all its children: a cgroup of their own, and nftables rules by
  which no packet of a socket made in it leaves for elsewhere. A probe shows that they work;
- the kernel, for machines on this host: nothing of theirs is forwarded to elsewhere.

The rules belong to an nft process that ends with this one, and the kernel drops them then.
"""

import contextlib
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
)
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from hardway.errors import HardwayError
from hardway.host import run_now
from hardway.text import reason, text

ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
"""Where the hierarchy of cgroup v2 is, on hosts that have v1 too and on others."""
RULES_S = 5.0
"""How long the kernel may take to have the rules; some milliseconds on an idle host."""
PROBE = ("127.255.255.254", 9)
"""Where the probe sends a packet; nothing listens there, and it is counted and dropped."""
CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
HOSTS = Path("/etc/hosts")
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
N = TypeVar("N", IPv4Network, IPv6Network)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run tried to reach."""

    inside: int
    """Connections and datagrams of this process to the cluster."""
    elsewhere: tuple[str, ...]
    """What this process or its children tried besides; it was refused."""
    why_not: str
    """Why the kernel did not guard, so that children were not watched; empty where it did."""
    packets: int
    """Packets to the cluster that the kernel counted, of this process and its children."""
    machines: tuple[str, ...]
    """What machines on this host tried to reach outside of the cluster; it was dropped."""


@dataclass(slots=True)
class Guard:
    """What is allowed, and what was seen until now."""

    inside: Sequence[Network]
    names: Collection[str] = ()
    active: bool = True
    connections: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        """Take Python's word for what is about to be done; refuse what leads elsewhere."""
        if not self.active:
            return
        if event in CONNECTS:
            family, address = getattr(args[0], "family", None), args[1]
            if family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
                self._reach(str(address[0]), f"{address[0]}:{address[1]}")
        elif event in LOOKS_UP:
            host = args[0].decode() if isinstance(args[0], bytes) else str(args[0] or "localhost")
            if host not in {"localhost", *self.names} and not _is_address(host):
                self._refuse(text("the address of {host}", host=host))

    def _reach(self, host: str, what: str) -> None:
        address = ip_address(host)
        if not address.is_loopback and not any(address in network for network in self.inside):
            self._refuse(what)
        self.connections += 1

    def _refuse(self, what: str) -> None:
        self.refused[what] += 1
        raise PermissionError(errno.EPERM, f"{what} is not part of this cluster (--bundle)")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def addresses(name: str, hosts: Path = HOSTS) -> list[Address]:
    """Return what a name or address stands for by /etc/hosts, with no name server asked."""
    if _is_address(name):
        return [ip_address(name)]
    rows = [line.partition("#")[0].lower().split() for line in hosts.read_text().splitlines()]
    return [ip_address(row[0]) for row in rows if name.lower() in row[1:] and _is_address(row[0])]


@contextmanager
def confined(
    inside: Sequence[Network], machines: Sequence[IPv4Network], names: Collection[str] = ()
) -> Iterator["Watch"]:
    """Refuse all but some networks meanwhile, to this process, its children, and machines.

    `inside` is what this host may reach, `machines` where packets of machines come from; `names`
    may be looked up, though a name server that is elsewhere is still out of reach.
    """
    guard = Guard(inside, names)
    sys.addaudithook(guard.hook)  # for good: Python has no way to take one back
    try:
        with contextlib.ExitStack() as stack:
            try:
                group = stack.enter_context(_own_cgroup())
                stack.enter_context(_rules(table_text(group, inside, machines)))
                _probe()
            except (OSError, HardwayError) as error:
                yield Watch(guard, why_not=reason(error))
            else:
                yield Watch(guard)
    finally:
        guard.active = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Guards that are up."""

    guard: Guard
    why_not: str = ""
    """Why the kernel does not guard."""

    def seen(self) -> Seen:
        """Return what was tried until now."""
        refused: list[str] = [text("{what} ({count} times)", what=what, count=count)
                              for what, count in self.guard.refused.items()]  # fmt: skip
        if self.why_not:
            return Seen(self.guard.connections, tuple(refused), self.why_not, 0, ())
        tried, packets = _counted("elsewhere"), _counted("inside")
        # What the hook refused never became a packet; these are what children tried.
        refused += _lines(tried)
        return Seen(
            inside=self.guard.connections,
            elsewhere=tuple(refused),
            why_not="",
            packets=sum(packets.values()),
            machines=tuple(_lines(_counted("outside"))),
        )


def _lines(counted: Mapping[str, int]) -> list[str]:
    return [text("{where} ({count} packets)", where=where, count=count)
            for where, count in counted.items()]  # fmt: skip


def table() -> str:
    """Return the name of this process's nftables table."""
    return f"hardway_offline_{os.getpid()}"


def table_text(group: str, inside: Sequence[Network], machines: Sequence[IPv4Network]) -> str:
    """Return the nftables rules; `group` is a cgroup's path below /sys/fs/cgroup."""
    allowed = _of(IPv4Network, inside)
    theirs = ", ".join(map(str, machines))
    level = len([part for part in group.split("/") if part != "unified"])
    where = "typeof ip daddr . meta l4proto . th dport; flags dynamic; size 65535; counter"
    noted = "{ ip daddr . meta l4proto . th dport }"
    return f"""table inet {table()} {{
    flags owner
    set probe {{ {where}; }}
    set inside {{ {where}; }}
    set elsewhere {{ {where}; }}
    set outside {{ {where}; }}
    chain output {{
        type filter hook output priority filter - 10; policy accept;
        socket cgroupv2 level {level} "{group}" goto ours
    }}
    chain ours {{
        ip daddr {PROBE[0]} udp dport {PROBE[1]} add @probe {noted} drop
        ip daddr {{ {allowed} }} add @inside {noted} accept
        ip6 daddr {{ {_of(IPv6Network, inside)} }} accept
        meta l4proto {{ tcp, udp }} add @elsewhere {noted} reject
        reject
    }}
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        ip saddr {{ {theirs} }} ip daddr != {{ {theirs} }} goto leaving
    }}
    chain leaving {{
        meta l4proto {{ tcp, udp }} add @outside {noted} drop
        drop
    }}
}}
"""


def _of(family: type[N], inside: Sequence[Network]) -> str:
    """Return what is allowed of a family, loopback too, as nft takes it: none within another."""
    own = [network for network in (*inside, *LOOPBACK) if isinstance(network, family)]
    return ", ".join(map(str, collapse_addresses(own)))


@contextmanager
def _own_cgroup() -> Iterator[str]:
    """Move this process into a cgroup of its own; children that are made then are in it too."""
    root = next((r for r in ROOTS if (r / "cgroup.procs").exists()), None)
    if root is None:
        raise HardwayError("this host has no cgroup v2")
    before = _cgroup_of_this_process()
    for left in root.glob("hardway-offline-*"):  # of runs that were killed
        with contextlib.suppress(OSError):
            left.rmdir()
    own = root / f"hardway-offline-{os.getpid()}"
    own.mkdir()
    try:
        (own / "cgroup.procs").write_text(str(os.getpid()))
        yield str(own.relative_to(ROOTS[1]))
    finally:
        # Machines that this run started live on.
        for pid in (own / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / before / "cgroup.procs").write_text(pid)
        own.rmdir()


def _cgroup_of_this_process() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::").strip("/")
    raise HardwayError("this process is in no cgroup v2")


@contextmanager
def _rules(text: str) -> Iterator[None]:
    """Have rules that the kernel drops when this process ends, however it ends."""
    if not shutil.which("nft"):
        raise HardwayError("nft is not installed")
    with subprocess.Popen(
        ["nft", "--interactive"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as owner:
        assert owner.stdin is not None  # noqa: S101 - PIPE was asked for
        owner.stdin.write(";".join(text.split("\n")).encode() + b"\n")
        owner.stdin.flush()
        try:
            _wait_for_rules()
            yield
        finally:
            owner.stdin.close()


def _wait_for_rules() -> None:
    until = monotonic() + RULES_S
    while f"table inet {table()}\n" not in run_now(["nft", "list", "tables", "inet"]):
        if monotonic() > until:
            raise HardwayError("this host's nft does not accept the rules")
        sleep(0.01)


def _probe() -> None:
    """Send a packet as a child would, and see that the rules noticed it.

    Raises:
        HardwayError: they did not.
    """
    script = f"import socket; socket.socket(2, 2).sendto(b'?', {PROBE})"
    subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    if not any(where.startswith(PROBE[0]) for where in _counted("probe")):
        raise HardwayError("the rules do not see this program's packets")


def _counted(name: str) -> dict[str, int]:
    """Return the packets that one of the sets counted, by where they were to go."""
    listed = json.loads(run_now(["nft", "--json", "list", "set", "inet", table(), name]))
    (found,) = (row["set"] for row in listed["nftables"] if "set" in row)
    counted = {}
    for element in found.get("elem", ()):
        address, protocol, port = element["elem"]["val"]["concat"]
        counted[f"{address} {protocol} {port}"] = int(element["elem"]["counter"]["packets"])
    return counted
