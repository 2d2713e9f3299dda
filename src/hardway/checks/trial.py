"""Making trials: the only checks that write. What they wrote is removed again, whatever happens."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hardway.checks.ask import Case, ask
from hardway.checks.live import Live
from hardway.checks.run import Wait, cases, look_again, settled
from hardway.errors import CommandError
from hardway.model.checks import Judgement
from hardway.model.objects import GET_NODES, NodeState, items, node_states
from hardway.model.resources import Finding, Manifest, Severity, Verdict
from hardway.model.trials import BEGAN, TRIAL, Trial
from hardway.text import joined, text
from hardway.tools.kubectl import NO_ANSWER, refusal

PAUSE_S = 0.5
LEFT_AFTER = timedelta(minutes=10)
"""No trial takes that long: it was made by a run that is no more."""
READY = text("ready")
MANAGED = {"app.kubernetes.io/managed-by": "hardway"}
DENIED = ("admission webhook", "denied the request", "violates PodSecurity", "exceeded quota",
          "ValidatingAdmissionPolicy")  # fmt: skip
"""What the API server says when a policy of the cluster's users refuses an object."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a trial is given in a cluster that was changed a moment ago."""

    pods_s: float = 90
    """The controller manager talks to the API server of its own machine. One that has just started
    answers 403 until it has read the roles, and each such answer doubles the pause after which a
    controller asks again: to 60 s at most (client-go's reflector: 30 s, and by chance twice that).
    """
    tries_s: float = 60
    """CoreDNS and kube-proxies learn of the Service by the same reflector; an attempt before that
    hangs for its 15 s at worst and is made again."""
    tries_begin: asyncio.Event | None = None
    """Set once the nodes' attempts may be made, where a trial begins before the step that they need
    has settled."""


PATIENT = Patience()


async def run(trial: Trial, live: Live, patience: Patience = PATIENT) -> list[Finding]:
    """Use the cluster as people would, then remove what was made for it."""
    needed = await look_again(cases(trial.needs, live), live)
    unmet = [f for f in needed if not f.ok]
    if unmet:
        why = joined(", ", dict.fromkeys(
            text("{check} on {machine}: {found}", check=f.check, machine=f.machine, found=f.found)
            for f in unmet
        ))  # fmt: skip
        return _not_tried(trial, live, why, Severity.FAIL)
    try:
        _, nodes = await asyncio.gather(_sweep(live), live.kubectl.run(*GET_NODES))
        return await _in_namespace(trial, live, node_states(nodes), patience)
    except CommandError as error:
        said = refusal(error.output)
        denied = any(words in error.output for words in DENIED)
        if denied or any(words in error.output for words in NO_ANSWER):
            severity = Severity.WARN if denied else Severity.FAIL
            return _not_tried(trial, live, said, severity)
        accepted = text("objects that the API accepts")
        return _all(trial, live, Judgement(Verdict.WRONG, accepted, said))


async def _sweep(live: Live) -> None:
    """Remove what a run left that was killed, once no run can be using it any more."""
    words = ("get", "namespaces", f"--selector={TRIAL}", "--output=json")
    found = await live.kubectl.run(*words)
    names = [n["metadata"]["name"] for n in items(found, "Namespace") if _left(n["metadata"])]
    if names:
        await live.kubectl.run("delete", "namespaces", *names, "--ignore-not-found", "--wait=false")


def _left(metadata: Mapping[str, Any]) -> bool:
    began = metadata.get("annotations", {}).get(BEGAN)
    return began is not None and datetime.now(UTC) - datetime.fromisoformat(began) > LEFT_AFTER


async def _in_namespace(
    trial: Trial, live: Live, nodes: Mapping[str, NodeState], patience: Patience
) -> list[Finding]:
    namespace = trial.prefix + secrets.token_hex(3)
    aside = {
        m.name: judgement
        for m in live.cluster.workers
        if (judgement := _aside(m.name, nodes.get(m.name), live))
    }
    tried = [m.name for m in live.cluster.workers if m.name not in aside]
    objects = (_namespace(trial, namespace), *trial.setup(live.cluster, namespace, tried))
    try:
        await live.kubectl.apply(objects)
        once = [_named(case, {"NAMESPACE": namespace}) for case in cases(trial.once, live)]
        found, on_nodes = await asyncio.gather(
            settled(once, live, Wait(patience.tries_s, pause_s=PAUSE_S)),
            _on_nodes(trial, live, namespace, tried, patience),
        )
    finally:
        # Not waited for: an interrupted run leaves no more than this one would.
        await live.kubectl.run(
            "delete", "namespace", namespace, "--ignore-not-found", "--wait=false"
        )
    left = [_finding(c, j) for c in cases((trial.ready,), live)
            if (j := aside.get(c.subject.name))]  # fmt: skip
    return [*found, *left, *on_nodes]


def _aside(name: str, node: NodeState | None, live: Live) -> Judgement | None:
    """Return why a node gets no pod: people's wish is no failure, what Kubernetes says is one."""
    if name not in live.fleet:
        return Judgement(Verdict.UNKNOWN, READY, text("the machine does not answer"))
    if node is None:
        return Judgement(Verdict.WRONG, READY, text("no such node"))
    if node.trouble:
        trouble = text("{name}: {trouble}", name=name, trouble=node.trouble)
        return Judgement(Verdict.WRONG, READY, trouble)
    if node.left_out:
        why = text("left out: {why}", why=node.left_out)
        return Judgement(Verdict.UNKNOWN, READY, why, Severity.WARN)
    return None


def _namespace(trial: Trial, namespace: str) -> Manifest:
    labels = {**trial.labels, **MANAGED, TRIAL: trial.ready.step}
    began = {BEGAN: datetime.now(UTC).isoformat(timespec="seconds")}
    metadata = {"name": namespace, "labels": labels, "annotations": began}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


async def _on_nodes(
    trial: Trial, live: Live, namespace: str, nodes: Sequence[str], patience: Patience
) -> list[Finding]:
    """Wait for the pods, then make every check on every node that has one, each on its own."""
    ready = [
        _named(case, {"NAMESPACE": namespace})
        for case in cases((trial.ready,), live)
        if case.subject.name in nodes
    ]
    if not ready:
        return []
    found = await settled(ready, live, Wait(patience.pods_s, pause_s=PAUSE_S))
    if patience.tries_begin:
        await patience.tries_begin.wait()
    (answer,) = await ask(ready[:1], live)
    words = trial.words(answer.text)
    on_nodes = [
        _named(case, {"NAMESPACE": namespace, **words[case.subject.name]})
        for case in cases(trial.on_nodes, live)
        if case.subject.name in words
    ]
    # One that hangs for its time keeps no other from being tried again.
    tried = await asyncio.gather(
        *(settled([c], live, Wait(patience.tries_s, pause_s=PAUSE_S)) for c in on_nodes)
    )
    return [*found, *(finding for own in tried for finding in own)]


def _named(case: Case, words: Mapping[str, str]) -> Case:
    return replace(case, subject=replace(case.subject, words=words))


def _not_tried(trial: Trial, live: Live, why: str, severity: Severity) -> list[Finding]:
    found = text("not tried: {why}", why=why)
    return _all(trial, live, Judgement(Verdict.UNKNOWN, text("tried"), found, severity))


def _all(trial: Trial, live: Live, judgement: Judgement) -> list[Finding]:
    return [_finding(case, judgement) for case in cases(trial.checks, live)]


def _finding(case: Case, judgement: Judgement) -> Finding:
    return case.check.finding(case.subject, judgement)
