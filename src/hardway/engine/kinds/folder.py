"""Folders and who may enter them; their content is the components' own."""

import tarfile
from collections.abc import Iterator

from hardway.engine.kinds import path
from hardway.engine.kinds.base import Difference, Entry, ItemKind, Stale
from hardway.model.resources import Folder, Kind, Observed


def _differs(folder: Folder, observed: Observed, _stale: Stale) -> Iterator[Difference]:
    seen = observed.paths.get(folder.path)
    wrong = path.rights(folder, seen)
    if seen is None or seen.kind != "d" or wrong:
        yield Kind.UPDATE if seen else Kind.CREATE, folder.path, "\n".join(wrong)


FOLDER = ItemKind(
    type=Folder,
    asks=lambda folder: [(path.question, folder.path)],
    read=path.read,
    differs=_differs,
    entry=lambda f: Entry(path=f.path, type=tarfile.DIRTYPE, mode=f.mode, owner=f.owner),
    by_hand=lambda folders: [
        f"install --directory {path.by_hand(folder)} {folder.path}" for folder in folders
    ],
)
