"""etcd's quorum: who leads, who votes, and how many members may fail."""

from hardway.model import ports
from hardway.model.cluster import Machine, quorum
from hardway.pictures.model import Arrow, Box, Column, Drawing, Row, Tone
from hardway.pictures.view import MARKS, View
from hardway.text import text

WRITES = (
    "A member passes a write on to the leader. The leader counts it as done once a majority has it "
    "on disk."
)
HEALTH = ("etcd-member-healthy", "etcd-one-leader")


def draw(view: View, _argument: str) -> Drawing:
    """Return the members of etcd, and what a majority is."""
    members = view.atlas.cluster.control_planes
    needed = quorum(len(members))
    tones = [view.tone(m.name, *HEALTH) for m in members]
    well = tones.count(Tone.GOOD)
    asked = any(tone is not Tone.PLAIN for tone in tones)
    spare = (well if asked else len(members)) - needed
    state = Tone.PLAIN if not asked else Tone.GOOD if spare >= 0 else Tone.BAD
    rule = text("{needed} of {members} members must agree on each write.", needed=needed,
                members=len(members))  # fmt: skip
    may = text("{count} more may fail before etcd takes no writes.", count=spare)
    lost = text("There is no majority: etcd takes no writes, and the API serves no changes.")
    return Drawing(
        "etcd's quorum",
        Column((
            Box("API servers", ("each writes through the member next door",)),
            Arrow(text("port {port}, certificates of etcd-ca at both ends",
                       port=ports.ETCD_CLIENT.number)),
            Row(tuple(_member(view, m) for m in members)),
            Arrow(text("members among each other: port {port}", port=ports.ETCD_PEER.number),
                  both=True),
            Box(rule, (may if spare >= 0 else lost,), state, mark=MARKS[state]),
        )),
        rule,
        (WRITES,),
    )  # fmt: skip


def _member(view: View, machine: Machine) -> Box:
    tone = view.tone(machine.name, *HEALTH)
    leads = view.status and view.status.etcd.leader == machine.name
    role = "leader" if leads else "follower" if view.status else "member"
    return Box(machine.name, (str(machine.address), role), tone, machine.name, mark=MARKS[tone])
