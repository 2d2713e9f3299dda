"""The check of the API's objects themselves: whether they still are what hardway applied."""

from collections.abc import Iterator

from hardway.meaning.document import mapping
from hardway.meaning.objects import deviations, meant
from hardway.model.checks import (
    CLUSTER,
    Answer,
    Check,
    Judgement,
    Kubectl,
    Occasion,
    Subject,
    judged,
)
from hardway.model.objects import OWN, identity, items
from hardway.model.resources import Manifest, Verdict
from hardway.steps.base import API
from hardway.text import text

NAME = "objects-as-given"
KINDS = ("ClusterRole", "ClusterRoleBinding", "ConfigMap", "Deployment", "PodDisruptionBudget",
         "Service", "ServiceAccount")  # fmt: skip
"""Of all objects that hardway applies but Nodes, which are their kubelets'."""
(LABEL,) = (f"{key}={value}" for key, value in OWN.items())
ASK = Kubectl(("get", ",".join(KINDS).lower(), "--all-namespaces", f"--selector={LABEL}",
               "--output=json"))  # fmt: skip


def _wanted(subject: Subject) -> list[Manifest]:
    given = map(mapping, subject.given().values())
    return [manifest for manifest in given if manifest["kind"] in KINDS]


def _judge(subject: Subject, answer: Answer) -> Iterator[Judgement]:
    wanted = _wanted(subject)
    if not wanted:
        # Of a folder that knows of no objects nothing can be said.
        return
    if answer.status:
        yield Judgement(Verdict.UNKNOWN, _all(wanted), answer.last_line)
        return
    there = {identity(o): o for kind in KINDS for o in items(answer.text, kind)}
    for manifest in wanted:
        name = identity(manifest)
        if name not in there:
            yield from judged(text("{object} is there, with the label {label}", object=name,
                                   label=LABEL), text("absent"))  # fmt: skip
        elif named := deviations(meant(manifest), meant(there[name])):
            yield Judgement(
                Verdict.WRONG,
                f"{name}: {', '.join(f'{entry.at} {entry.expected}' for entry in named)}",
                f"{name}: {', '.join(f'{entry.at} {entry.found}' for entry in named)}",
            )
    yield Judgement(Verdict.HOLDS, _all(wanted), _all(wanted))


def _all(wanted: list[Manifest]) -> str:
    return text("{count} objects mean what hardway applied", count=len(wanted))


CHECK = Check(
    name=NAME, step="dns", scope=CLUSTER, ask=ASK, judge=_judge, when=Occasion.ASKED,
    # These say what the Services and the bindings among them are for.
    causes=(*API, "service-addresses", "admin-may-everything", "kubelet-client-may"),
    why="the API takes any object that is well-formed, and what follows from it shows elsewhere: "
    "names that are not found, pods that are not made",
    see="hardway plan",
)  # fmt: skip
