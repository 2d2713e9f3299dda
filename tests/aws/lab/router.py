"""Cables, addresses and routes of the VPC: one router, through which every packet passes.

Machines are each alone on a cable. The router answers for all their neighbours (proxy ARP), so
that also packets within a subnet pass the security groups, as in a VPC.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from tests.aws.lab.firewall import OPERATOR, ruleset
from tests.aws.lab.name import LAB
from tests.aws.lab.view import Node, View

from hardway.host import run
from hardway.providers.local import names

HERE, THERE = "192.0.2.1", "192.0.2.10"
"""The router and the operator outside (TEST-NET-1)."""
METADATA = "169.254.169.254"
SETTINGS = {"proxy_arp": "1", "rp_filter": "0"}


class Router:
    """What of the network was brought about so far."""

    def __init__(self) -> None:
        self.plugged: dict[str, Node] = {}
        self.begun = False
        self._routes: dict[str, str] = {}
        self._rules = ""
        self._lock = asyncio.Lock()
        """Held where routes change: the kernel removes a link's routes together with it."""

    async def begin(self) -> None:
        """Make the operator's namespace; the router itself is where this runs."""
        _set("all/forwarding", "1")
        _set("all/rp_filter", "0")
        await _batch(f"link set lo up\naddress add {METADATA}/32 dev lo\n")
        await self._cable(OPERATOR, OPERATOR)
        await _batch(f"address add {HERE}/24 dev {OPERATOR}\n")
        await _batch(
            f"link set lo up\naddress add {THERE}/24 dev eth0\nlink set eth0 up\n"
            f"route add default via {HERE}\n",
            within=OPERATOR,
        )
        self.begun = True

    async def plug_in(self, node: Node) -> None:
        """Make a node's namespace with its addresses, and the way to it."""
        space = space_of(node.id)
        await self._cable(space, node.link)
        for name, value in SETTINGS.items():
            _set(f"{node.link}/{name}", value)
        # Else the answers to neighbours' questions come some tenths of a second late.
        _set(f"{node.link}/proxy_delay", "0", kind="neigh")
        gateways = [str(address.network[1]) for address in node.addresses]
        # Several nodes of a subnet are plugged in at the same time.
        await _batch("".join(f"address replace {gateway}/32 dev lo\n" for gateway in gateways))
        await _batch("".join(f"route replace {own}/32 dev {node.link}\n" for own in node.own))
        inside = "".join(f"address add {address} dev eth0\n" for address in node.addresses)
        await _batch(
            f"link set lo up\n{inside}link set eth0 up\nroute add default via {gateways[0]}\n",
            within=space,
        )
        self.plugged[node.id] = node

    async def unplug(self, node_id: str) -> None:
        """Remove a node's cable, and with it all routes to it."""
        async with self._lock:
            node = self.plugged.pop(node_id)
            await _batch(f"link delete {node.link}\n")
            self._routes = {cidr: to for cidr, to in self._routes.items() if to != node_id}
        await run(["ip", "netns", "delete", space_of(node_id)])

    async def converge(self, view: View) -> None:
        """Bring rules and routes to what is wanted, among those that are plugged in."""
        async with self._lock:
            await self._converge_routes(view)
        rules = ruleset(view)
        if rules != self._rules:
            await run(["nft", "-f", "-"], stdin=rules.encode())
            self._rules = rules

    async def _converge_routes(self, view: View) -> None:
        nodes = {node.id: node for node in view.nodes if node.id in self.plugged}
        routes = {cidr: to for cidr, to in view.routes if to in nodes}
        for cidr in self._routes.keys() - routes.keys():
            await _batch(f"route delete {cidr}\n")
        for cidr, to in routes.items():
            if self._routes.get(cidr) != to:
                node = nodes[to]
                await _batch(f"route replace {cidr} via {node.own[0]} dev {node.link} onlink\n")
        self._routes = routes

    async def _cable(self, space: str, link: str) -> None:
        await run(["ip", "netns", "add", space])
        await _batch(
            f"link add {link} type veth peer name eth0 netns {space}\nlink set {link} up\n"
        )


def space_of(node_id: str) -> str:
    """Return the name of a node's network namespace."""
    return names.netns(LAB, node_id)


def entering(space: str, argv: Iterable[str]) -> list[str]:
    """Return an argv that runs within a network namespace."""
    return ["nsenter", f"--net={names.NETNS / space}", *argv]


async def _batch(commands: str, within: str = "") -> None:
    space = ["-netns", within] if within else []
    await run(["ip", *space, "-batch", "-"], stdin=commands.encode())


def _set(name: str, value: str, kind: str = "conf") -> None:
    Path("/proc/sys/net/ipv4", kind, name).write_text(value)
