"""Pictures of a cluster, as SVG and as text, from the rows and findings that checks use."""

from collections.abc import Callable
from dataclasses import dataclass

from hardway.atlas.atlas import Atlas
from hardway.pictures import authorities, disk, handshakes, logs, packets, quorum, topology
from hardway.pictures.model import Drawing
from hardway.pictures.view import Look, View


def _nothing(_atlas: Atlas) -> tuple[str, ...]:
    return ()


def _no_looks(_atlas: Atlas, _argument: str) -> tuple[Look, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A row of the table of pictures."""

    name: str
    title: str
    draw: Callable[[View, str], Drawing]
    argument: str = ""
    """What it is asked about, as usage shows it; empty where there is one such picture."""
    choices: Callable[[Atlas], tuple[str, ...]] = _nothing
    """What it can be asked about in a cluster."""
    looks: Callable[[Atlas, str], tuple[Look, ...]] = _no_looks
    """What it wants to see of machines beside findings."""


PICTURES = (
    Picture("topology", "Machines, services, and the way to the API", topology.draw),
    Picture("authorities", "Which CA signed which certificate", authorities.draw),
    Picture("handshake", "What both ends of a connection show and check", handshakes.draw,
            "CONNECTION", handshakes.choices),
    Picture("logs", "kubectl logs from end to end", logs.draw),
    Picture("packets", "A packet's way, with the rules it meets", packets.draw,
            "PATH", packets.choices, packets.looks),
    Picture("quorum", "etcd's members, leader and majority", quorum.draw),
    Picture("disk", "What hardway put on a machine's disk", disk.draw, "MACHINE", disk.choices),
    Picture("boot", "In which order a machine's units start", disk.draw_boot,
            "MACHINE", disk.choices),
)  # fmt: skip
