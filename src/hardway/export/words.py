"""Words for machines and for what is to be seen."""

from collections.abc import Callable, Sequence

from hardway.export.model import Judge
from hardway.model.cluster import Cluster, Role
from hardway.text import text

Say = Callable[[str], str]
"""Translates a text for the reader."""

ROLES = {Role.CONTROL_PLANE: "each control plane", Role.WORKER: "each worker"}
JUDGES = {
    Judge.SUCCEEDS: "It succeeds: `echo $?` prints 0.",
    Judge.SAYS: "Its last line is:",
    Judge.SAME: "It prints, however it is laid out:",
}
NOTHING = "It prints nothing."


def machines(names: Sequence[str], cluster: Cluster, say: Say) -> str:
    """Return whom a task is about: a role, or machines by name."""
    if not names:
        return say("this host")
    if len(names) > 1 and set(names) == {m.name for m in cluster.machines}:
        return say("each machine")
    for role, words in ROLES.items():
        if len(names) > 1 and set(names) == {m.name for m in cluster.having(role)}:
            return say(words)
    return ", ".join(names)


def join(names: Sequence[str], say: Say) -> str:
    """Return names as people list them."""
    *most, last = names
    return say(text("{first} and {last}", first=", ".join(most), last=last)) if most else last


def seen(judge: Judge, expected: str, say: Say) -> str:
    """Return what is to be seen, in words."""
    if judge is Judge.SAME and not expected:
        return say(NOTHING)
    return say(JUDGES[judge]) + (f" `{expected}`" if expected and "\n" not in expected else "")


def sentence(why: str, say: Say) -> str:
    """Return a reason as a sentence, whether it is written as one or as a part of one."""
    return say(why) if why.endswith(".") else say(text("Why: {why}.", why=why))


def on(where: str, what: str, say: Say) -> str:
    """Return a title with where something is done."""
    return say(text("{what}, on {where}", what=what, where=where))
