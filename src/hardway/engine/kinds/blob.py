"""Large files kept under their digest in the machine's store, and the links they are used by."""

import tarfile
from collections.abc import Iterator, Sequence
from posixpath import dirname

from hardway.engine.kinds import path
from hardway.engine.kinds.base import Difference, Entry, ItemKind, Stale
from hardway.model.resources import Blob, Kind, Observed


def _differs(blob: Blob, observed: Observed, _stale: Stale) -> Iterator[Difference]:
    link, stored = observed.paths.get(blob.path), observed.paths.get(blob.stored)
    linked = link is not None and (link.kind, link.target) == ("l", blob.stored)
    if not linked or stored is None or stored.size_bytes != blob.size_bytes:
        yield Kind.UPDATE if link else Kind.CREATE, blob.path, f"-> {blob.stored}"


def _by_hand(blobs: Sequence[Blob]) -> Iterator[str]:
    for folder in sorted({dirname(blob.path) for blob in blobs}):
        yield f"mkdir --parents {folder}"
    for blob in blobs:
        store, name = blob.stored.rsplit("/", 1)
        yield f"store={store}"
        # Where machines share a store, as local ones do, it is there and cannot be written.
        yield f"[ -e $store/{name} ] || install -D --mode=0755 .{blob.path} $store/{name}"
        yield f"ln --symbolic --force --no-dereference $store/{name} {blob.path}"
    sums = "".join(f"{blob.sha256}  {blob.path}\n" for blob in blobs)
    yield f"sha256sum --check --quiet <<'END'\n{sums}END"


BLOB = ItemKind(
    type=Blob,
    asks=lambda blob: [
        (path.question, blob.path),
        (path.question, blob.stored),
        (path.question, path.stage(blob.path)),
    ],
    read=path.read,
    differs=_differs,
    entry=lambda blob: Entry(path=blob.path, type=tarfile.SYMTYPE, link=blob.stored),
    by_hand=lambda blobs: list(_by_hand(blobs)),
)
