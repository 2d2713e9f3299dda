"""Objects of the API that hardway applies."""

from collections.abc import Iterator
from functools import partial

import yaml

from hardway.atlas.atlas import Atlas
from hardway.explain.answer import Aspect, Point
from hardway.explain.places import by_step
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing
from hardway.model.objects import file_name, identity
from hardway.model.resources import Manifest
from hardway.model.rows import Note
from hardway.steps.base import Step
from hardway.steps.index import STEPS
from hardway.text import text


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield a thing for each object."""
    for step in STEPS:
        for manifest in atlas.objects.get(step.name, ()):
            name, kind, own = identity(manifest), manifest["kind"], manifest["metadata"]["name"]
            notes = (*step.notes.get(name, ()), *step.notes.get(kind, ()))
            yield Thing(
                kind=Kind.OBJECT, name=name,
                aliases=(own, f"{kind} {own}", f"{kind}/{own}", f"{kind.lower()}/{own}"),
                tags=(name, f"object {kind}", "object", step.name),
                summary=notes[0].why if notes else step.why,
                points=partial(_points, atlas.cluster.name, step, manifest, notes),
            )  # fmt: skip


def _points(
    cluster: str, step: Step, manifest: Manifest, notes: tuple[Note, ...], _scene: Scene
) -> Iterator[Point]:
    meta, kind = manifest["metadata"], manifest["kind"]
    namespace = meta.get("namespace", "")
    of_all = tuple(note.why for note in notes if not note.name)
    yield Point(Aspect.WHAT, (
        text("An object of the API, of kind {kind}.", kind=kind),
        *(of_all or (text("hardway applies it for this: {why}.", why=step.why),)),
    ))  # fmt: skip
    yield Point(
        Aspect.MADE,
        (
            by_step(step.name),
            text("Server-side apply, as field manager hardway: other fields stay other people's."),
        ),
        rows=((text("copy here"), f"clusters/{cluster}/objects/{file_name(manifest)}"),),
    )
    yield Point(Aspect.READERS, rows=tuple(_readers(manifest)))
    yield Point(Aspect.CONTENT, rows=tuple((n.name, n.why) for n in notes if n.name))
    yield Point(Aspect.CONTENT, (yaml.safe_dump(dict(manifest), sort_keys=False).rstrip(),),
                more=True)  # fmt: skip
    within = f" --namespace={namespace}" if namespace else ""
    see = f"hardway kubectl get {kind.lower()}{within} {meta['name']} --output=yaml"
    yield Point(Aspect.SEE, commands=(see,))


def _readers(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield who acts on the object: the subjects of a binding, else the programs of its kind."""
    for subject in manifest.get("subjects", ()):
        yield subject["name"], text("gets the rights of {role}", role=manifest["roleRef"]["name"])
    if who := ACTS_ON.get(manifest["kind"]):
        yield who, text("acts on it")


ACTS_ON = {
    "Node": text("kubelet, scheduler, controller manager"),
    "ServiceAccount": text("kube-apiserver, for tokens of its pods"),
    "ClusterRole": text("kube-apiserver, when it authorizes a request"),
    "ConfigMap": text("kubelet, which gives it to pods"),
    "Deployment": text("kube-controller-manager, which makes ReplicaSets and pods of it"),
    "PodDisruptionBudget": text("kube-apiserver, when somebody evicts a pod"),
    "Service": text("kube-proxy on each worker, and CoreDNS"),
}
