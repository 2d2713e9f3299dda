"""Objects of the Kubernetes API, applied server-side; asked about through the API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardway.model.names import API
from hardway.model.resources import Change, Kind, Manifest


def manifest_changes(
    step: str, wanted: Sequence[Manifest], live: Sequence[Manifest]
) -> list[Change]:
    """Return which of a step's objects the API does not have, or not as wanted."""
    there = {identity(o): o for o in live}
    found = []
    for manifest in wanted:
        name = identity(manifest)
        lines = list(differences(manifest, there.get(name, {})))
        if lines:
            diff = "\n".join(lines) if name in there else ""
            found.append(
                Change(machine=API, step=step, kind=Kind.APPLY, path_or_unit=name,
                       item=manifest, diff=diff)
            )  # fmt: skip
    return found


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
