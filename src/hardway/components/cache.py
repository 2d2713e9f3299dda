"""The cache all clusters of this host share: files by their digest, and what they are.

<cache>/objects/<sha256>/<name>                     machines see this folder as their store
<cache>/index/<component>-<version>-<arch>.json     written last: what it names is whole
<cache>/partial/<sha256>.part                       downloads that were broken off
<cache>/.new-*/                                     what processes are at work on
"""

import fcntl
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from hardway.components.fetch import StoppedError
from hardway.components.lock import Lock, compare
from hardway.components.stored import Origin, Stored, digest_of, lying_in, stored
from hardway.components.table import Component
from hardway.errors import ComponentError
from hardway.files import AGAIN_S, try_lock
from hardway.text import text

NEW = ".new-"
EXECUTABLE, PLAIN = 0o755, 0o644


def cache_folder() -> Path:
    """Return the cache: $HARDWAY_CACHE, or a folder of this host's."""
    return Path(os.environ.get("HARDWAY_CACHE") or "/var/cache/hardway")


def index_file(component: Component, architecture: str, cache: Path) -> Path:
    """Return where it is written down which files a component is."""
    return cache / "index" / f"{component.name}-{component.version}-{architecture}.json"


def read(
    component: Component, architecture: str, cache: Path, lock: Lock | None = None
) -> dict[str, Stored]:
    """Return a component's files by name; empty unless all of them are there, whole.

    With a lock they are those that it pins.
    """
    try:
        found = (
            {name: lying_in(cache, s) for name, s in lock.of(component, architecture).items()}
            if lock
            else {
                s.file: s
                for s in _rows(index_file(component, architecture, cache), cache)
                if s.file in component.files
            }
        )
        whole = all(s.path.stat().st_size == s.size_bytes for s in found.values())
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return found if whole and set(found) == set(component.files) else {}


def _rows(index: Path, cache: Path) -> list[Stored]:
    architecture = index.stem.rpartition("-")[2]
    rows = json.loads(index.read_text())
    return [stored({"architecture": architecture, **row}, cache) for row in rows]


def lookup(
    components: Sequence[Component],
    architecture: str,
    *,
    cache: Path,
    lock: Lock | None = None,
    absent_ok: bool = False,
) -> dict[str, Stored]:
    """Return the components' files for an architecture by name, from the cache alone.

    With `absent_ok` a file that is not there stands in the answer with a digest of zeros.

    Raises:
        ComponentError: naming what is not there.
    """
    found: dict[str, Stored] = {}
    for component in components:
        there = read(component, architecture, cache, lock)
        if not there and not absent_ok:
            raise ComponentError(
                text("the cache {folder} has no {component} {version} ({architecture})",
                     folder=cache, component=component.name, version=component.version,
                     architecture=architecture),
                hint="hardway up gets it",
            )  # fmt: skip
        found |= there or {
            file: _absent(component, architecture, file, cache) for file in component.files
        }
    return found


def _absent(component: Component, architecture: str, file: str, cache: Path) -> Stored:
    nothing = "0" * 64
    return Stored(
        component=component.name,
        version=component.version,
        architecture=architecture,
        file=file,
        sha256=nothing,
        size_bytes=0,
        source="not there yet",
        path=cache / "objects" / nothing / file,
    )


def cached(cache: Path) -> list[Stored]:
    """Return everything in the cache, by component and version."""
    found = []
    for file in sorted((cache / "index").glob("*.json")):
        try:
            found += _rows(file, cache)
        except (ValueError, TypeError, KeyError):
            continue
    return found


def lock_file(component: Component, architecture: str, cache: Path) -> Path:
    """Return what keeps other processes from getting the same component at the same time."""
    file = index_file(component, architecture, cache)
    file.parent.mkdir(parents=True, exist_ok=True)
    (cache / "objects").mkdir(exist_ok=True)
    return file.with_suffix(".lock")


def build_lock(cache: Path) -> Path:
    """Return what keeps other builds waiting: each takes all cores."""
    return cache / "build.lock"


@contextmanager
def exclusive(lock_file: Path, stop: threading.Event, tell: Callable[[], None]) -> Iterator[None]:
    """Wait until no other process has a lock, having said so; then have it meanwhile.

    Raises:
        StoppedError: nobody waits for it any more.
    """
    with lock_file.open("w") as lock:
        if not try_lock(lock):
            tell()
        while not (stop.is_set() or try_lock(lock)):
            stop.wait(AGAIN_S)
        if stop.is_set():
            raise StoppedError
        yield


@contextmanager
def workplace(cache: Path) -> Iterator[Path]:
    """Yield an empty folder on the cache's file system; it is removed afterwards.

    Those of processes that were killed are removed as well: each may have a whole build in it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _flocked(cache):
            for left in cache.glob(f"{NEW}*"):
                with suppress(BlockingIOError), _flocked(left, fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)  # its own process may do so too
            new = stack.enter_context(tempfile.TemporaryDirectory(prefix=NEW, dir=cache))
            stack.enter_context(_flocked(Path(new)))
        yield Path(new)


@contextmanager
def _flocked(path: Path, flags: int = 0) -> Iterator[None]:
    """Lock a file or folder meanwhile; the lock ends with its process, however that ends."""
    opened = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(opened)


def keep(
    component: Component,
    architecture: str,
    files: Mapping[str, tuple[Path, Origin]],
    cache: Path,
    lock: Lock | None = None,
) -> dict[str, Stored]:
    """Move files into the cache, then write down that they are there.

    Raises:
        ComponentError: they are not those that the lock pins; nothing is kept.
    """
    digests = {name: digest_of(path) for name, (path, _) in files.items()}
    if lock:
        compare(digests, lock.of(component, architecture), lock.name)
    found = {}
    for name, (path, origin) in files.items():
        home = cache / "objects" / digests[name] / name
        size = path.stat().st_size
        put(path, home)
        found[name] = Stored(
            component=component.name,
            version=component.version,
            architecture=architecture,
            file=name,
            sha256=digests[name],
            size_bytes=size,
            **asdict(origin),
            path=home,
        )
    _write_down(found.values(), index_file(component, architecture, cache))
    return found


def put(file: Path, home: Path) -> None:
    """Move a file whose digest is known to where it belongs in the cache."""
    home.parent.mkdir(parents=True, exist_ok=True)
    file.chmod(PLAIN if home.suffix in {".tar", ".deb"} else EXECUTABLE)
    _flush(file)
    file.replace(home)


def adopt(files: Sequence[Stored], cache: Path) -> None:
    """Write down components whose files were put into the cache; they take others' place."""
    (cache / "index").mkdir(parents=True, exist_ok=True)
    by_index: dict[str, list[Stored]] = {}
    for row in files:
        by_index.setdefault(f"{row.component}-{row.version}-{row.architecture}", []).append(row)
    for name, rows in by_index.items():
        _write_down(rows, cache / "index" / f"{name}.json")


def _write_down(files: Iterable[Stored], index: Path) -> None:
    """Say which files a component is; they are in the cache, whole."""
    new = index.with_suffix(".new")
    new.write_text(json.dumps([s.row for s in files], indent=2) + "\n")
    _flush(new)
    new.replace(index)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
