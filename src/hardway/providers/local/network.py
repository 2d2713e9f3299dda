"""The cluster's bridge, its cables and namespaces, and the host's rules for its packets."""

import json
import shutil
import subprocess
from ipaddress import IPv4Network

from hardway.host import run, run_now
from hardway.model.cluster import Cluster, Machine
from hardway.providers.local import names


def gateway(network: IPv4Network) -> str:
    """Return the bridge's own address: the first of the range."""
    return str(network[1])


def has_link(name: str) -> bool:
    """Return whether this host has a network link of that name."""
    return any(row["ifname"] == name for row in links())


def links() -> list[dict[str, str]]:
    """Return this host's network links, as `ip -json link` has them."""
    found: list[dict[str, str]] = json.loads(run_now(["ip", "-json", "link"]))
    return found


def table_text(cluster: Cluster) -> str:
    """Return the nftables table of a cluster, replacing one that is there.

    Masquerades what leaves for the outside, and keeps what is meant for the cluster from
    leaving by the host's default route: nodes when the bridge is gone, pods and Services always.
    """
    name, bridge = names.table(cluster.name), names.bridge(cluster.name)
    inside = f"{{ {cluster.pod_cidr}, {cluster.service_cidr} }}"
    return f"""table inet {name}
delete table inet {name}
table inet {name} {{
    chain output {{
        type filter hook output priority filter; policy accept;
        ip daddr {cluster.node_cidr} oifname != {{ "{bridge}", "lo" }} reject
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "{bridge}" oifname != "{bridge}" ip daddr {inside} reject
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {cluster.node_cidr} oifname != "{bridge}" masquerade
    }}
}}
"""


def forwarding_rules(bridge: str) -> tuple[list[str], ...]:
    """Return the iptables rules that let a cluster's packets through a host that forwards none."""
    inside, outside = ["-i", bridge, "-o", bridge], ["-i", bridge, "!", "-o", bridge]
    answers = [
        "!",
        "-i",
        bridge,
        "-o",
        bridge,
        "-m",
        "conntrack",
        "--ctstate",
        "RELATED,ESTABLISHED",
    ]
    return tuple([*match, "-j", "ACCEPT"] for match in (inside, outside, answers))


async def _let_through(bridge: str) -> None:
    """Add the rules above where iptables drops what it is not told to forward.

    Docker and ufw set hosts up so; with br_netfilter that ends the bridge's own packets too.
    """
    if not shutil.which("iptables") or "-P FORWARD ACCEPT" in _forward_chain():
        return
    for rule in forwarding_rules(bridge):
        if not _has_rule(rule):
            await run(["iptables", "--wait", "-I", "FORWARD", *rule])


def _forward_chain() -> list[str]:
    return run_now(["iptables", "--wait", "-S", "FORWARD"]).splitlines()


def _has_rule(rule: list[str]) -> bool:
    argv = ["iptables", "--wait", "-C", "FORWARD", *rule]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def rules_for(bridge: str) -> list[str]:
    """Return this host's iptables rules about a bridge."""
    if not shutil.which("iptables"):
        return []
    return [line for line in _forward_chain() if bridge in line.split()]


async def ensure_bridge(cluster: Cluster) -> None:
    """Make the bridge with its address and the cluster's nftables table."""
    await run(["nft", "-f", "-"], stdin=table_text(cluster).encode())
    bridge = names.bridge(cluster.name)
    if not has_link(bridge):
        await run(["ip", "link", "add", bridge, "type", "bridge"])
    address = f"{gateway(cluster.node_cidr)}/{cluster.node_cidr.prefixlen}"
    await run(["ip", "address", "replace", address, "dev", bridge])
    await run(["ip", "link", "set", bridge, "up"])
    await _let_through(bridge)


async def plug_in(cluster: Cluster, machine: Machine) -> None:
    """Make a stopped machine's network namespace and its cable, addresses and default route."""
    await unplug(cluster.name, machine.name)
    space, cable = names.netns(cluster.name, machine.name), names.link(cluster, machine)
    await run(["ip", "netns", "add", space])
    hardware = names.mac(machine.address)
    peer = ["peer", "name", "eth0", "address", hardware, "netns", space]
    await run(["ip", "link", "add", cable, "type", "veth", *peer])
    await run(["ip", "link", "set", cable, "master", names.bridge(cluster.name), "up"])
    await _set_up(cluster, machine)


async def keep_plugged_in(cluster: Cluster, machine: Machine) -> None:
    """Put back what a running machine has lost of its address and routes.

    Nothing else would: no program of the machine's knows them. It is out of reach without.
    """
    space = names.netns(cluster.name, machine.name)
    routes = json.loads(await run(["ip", "-netns", space, "-json", "-4", "route", "show"]))
    there = {row["dst"] for row in routes if "linkdown" not in row["flags"]}
    if not {"default", str(cluster.node_cidr)} <= there:
        await _set_up(cluster, machine)


async def _set_up(cluster: Cluster, machine: Machine) -> None:
    inside = f"""link set lo up
address replace {machine.address}/{cluster.node_cidr.prefixlen} dev eth0
link set eth0 up
route replace default via {gateway(cluster.node_cidr)}
"""
    space = names.netns(cluster.name, machine.name)
    await run(["ip", "-netns", space, "-batch", "-"], stdin=inside.encode())


async def cut(cluster: Cluster, machine: Machine) -> None:
    """Let nothing more pass through a machine's cable, not even that its connections end."""
    cable = names.link(cluster, machine)
    if has_link(cable):
        await run(["ip", "link", "set", cable, "down"])


async def unplug(cluster: str, machine: str) -> None:
    """Remove a machine's cable and its network namespace.

    The cable first: a namespace takes its links along some time after it was deleted.
    """
    space = names.netns(cluster, machine)
    if (names.NETNS / space).exists():
        if "eth0" in run_now(["ip", "-netns", space, "-brief", "link"]):
            await run(["ip", "-netns", space, "link", "delete", "eth0"])
        await run(["ip", "netns", "delete", space])


async def remove_bridge(cluster: str) -> None:
    """Remove the bridge, cables that were left, and the rules about them."""
    bridge = names.bridge(cluster)
    for rule in rules_for(bridge):
        await run(["iptables", "--wait", "-D", *rule.split()[1:]])
    for link in reversed(links()):
        if link["ifname"] == bridge or link["ifname"].startswith(f"{bridge}."):
            await run(["ip", "link", "delete", link["ifname"]])
    if has_table(cluster):
        await run(["nft", "delete", "table", "inet", names.table(cluster)])


def has_table(cluster: str) -> bool:
    """Return whether the cluster's nftables table exists."""
    listed = run_now(["nft", "list", "tables", "inet"]).splitlines()
    return f"table inet {names.table(cluster)}" in listed
