"""Checks of names and addresses: taken twice, not there, not in reach. Pure."""

from collections.abc import Iterator

from hardway.model.checks import Judgement
from hardway.model.cluster import EndpointKind
from hardway.providers.hosts.look import Look, refuse, warn
from hardway.providers.routes import routes


def _also(look: Look, name: str) -> list[str]:
    """Return the other machines that said the same."""
    own = look.seen.first(name)
    others = look.all_seen.items()
    return [m for m, seen in others if own and m != look.machine.name and seen.first(name) == own]


def machine_id(look: Look) -> Iterator[Judgement]:
    """Find machines copied with their identity, or one machine named twice."""
    same = _also(look, "machine-id")
    if same:
        yield refuse(
            f"the /etc/machine-id of {', '.join(same)} too",
            "one of its own: systemd, DHCP and kubelet tell machines apart by it",
            "rm /etc/machine-id; systemd-machine-id-setup; reboot",
        )


def hostname(look: Look) -> Iterator[Judgement]:
    """Find machines that call themselves the same."""
    same = _also(look, "hostname")
    if same:
        yield warn(
            f"the host name of {', '.join(same)} too ({look.seen.first('hostname')})",
            "one of its own, or logs mix them up",
            f"hostnamectl hostname {look.machine.name}",
        )


def address(look: Look) -> Iterator[Judgement]:
    """Look whether a machine has the address that the others are told."""
    prefixes = [row.split("/")[0] for row in look.seen["address"]]
    if str(look.machine.address) not in prefixes:
        have = ", ".join(p for p in prefixes if not p.startswith("127."))
        yield refuse(
            f"the addresses {have or 'none'}", str(look.machine.address),
            "say which by `address:` in hardway.yaml",
        )  # fmt: skip


def ranges(look: Look) -> Iterator[Judgement]:
    """Look whether pods' and Services' ranges lead anywhere else."""
    ours = {m.pod_cidr for m in look.cluster.workers}
    wanted = {"pods": look.cluster.pod_cidr, "services": look.cluster.service_cidr}
    for route in routes(look.seen["route"]):
        for name, cidr in wanted.items():
            if route.takes(cidr) and route.destination not in ours:
                yield refuse(
                    f"a route to {route.destination} ({route.text})",
                    f"network.{name} {cidr} free", f"another range for network.{name}",
                )  # fmt: skip


def peers(look: Look) -> Iterator[Judgement]:
    """Look whether each reaches each without a router: pods' packets go by the machine."""
    names = {str(m.address): m.name for m in look.cluster.machines}
    for row in sorted(look.seen["peer"]):
        peer, _, answer = row.partition(" ")
        where = f"{names.get(peer, peer)} ({peer})"
        if answer == "silent":
            yield refuse(
                f"no answer from {where}", "every machine in reach of every other",
                "see firewalls and security groups between them: any port, any protocol",
            )  # fmt: skip
        elif answer != "answers":
            yield refuse(
                f"a way to {where} over a router: {answer.removeprefix('over ')}",
                "both on one network: routes to pods go by the machine itself",
                "addresses of a network they share, by `address:` in hardway.yaml",
            )


def endpoint(look: Look) -> Iterator[Judgement]:
    """Look whether the endpoint's address is free, or is a load balancer that is there."""
    kind, at = look.cluster.endpoint.kind, look.cluster.endpoint
    if kind is EndpointKind.VIP:
        answered = look.seen.first("vip")
        holders = [m for m, seen in look.all_seen.items() if seen.first("vip") == "held"]
        if answered and not holders:
            yield refuse(f"{at.host} {answered}", "an address that nobody has",
                         "another address for endpoint.host")  # fmt: skip
    if kind is EndpointKind.GIVEN and "given" in look.seen.rows:
        if not look.seen.first("given"):
            yield refuse(f"no address for {at.host}", "a name that this machine can look up",
                         "its DNS, or an address for endpoint.host")  # fmt: skip
        elif look.seen["given-silent"]:
            yield warn(f"no answer from {at.host}:{at.port}", "the load balancer in reach",
                       f"see the firewall between; it leads to port {at.port} of control planes"
                       )  # fmt: skip
