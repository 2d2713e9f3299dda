"""Objects of the Kubernetes API, applied server-side; asked about through the API."""

from collections.abc import Iterator, Sequence

from hardway.meaning.objects import deviations, meant
from hardway.model.former import FORMER
from hardway.model.names import API
from hardway.model.objects import OWN, identity
from hardway.model.resources import Change, Kind, Manifest
from hardway.text import text
from hardway.tools.kubectl import FIELD_MANAGER


def manifest_changes(
    step: str, wanted: Sequence[Manifest], live: Sequence[Manifest]
) -> list[Change]:
    """Return which of a step's objects the API does not have, or not as wanted."""
    there = {identity(o): o for o in live}
    found = []
    for manifest in wanted:
        name = identity(manifest)
        seen = there.get(name, {})
        named = deviations(manifest, seen)
        if named:
            lines = (f"{entry.at}: {entry.found} -> {entry.expected}" for entry in named)
            diff = "\n".join(lines) if name in there else ""
            found.append(
                Change(machine=API, step=step, kind=Kind.APPLY, path_or_unit=name,
                       item=manifest, diff=diff,
                       prose=bool(seen) and not deviations(meant(manifest), meant(seen)))
            )  # fmt: skip
    return found


def labelled(manifest: Manifest) -> Manifest:
    """Return an object with the label of hardway's own; Nodes are their kubelets'."""
    if manifest["kind"] == "Node":
        return manifest
    meta = manifest["metadata"]
    return {**manifest, "metadata": {**meta, "labels": {**meta.get("labels", {}), **OWN}}}


def obsolete(wanted: Sequence[Manifest]) -> list[Manifest]:
    """Return references to the objects that are deleted where they are there and hardway's own."""
    kept = {identity(o) for o in wanted}
    return [row.reference for row in FORMER if identity(row.reference) not in kept]


def removals(
    step: str, candidates: Sequence[Manifest], live: Sequence[Manifest]
) -> Iterator[Change]:
    """Yield a change for each candidate that is there, has hardway's label and is applied by it."""
    there = {identity(o): o for o in live}
    for item in candidates:
        name = identity(item)
        if name in there and _is_own(there[name]):
            yield Change(machine=API, step=step, kind=Kind.REMOVE, path_or_unit=name, item=item,
                         diff=text("no longer wanted; hardway made it"))  # fmt: skip


def _is_own(live: Manifest) -> bool:
    meta = live["metadata"]
    managers = {field["manager"] for field in meta.get("managedFields", ())}
    return OWN.items() <= meta.get("labels", {}).items() and FIELD_MANAGER in managers
