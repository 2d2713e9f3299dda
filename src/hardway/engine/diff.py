"""The difference between what is wanted and what was seen. Pure; this is what `plan` shows."""

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from hardway.model.resources import (
    NEW,
    Blob,
    Change,
    Desired,
    File,
    Folder,
    Item,
    Kind,
    Leftover,
    Manifest,
    Observed,
    SeenPath,
    SeenUnit,
    Unit,
)

API = "api"
"""Where objects of the API are, in place of a machine's name."""

RUNNING = frozenset({"active", "activating", "reloading"})


def changes(machine: str, wanted: Mapping[str, Desired], observed: Observed) -> list[Change]:
    """Return what has to change on a machine, by the steps that want it, in their order."""
    files = {f.path: f for desired in wanted.values() for f in desired.files}
    wrong = {
        path: observed.paths[path].changed_at if path in observed.paths else math.inf
        for path, file in files.items()
        if path not in observed.paths or observed.paths[path].digest != file.digest
    }
    left = [
        Change(machine=machine, step=next(iter(wanted)), kind=Kind.REMOVE, path_or_unit=path,
               item=Leftover(path=path), diff="left by a run that was killed")
        for path in observed.paths
        if path.endswith(NEW)
    ]  # fmt: skip
    return left + [
        Change(machine=machine, step=step, kind=kind, path_or_unit=name, item=item, diff=text)
        for step, desired in wanted.items()
        for kind, name, item, text in _of_step(desired, observed, wrong)
    ]


def _of_step(
    desired: Desired, observed: Observed, wrong: Mapping[str, float]
) -> Iterator[tuple[Kind, str, Item, str]]:
    """Yield what has to change: how, where, to what, and the difference for people."""
    for package in desired.packages:
        if package.name not in observed.packages:
            yield Kind.INSTALL, package.name, package, package.why
    for block in desired.blocks:
        there = observed.blocks.get(block.path, "")
        if block.text != there:
            lines = text_diff(block.path, there.encode(), block.text.encode())
            yield Kind.UPDATE, block.path, block, "\n".join(lines)
    for item in desired.paths:
        seen = observed.paths.get(item.path)
        if not _holds(item, seen, observed):
            text = path_diff(item, seen, observed.content.get(item.path))
            yield Kind.UPDATE if seen else Kind.CREATE, item.path, item, text
    for unit in desired.units:
        for kind, why in _unit_changes(unit, observed.units.get(unit.name), wrong):
            yield kind, unit.name, unit, why


def _holds(item: Folder | File | Blob, seen: SeenPath | None, observed: Observed) -> bool:
    if seen is None:
        return False
    if isinstance(item, Blob):
        stored = observed.paths.get(item.stored)
        whole = stored is not None and stored.size_bytes == item.size_bytes
        return seen.kind == "l" and seen.target == item.stored and whole
    if (seen.mode, seen.owner) != (item.mode, item.owner):
        return False
    if isinstance(item, Folder):
        return seen.kind == "d"
    return seen.kind == "f" and seen.digest == item.digest


def _unit_changes(
    unit: Unit, seen: SeenUnit | None, wrong: Mapping[str, float]
) -> Iterator[tuple[Kind, str]]:
    """Yield what to do with a unit; `wrong` has when files became what they should not be.

    A file that is not there became so at no time that is known: infinitely late.
    """
    if seen is None or not seen.enabled:
        yield Kind.ENABLE, "at each boot"
    if seen is None or seen.active not in RUNNING:
        yield Kind.START, f"is {seen.active}" if seen else "is not there"
    elif _starts(seen) and not any(path in wrong for path in unit.reads):
        # Its process is not there yet, as after a boot; it will be started as wanted.
        return
    elif seen.digest != unit.digest:
        yield Kind.RESTART, "it runs with other files than it should"
    else:
        # It was started as wanted, unless one of its files was already wrong then.
        read = [path for path in unit.reads if wrong.get(path, seen.started_at) < seen.started_at]
        if read:
            yield Kind.RESTART, f"it was started after {', '.join(read)} had changed"


def _starts(seen: SeenUnit) -> bool:
    return seen.active == "activating" and not seen.digest


def path_diff(item: Folder | File | Blob, seen: SeenPath | None, content: bytes | None) -> str:
    """Return what changes at a path, for people; of secrets their digests only."""
    lines = []
    if isinstance(item, Blob):
        lines = [f"-> {item.stored}"]
    elif seen is not None and (seen.mode, seen.owner) != (item.mode, item.owner):
        lines = [f"mode {seen.mode:04o} {seen.owner} -> {item.mode:04o} {item.owner}"]
    if isinstance(item, File) and (seen is None or seen.digest != item.digest):
        if item.secret:
            before = f"sha256:{seen.digest[:12]}" if seen else "absent"
            lines.append(f"secret {before} -> sha256:{item.digest[:12]}")
        else:
            lines += text_diff(item.path, content or b"", item.content)
    return "\n".join(lines)


def text_diff(path: str, before: bytes, after: bytes) -> list[str]:
    """Return a unified diff of two contents of a file."""
    old, new = (text.decode(errors="replace").splitlines() for text in (before, after))
    return list(difflib.unified_diff(old, new, path, path, lineterm=""))


def manifest_changes(step: str, wanted: tuple[Manifest, ...], live: list[Manifest]) -> list[Change]:
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
