"""Checks of names and addresses: taken twice, missing, not in reach. Pure."""

from collections.abc import Iterator

from hardway.model.checks import Judgement
from hardway.model.cluster import EndpointKind
from hardway.providers.hosts.look import Look, refuse, warn
from hardway.providers.routes import routes
from hardway.text import text


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
            text("the /etc/machine-id of {machines} too", machines=", ".join(same)),
            "one of its own: systemd, DHCP and kubelet tell machines apart by it",
            "rm /etc/machine-id; systemd-machine-id-setup; reboot",
        )


def hostname(look: Look) -> Iterator[Judgement]:
    """Find machines that call themselves the same."""
    same = _also(look, "hostname")
    if same:
        yield warn(
            text("the host name of {machines} too ({name})",
                 machines=", ".join(same), name=look.seen.first("hostname")),
            "one of its own, or logs mix the machines up",
            text("hostnamectl hostname {name}", name=look.machine.name),
        )  # fmt: skip


def address(look: Look) -> Iterator[Judgement]:
    """Look whether a machine has the address that the others are told."""
    prefixes = [row.split("/")[0] for row in look.seen["address"]]
    if str(look.machine.address) not in prefixes:
        have = ", ".join(p for p in prefixes if not p.startswith("127."))
        yield refuse(
            text("the addresses {addresses}", addresses=have) if have else "no address",
            str(look.machine.address),
            "name the right one by `address:` in hardway.yaml",
        )


def ranges(look: Look) -> Iterator[Judgement]:
    """Look whether pods' and Services' ranges lead anywhere else."""
    ours = {m.pod_cidr for m in look.cluster.workers}
    wanted = {"pods": look.cluster.pod_cidr, "services": look.cluster.service_cidr}
    for route in routes(look.seen["route"]):
        for name, cidr in wanted.items():
            if route.takes(cidr) and route.destination not in ours:
                yield refuse(
                    text("a route to {range} ({route})", range=route.destination, route=route.text),
                    text("network.{name} {range} free", name=name, range=cidr),
                    text("choose another range for network.{name}", name=name),
                )


def peers(look: Look) -> Iterator[Judgement]:
    """Look whether each reaches each without a router: pods' packets go by the machine."""
    names = {str(m.address): m.name for m in look.cluster.machines}
    for row in sorted(look.seen["peer"]):
        peer, _, answer = row.partition(" ")
        where = f"{names.get(peer, peer)} ({peer})"
        if answer == "silent":
            yield refuse(
                text("no answer from {where}", where=where),
                "every machine in reach of every other",
                "see firewalls and security groups between them: any port, any protocol",
            )
        elif answer != "answers":
            yield refuse(
                text(
                    "a way to {where} over a router: {router}",
                    where=where,
                    router=answer.removeprefix("over "),
                ),
                "both on one network: routes to pods go by the machine itself",
                "name addresses of a network that they share, by `address:` in hardway.yaml",
            )


def endpoint(look: Look) -> Iterator[Judgement]:
    """Look whether the endpoint's address is free, or is a load balancer that is there."""
    kind, at = look.cluster.endpoint.kind, look.cluster.endpoint
    if kind is EndpointKind.VIP:
        answered = look.seen.first("vip")
        holders = [m for m, seen in look.all_seen.items() if seen.first("vip") == "held"]
        if answered and not holders:
            yield refuse(text("{address} answered by {hardware_address}", address=at.host,
                              hardware_address=answered.removeprefix("answered by ")),
                         "an address that nobody has",
                         "choose another address for endpoint.host")  # fmt: skip
    if kind is EndpointKind.GIVEN and "given" in look.seen.rows:
        if not look.seen.first("given"):
            yield refuse(text("no address for {name}", name=at.host),
                         "a name that this machine can look up",
                         "correct its DNS, or set an address as endpoint.host")  # fmt: skip
        elif look.seen["given-silent"]:
            yield warn(text("no answer from {host}:{port}", host=at.host, port=at.port),
                       "the load balancer in reach",
                       text("see the firewall between; the load balancer leads to port {port} of "
                            "control planes", port=at.port))  # fmt: skip
