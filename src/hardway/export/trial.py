"""A step's trial as objects to apply and proofs to look at, in a namespace with a fixed name."""

import re
from collections.abc import Iterator

from hardway.export.model import Judge, Proof
from hardway.export.proofs import causes, here
from hardway.model.checks import HOLE, Check, Subject
from hardway.model.cluster import Cluster
from hardway.model.resources import Manifest
from hardway.model.trials import Trial


def namespace(trial: Trial) -> str:
    """Return the namespace that people make for it."""
    return trial.prefix.rstrip("-")


def objects(trial: Trial, cluster: Cluster) -> tuple[Manifest, ...]:
    """Return what is tried, on all workers."""
    name = namespace(trial)
    made = {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": dict(trial.labels)}}  # fmt: skip
    return (made, *trial.setup(cluster, name, [m.name for m in cluster.workers]))


def proofs(trial: Trial, cluster: Cluster) -> Iterator[Proof]:
    """Yield what is to be seen of it."""
    ready = [(trial.ready, subject) for subject in trial.ready.scope.subjects(cluster)[:1]]
    others = [
        (check, subject)
        for check in (*trial.once, *trial.on_nodes)
        for subject in check.scope.subjects(cluster)
    ]
    for check, subject in (*ready, *others):
        if cluster.workers or check in trial.once:
            yield Proof(
                check=check.name,
                subjects=(subject.name,),
                machines=(),
                script=_script(trial, check, subject),
                judge=Judge.SUCCEEDS,
                why=check.why,
                causes=tuple(causes(check, subject)),
            )


def _script(trial: Trial, check: Check, subject: Subject) -> str:
    """Return the test, after the lines that look up what it names."""
    named = {"NAMESPACE": namespace(trial), "PEER": _peer(subject)}
    variables = {hole: f"${hole}" for hole in trial.by_hand}
    lines = [
        f"{hole}=$({subject.fill(trial.by_hand[hole], named)})"
        for hole in dict.fromkeys(re.findall(HOLE, check.test))
        if hole in trial.by_hand
    ]
    return "\n".join([*lines, here(subject.fill(check.test, named | variables))])


def _peer(subject: Subject) -> str:
    nodes = sorted(m.name for m in subject.cluster.workers)
    if subject.name not in nodes:
        return ""
    return nodes[(nodes.index(subject.name) + 1) % len(nodes)]
