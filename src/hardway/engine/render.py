"""What every step wants of every machine. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from hardway.engine.kinds.manifest import labelled
from hardway.model.objects import file_name
from hardway.model.resources import Blob, Desired, File, Manifest
from hardway.render.config import object_text
from hardway.steps.base import Given, Step

Rendered = Mapping[str, Mapping[str, Desired]]
"""By machine, then by step, both in their order."""


def render(steps: Sequence[Step], given: Given) -> Rendered:
    """Return what the steps want of each machine whose facts are known."""
    rendered = {}
    for machine in given.cluster.machines:
        if machine.name not in given.hosts:
            continue
        inventory: dict[str, File | Blob] = {}
        by_step = {}
        for step in steps:
            desired = step.render(given, machine, inventory)
            inventory |= {f.path: f for f in desired.files} | {b.path: b for b in desired.blobs}
            by_step[step.name] = desired
        rendered[machine.name] = by_step
    return rendered


def manifests(steps: Sequence[Step], given: Given) -> Mapping[str, tuple[Manifest, ...]]:
    """Return what the steps want of the API, by step; steps that want nothing are absent."""
    made = {step.name: tuple(map(labelled, step.manifests(given))) for step in steps}
    return {name: objects for name, objects in made.items() if objects}


def object_files(wanted: Mapping[str, Sequence[Manifest]]) -> dict[str, bytes]:
    """Return a file for each object that the steps want of the API."""
    every = [manifest for own in wanted.values() for manifest in own]
    return {file_name(o): object_text(o).encode() for o in every}


def merged(wanted: Iterable[Desired]) -> Desired:
    """Return what several steps want of one machine as one."""
    parts = list(wanted)
    return Desired(**{
        kind.name: tuple(item for part in parts for item in getattr(part, kind.name))
        for kind in fields(Desired)
    })  # fmt: skip
