"""The difference between what is wanted and what was seen. Pure; this is what `plan` shows."""

import math
from collections.abc import Iterator, Mapping

from hardway.engine.kinds import BY_TYPE, obsolete
from hardway.engine.kinds.base import Stale
from hardway.engine.kinds.file import means
from hardway.model.resources import NEW, Change, Desired, Kind, Leftover, Observed
from hardway.text import text


def changes(machine: str, wanted: Mapping[str, Desired], observed: Observed) -> list[Change]:
    """Return what has to change on a machine, by the steps that want it, in their order."""
    stale = _stale(wanted, observed)
    return [
        *_leftovers(machine, next(iter(wanted)), observed),
        *(
            Change(machine=machine, step=step, kind=kind, path_or_unit=name, item=item, diff=why,
                   before=observed.paths[name].digest if name in observed.paths else "",
                   prose=BY_TYPE[type(item)].prose(item, observed))
            for step, desired in wanted.items()
            for item in desired.items
            for kind, name, why in BY_TYPE[type(item)].differs(item, observed, stale)
        ),
        *obsolete.changes(machine, wanted, observed),
    ]  # fmt: skip


def _stale(wanted: Mapping[str, Desired], observed: Observed) -> Stale:
    files = {f.path: f for desired in wanted.values() for f in desired.files}
    return {
        path: observed.paths[path].changed_at if path in observed.paths else math.inf
        for path, file in files.items()
        if not means(file, observed)
    }


def _leftovers(machine: str, step: str, observed: Observed) -> Iterator[Change]:
    why = text("left by a run that was killed")
    for path in observed.paths:
        if path.endswith(NEW):
            yield Change(machine=machine, step=step, kind=Kind.REMOVE, path_or_unit=path,
                         item=Leftover(path=path), diff=why)  # fmt: skip
