"""What preflight's checks judge, and how they say it: the rows of `checks` are made of these."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hardway.model.checks import MACHINES, Answer, Check, Judgement, Occasion, Sh, Subject
from hardway.model.cluster import BALANCED, Cluster, EndpointKind, Machine
from hardway.model.resources import Severity, Verdict
from hardway.providers.hosts import probe
from hardway.providers.hosts.probe import Seen
from hardway.steps.packages import ROWS

NAME = "preflight"


@dataclass(frozen=True, slots=True)
class Look:
    """All that a check of one machine may depend on."""

    cluster: Cluster
    machine: Machine
    seen: Seen
    all_seen: Mapping[str, Seen]
    """By the machine's name."""


def look(subject: Subject, answer: Answer) -> Look:
    """Return what machines said, as rows."""
    all_seen = {name: probe.parse(text) for name, text in answer.elsewhere.items()}
    return Look(subject.cluster, subject.machine, probe.parse(answer.text), all_seen)


def refuse(found: str, needed: str, cure: str) -> Judgement:
    """Return what stands in the way."""
    return Judgement(Verdict.WRONG, needed, found, Severity.REFUSE, cure)


def warn(found: str, needed: str, cure: str) -> Judgement:
    """Return what one should know."""
    return Judgement(Verdict.WRONG, needed, found, Severity.WARN, cure)


def need(name: str, judge: Callable[[Look], Iterator[Judgement]], why: str, see: str) -> Check:
    """Return a row of preflight: all of them ask a machine the same question, once."""
    return Check(
        name=name, step=NAME, scope=MACHINES, when=Occasion.BEFORE, severity=Severity.REFUSE,
        ask=Sh("<SCRIPT>", timeout_s=probe.TIME_S), words=lambda s: {"SCRIPT": question(s).text},
        judge=lambda subject, answer: judge(look(subject, answer)),
        why=why, see=see,
    )  # fmt: skip


def question(subject: Subject) -> Sh:
    """Return what a machine is asked; its `BROUGHT` is what a bundle has packages for, if any."""
    cluster, machine = subject.cluster, subject.machine
    brought = subject.words.get("BROUGHT")
    text = probe.script(
        cluster, machine, packages(cluster, machine), None if brought is None else brought.split()
    )
    return Sh(text, timeout_s=probe.TIME_S)


def packages(cluster: Cluster, machine: Machine) -> list[str]:
    """Return the packages that the steps will install on a machine."""
    kind = cluster.endpoint.kind
    without = set() if machine.role in BALANCED[kind] else {"haproxy"}
    if kind is not EndpointKind.VIP:
        without.add("keepalived")
    names = {row.name for row in ROWS if machine.role in row.roles}
    return sorted(names - without)
