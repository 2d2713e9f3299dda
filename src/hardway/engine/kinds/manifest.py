"""Objects of the Kubernetes API, applied server-side; asked about through the API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardway.meaning.comments import without_comments
from hardway.model.former import FORMER
from hardway.model.names import API
from hardway.model.resources import Change, Kind, Manifest
from hardway.text import text
from hardway.tools.kubectl import FIELD_MANAGER

OWN = {"app.kubernetes.io/managed-by": "hardway"}
"""The label of all objects that hardway applies."""


def manifest_changes(
    step: str, wanted: Sequence[Manifest], live: Sequence[Manifest]
) -> list[Change]:
    """Return which of a step's objects the API does not have, or not as wanted."""
    there = {identity(o): o for o in live}
    found = []
    for manifest in wanted:
        name = identity(manifest)
        seen = there.get(name, {})
        lines = list(differences(manifest, seen))
        if lines:
            diff = "\n".join(lines) if name in there else ""
            found.append(
                Change(machine=API, step=step, kind=Kind.APPLY, path_or_unit=name,
                       item=manifest, diff=diff,
                       prose=bool(seen) and not any(differences(_meant(manifest), _meant(seen))))
            )  # fmt: skip
    return found


def _meant(value: Any) -> Any:
    """Return a value without comments in its texts, such as those in CoreDNS's Corefile."""
    match value:
        case Mapping():
            return {key: _meant(inner) for key, inner in value.items()}
        case list():
            return [_meant(inner) for inner in value]
        case str():
            return without_comments(value.encode()).decode()
    return value


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


def identity(manifest: Manifest) -> str:
    """Return `Kind/name` or `Kind/namespace/name` of an object."""
    meta = manifest["metadata"]
    parts = (manifest["kind"], meta.get("namespace"), meta["name"])
    return "/".join(part for part in parts if part)


def differences(wanted: Any, live: Any, at: str = "") -> Iterator[str]:
    """Yield what is wanted and not so, by path; what the API adds of its own is no difference."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, value in wanted.items():
            yield from differences(value, live.get(key), f"{at}.{key}")
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for index, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from differences(one, other, f"{at}[{index}]")
    elif wanted != live:
        yield f"{at.lstrip('.')}: {live!r} -> {wanted!r}"
