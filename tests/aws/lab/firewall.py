"""Security groups, source/destination checks and public addresses as an nftables table. Pure.

An internet gateway swaps addresses before a security group sees a packet: whoever comes to a
public address comes from its own public one, also when both are next to each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from tests.aws.lab.view import Allow, Kind, Node, View

OPERATOR = "operator"
"""The link to the world outside the VPC."""
PUBLIC = "198.51.100.0/24"
PROTOCOLS = {"tcp", "udp"}


def ruleset(view: View) -> str:
    """Return the whole table, replacing one that is there."""
    chains = [chain for node in view.nodes for chain in _chains(view, node)]
    return "\n".join(
        [
            "table ip lab",
            "delete table ip lab",
            "table ip lab {",
            *_translation(view),
            *_forward(view),
            *chains,
            "}",
            "",
        ]
    )


def _translation(view: View) -> list[str]:
    pairs = [pair for node in view.nodes for pair in node.public] if view.outside else []
    inward = [f"ip daddr {public} dnat to {private}" for private, public in pairs]
    outward = [
        f'ip saddr {private} oifname "{OPERATOR}" snat to {public}' for private, public in pairs
    ]
    return [
        *_block("chain inward", ["type nat hook prerouting priority dstnat;", *inward]),
        *_block("chain outward", ["type nat hook postrouting priority srcnat;", *outward]),
    ]


def _forward(view: View) -> list[str]:
    checks = [
        line
        for node in view.nodes
        if node.checked
        for line in (
            f'iifname "{node.link}" ip saddr != {_set(node.own)} drop',
            f'oifname "{node.link}" ip daddr != {_set(node.own)} drop',
        )
    ]
    lines = [
        "type filter hook forward priority filter; policy drop;",
        *checks,
        "ct state established,related accept",
        *(f'iifname "{node.link}" jump from-{node.link}' for node in view.nodes),
        *(f'oifname "{node.link}" goto to-{node.link}' for node in view.nodes),
        f'oifname "{OPERATOR}" accept',
    ]
    return _block("chain forward", lines)


def _chains(view: View, node: Node) -> list[str]:
    ingress, egress = _of(view.ingress, node), _of(view.egress, node)
    if node.kind is Kind.BALANCER and not node.groups:
        return [
            *_block(f"chain from-{node.link}", ["return"]),
            *_block(f"chain to-{node.link}", ["accept"]),
        ]
    members = {name: _members(view, name) for name, _ in view.ingress}
    outward = [f"{match} return" for match in _matches(egress, "daddr", members)]
    inward = [f"{match} accept" for match in _matches(ingress, "saddr", members)]
    return [
        *_block(f"chain from-{node.link}", [*outward, "drop"]),
        *_block(
            f"chain to-{node.link}",
            [f"ct original ip daddr {PUBLIC} goto outside-{node.link}", *inward, "drop"],
        ),
        *_block(f"chain outside-{node.link}", [*_from_outside(view, ingress), "drop"]),
    ]


def _of(rules: Iterable[tuple[str, tuple[Allow, ...]]], node: Node) -> list[Allow]:
    return [allow for group, allows in rules if group in node.groups for allow in allows]


def _members(view: View, group: str) -> list[str]:
    return [address for node in view.nodes if group in node.groups for address in node.own]


def _matches(
    allows: Sequence[Allow], end: str, members: Mapping[str, Sequence[str]]
) -> Iterable[str]:
    for allow in allows:
        others = [allow.cidr] if allow.cidr else members.get(allow.group, ())
        if others:
            yield f"ip {end} {_set(others)} {_ports(allow)}"


def _from_outside(view: View, allows: Sequence[Allow]) -> Iterable[str]:
    """Yield rules for packets that come by a public address: groups are not seen there."""
    inside = _set(view.vpcs)
    for allow in allows:
        if not allow.cidr:
            continue
        network = IPv4Network(allow.cidr)
        near = [
            private
            for node in view.nodes
            for private, public in node.public
            if IPv4Address(public) in network
        ]
        yield f"ip saddr != {inside} ip saddr {allow.cidr} {_ports(allow)} accept"
        if near:
            yield f"ip saddr {_set(near)} {_ports(allow)} accept"


def _ports(allow: Allow) -> str:
    if allow.protocol in PROTOCOLS and allow.ports:
        first, last = allow.ports
        return f"{allow.protocol} dport {first}-{last}"
    return "" if allow.protocol == "-1" else f"meta l4proto {allow.protocol}"


def _set(items: Iterable[str]) -> str:
    return f"{{ {', '.join(items)} }}"


def _block(head: str, lines: Iterable[str]) -> list[str]:
    return [f"  {head} {{", *(f"    {line}" for line in lines), "  }"]
