"""keepalived: holds the endpoint's address on one control plane; a part of the step endpoint."""

from hardway.model import ports
from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import File
from hardway.model.rows import Row, Section, Setting, quiet
from hardway.render.config import braces, comment
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Reload, Service, after
from hardway.text import text

UNIT = "keepalived.service"
CONFIG = "/etc/keepalived/keepalived.conf"
BINARY = "/usr/sbin/keepalived"
ROUTER_ID = 51
HEALTH = f"http://127.0.0.1:{ports.HAPROXY_HEALTH.number}/healthz"


def config(cluster: Cluster, machine: Machine, interface: str) -> File:
    """Return keepalived.conf of one control plane."""
    header = "The endpoint's address is on the highest priority whose haproxy has a server."
    rows = sections(cluster, machine, interface)
    text = comment(header) + "\n".join(braces([row]) for row in rows)
    return File(path=CONFIG, content=text.encode(), rows=rows,
                why="Holds the endpoint's address on one control plane.")  # fmt: skip


def sections(cluster: Cluster, machine: Machine, interface: str) -> tuple[Section, ...]:
    """Return the sections of keepalived.conf.

    A machine that is alone has no peers, but all else: those that come later are a reload then, in
    which the holder keeps the address. A script that is new in it would make it give that away.
    """
    peers = [m for m in cluster.control_planes if m != machine]
    process = Section("global_defs", (
        quiet("router_id", machine.name, "What its log calls this machine."),
        quiet("script_user", "nobody", "The health check needs no rights."),
        quiet("enable_script_security", "", "A script that others can change is not run."),
        Setting("vrrp_version", 3,
                "Three advertisements a second need version 3 of the protocol (RFC 9568)."),
    ), "The process.", quiet=True)  # fmt: skip
    holder = Section("vrrp_instance api", tuple(_instance(cluster, machine, interface, peers)),
                     "The address, and which machine has it.", quiet=True)  # fmt: skip
    return (process, _script(), holder)


def _script() -> Section:
    return Section("vrrp_script balancer", (
        quiet("script", f'"/usr/bin/curl --fail --silent --max-time 4 {HEALTH}"',
              "Does this machine's haproxy have a server?"),
        quiet("interval", 1, "Seconds between questions: a lost haproxy is noticed in two."),
        Setting("timeout", 5,
                "A refusal counts at once; on a host with no time to spare curl itself takes "
                "seconds, and that is no reason to let the address go."),
        quiet("fall", 2, "One failure may be chance."),
        quiet("rise", 1, "One success is proof."),
    ), "What the holder of the address must be able to do.", quiet=True)  # fmt: skip


def _instance(
    cluster: Cluster, machine: Machine, interface: str, peers: list[Machine]
) -> list[Row]:
    endpoint = f"{cluster.endpoint.host}/{cluster.node_cidr.prefixlen} dev {interface}"
    held = Section("virtual_ipaddress", (quiet(endpoint, "", "The endpoint."),),
                   "What the holder has.", quiet=True)  # fmt: skip
    source = quiet("unicast_src_ip", machine.address, "The address that peers know.")
    heard = Section("unicast_peer",
                    tuple(quiet(str(m.address), "",
                                text("The keepalived of {machine}.", machine=m.name))
                          for m in peers),
                    "By address: many networks drop multicast.", quiet=True)  # fmt: skip
    tracked = Section("track_script", (quiet("balancer", "", "As defined above."),),
                      "The address goes where this fails.", quiet=True)  # fmt: skip
    return [
        quiet("state", "BACKUP", "None is the holder until it has listened for others."),
        quiet("interface", interface, "The link with this machine's address."),
        quiet("virtual_router_id", ROUTER_ID, "Among unicast peers any number is unique."),
        # No two numbers are equal, so that there is never a tie.
        quiet("priority", 150 - machine.number, "The lower the machine's number, the higher."),
        Setting("advert_int", 0.3, "Taken over after three that did not come: about a second."),
        Setting(
            "nopreempt",
            "",
            "An address that moves back breaks connections once more and wins nothing.",
        ),
        *((source, heard) if peers else ()),
        held,
        tracked,
        quiet("garp_master_repeat", 3, "Neighbours learn of the move even if one packet is lost."),
    ]


def service() -> Service:
    """Return keepalived's service."""
    return Service(
        name=UNIT,
        description="Holder of the API endpoint's address",
        why="Holds the endpoint's address while this machine's haproxy has a server.",
        command=f"{BINARY} --dont-fork --log-console --vrrp --use-file {CONFIG}",
        unit=(
            after("network-online.target haproxy.service",
                  "The address comes to a machine whose haproxy runs."),
            NEVER_GIVE_UP,
        ),
        service=(
            quiet("Type", "simple", "It has no way to report that it is ready."),
            Setting("KillMode", "process", "It lets the address go before it ends."),
            *RESTARTS,
        ),
        reload=Reload(
            paths=(CONFIG,),
            # No check: keepalived 2.2 ends its own process group after --config-test.
            signal="HUP",
            why="The holder keeps the address in a reload; a restart would give it away.",
        ),
    )  # fmt: skip
