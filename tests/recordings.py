"""Recorded answers: to checks (tests/answers/README.md), and of clusters that others made."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests import support

from hardway.inventory.judge import judge
from hardway.inventory.judged import Judged
from hardway.inventory.look import parse
from hardway.model.checks import Answer, Check, Occasion, Subject
from hardway.model.cluster import Cluster
from hardway.providers.hosts import checks as preflight
from hardway.spec.inventory import Inventory

FOLDER = Path(__file__).parent / "answers"
FILES = sorted(FOLDER.glob("*/*.txt"))
CHECKS = {check.name: check for check in (*support.CHECKS, *preflight.CHECKS)}
FLAGS = "<FLAGS>"


def _cluster(check: Check, name: str) -> Cluster:
    """Return a topology by its name; of preflight the kind of endpoint is enough."""
    if check.when is Occasion.BEFORE:
        return support.hosts(name or "proxy")
    return support.topology(name or "3+3")


def read(file: Path) -> tuple[Check, Subject, Answer]:
    """Return which check a file is for, of whom, and what was said."""
    check, head, text = CHECKS[file.parent.name], {}, file.read_text()
    while text.startswith("# "):
        line, _, text = text.partition("\n")
        key, _, value = line.removeprefix("# ").partition(": ")
        head[key] = value
    if FLAGS in text:
        unit = re.findall("^Id=(.*)$", text, re.MULTILINE)[0]
        text = text.replace(FLAGS, _flags(check, unit, head.get("instead", "")))
    own, *others = text.split("== ")
    subjects = check.scope.subjects(_cluster(check, head.get("cluster", "")))
    subject = next(s for s in subjects if head.get("about", s.name) == s.name)
    elsewhere = {name: said for name, _, said in (other.partition("\n") for other in others)}
    if others and subject.name not in elsewhere and subject.kind != "cluster":
        elsewhere = {subject.name: own, **elsewhere}
    words = dict(word.split("=", 1) for word in head.get("words", "").split())
    fakes = {name: name.lower() for name in ("NAMESPACE", "POD", "POD_IP", "PEER_IP",
             "SERVICE_IP", "NODE_PORT")}  # fmt: skip
    topology, about = head.get("cluster", "3+3"), subject.name
    subject = Subject(subject.kind, about, subject.cluster, {**fakes, **words},
                      given=lambda: support.given_files(topology)[about])  # fmt: skip
    return check, subject, Answer(own, int(head.get("status", 0)), elsewhere=elsewhere)


def _flags(check: Check, unit: str, instead: str) -> str:
    """Return the flags that a process is wanted to have, with some in the place of others."""
    role = next(iter(check.scope.roles))
    wanted = support.flags(unit, role)
    old, *new = instead.split() or [wanted[0], wanted[0]]
    assert old in wanted
    return "\t".join(flag for own in wanted for flag in (new if own == old else [own]))


RECORDED = Path(__file__).parent / "recorded"
LAYOUTS = ("kubeadm", "tutorial")
MACHINES = {"controller-0": ("control-plane", 10), "worker-0": ("worker", 20)}
NETWORK = "10.232.0"
"""Where the machines were whose answers are recorded."""


def inventory(layout: object = "kubeadm") -> Inventory:
    """Return the inventory of a cluster that others made."""
    at = NETWORK if layout in LAYOUTS else "192.0.2"
    machines = [
        {"name": name, "role": role, "host": f"{at}.{number}"}
        for name, (role, number) in MACHINES.items()
    ]
    return Inventory.model_validate({"layout": layout, "machines": machines})


@cache
def answers(layout: str) -> Mapping[str, str]:
    """Return what its machines answered."""
    return {machine: (RECORDED / layout / machine).read_text() for machine in MACHINES}


@cache
def judged(layout: str) -> tuple[Judged, ...]:
    """Return what there is to say of it."""
    seen = {machine: parse(text) for machine, text in answers(layout).items()}
    return tuple(judge(inventory(layout), seen))
