"""A cluster's own folder on this host: keys, kubeconfigs, what each machine was given, the journal.

clusters/<name>/
pki/            CAs, certificates, keys                                     0700
ssh/            the operator's key, the machines' host keys, known_hosts    0700
kubeconfigs/    admin.kubeconfig and break-glass.kubeconfig                 0700
nodes/<machine>/…    what the machine was given, shaped like its file system
objects/…       what the API was given, a file for each object
secrets/<machine>/…  the same for files nobody else may read                0700
edited/<machine>/…   what somebody edited on it and `up` overwrote, with the time     0700
snapshots/      copies of etcd's data, taken before a member is replaced    0700
cluster.json    what was decided and stays: identity, versions, networks, each machine's place
journal.jsonl   what was done when
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from os.path import samestat
from pathlib import Path
from typing import IO

from hardway.errors import RefusedError
from hardway.files import try_lock, write
from hardway.model import decisions as form
from hardway.model.decisions import Decisions
from hardway.model.names import ENDPOINT
from hardway.model.resources import Desired, File
from hardway.report import Journal
from hardway.text import text

DECISIONS = "cluster.json"
OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one cluster."""

    folder: Path

    @property
    def pki(self) -> Path:
        """Where CAs, certificates and keys are."""
        return self.folder / "pki"

    @property
    def admin_kubeconfig(self) -> Path:
        """The kubeconfig for people."""
        return self.folder / "kubeconfigs" / "admin.kubeconfig"

    @property
    def break_glass_kubeconfig(self) -> Path:
        """The kubeconfig that depends on no binding."""
        return self.folder / "kubeconfigs" / "break-glass.kubeconfig"

    @property
    def snapshots(self) -> Path:
        """Where copies of etcd's data are kept."""
        return self.folder / "snapshots"

    @property
    def journal(self) -> Journal:
        """The cluster's journal."""
        return Journal(self.folder / "journal.jsonl")

    @property
    def decisions(self) -> Decisions | None:
        """What was decided about the cluster; None where nothing was made yet.

        Raises:
            RefusedError: the file is not as hardway wrote it.
        """
        file = self.folder / DECISIONS
        if not file.exists():
            return None
        try:
            return form.from_json(json.loads(file.read_text()), self.folder.name)
        except (ValueError, TypeError, KeyError, AttributeError, StopIteration) as error:
            raise RefusedError(
                text("{file} is not as hardway wrote it: {error}", file=file, error=repr(error)),
                hint="restore it from a backup of the cluster's folder",
            ) from error

    def decide(self, decisions: Decisions) -> None:
        """Write down what was decided; on the disk when this returns."""
        content = (json.dumps(form.to_json(decisions), indent=2) + "\n").encode()
        write(self.folder / DECISIONS, content, durable=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from the cluster meanwhile; a folder that nothing was kept in is gone.

        Raises:
            RefusedError: another one is at work.
        """
        with self._lock() as lock:
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            try:
                yield
            finally:
                self._tidy()

    def _lock(self) -> IO[str]:
        """Return the lock's file, locked, which is the one that others open too.

        A run that ends may take the folder away, with the file that was just opened in it.
        """
        path = self.folder / "lock"
        while True:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            with suppress(FileNotFoundError), ExitStack() as stack:
                lock = stack.enter_context(path.open("a+"))
                if not try_lock(lock):
                    lock.seek(0)
                    holder = lock.read().strip() or text("unknown")
                    raise RefusedError(
                        text("another hardway (process {holder}) is at work on {cluster}",
                             holder=holder, cluster=self.folder.name),
                        hint="wait for it to end, then run this again",
                    )  # fmt: skip
                if samestat(os.fstat(lock.fileno()), path.stat()):
                    stack.pop_all()
                    return lock

    def _tidy(self) -> None:
        """Remove the folder where nothing but the lock is in it, and the empty one around it."""
        if self.folder.is_dir() and [path.name for path in self.folder.iterdir()] == ["lock"]:
            shutil.rmtree(self.folder)
        if not self.folder.exists():
            with suppress(OSError):
                self.folder.parent.rmdir()

    def write_kubeconfigs(self, files: Mapping[str, bytes]) -> None:
        """Write the kubeconfigs for this host."""
        folder = self.folder / "kubeconfigs"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, content in files.items():
            write(folder / name, content, mode=0o600)

    def forget(self, machine: str) -> None:
        """Delete what a machine was given; it is none of the cluster's any more."""
        for top in ("nodes", "secrets"):
            shutil.rmtree(self.folder / top / machine, ignore_errors=True)

    def write_tree(self, machine: str, wanted: Desired) -> None:
        """Write what a machine is given; what it is no longer given goes."""
        tops = {False: self.folder / "nodes" / machine, True: self.folder / "secrets" / machine}
        tops[True].parent.mkdir(mode=0o700, exist_ok=True)
        kept = set()
        for file in wanted.files:
            path = tops[file.secret] / file.path.lstrip("/")
            write(path, file.content, mode=file.mode)
            kept.add(path)
        for blob in wanted.blobs:
            path = tops[False] / blob.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(path, blob.source)
            kept.add(path)
        for top in tops.values():
            _prune(top, kept)

    def write_objects(self, texts: Mapping[str, bytes]) -> None:
        """Write what the API is given, by file; what it is no longer given goes."""
        top = self.folder / OBJECTS
        for name, text_ in texts.items():
            write(top / name, text_)
        _prune(top, {top / name for name in texts})

    def given(self, machine: str, file: File) -> str:
        """Return the SHA-256 of what a machine was last given as a file; empty if it was not."""
        path = self.folder / _kind_of(file) / machine / file.path.lstrip("/")
        return sha256(path.read_bytes()).hexdigest() if path.exists() else ""

    def given_files(self, machine: str) -> dict[str, bytes]:
        """Return what a machine was last given, by path, but for secrets and programs.

        Of the endpoint it is what the API was given.
        """
        top = self.folder / (OBJECTS if machine == ENDPOINT else f"nodes/{machine}")
        return {
            f"/{path.relative_to(top)}": path.read_bytes()
            for path in sorted(top.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }

    def keep_edited(self, machine: str, file: File, content: bytes) -> str:
        """Keep what a file said on a machine; return where, or nothing if it is kept already."""
        top = self.folder / "edited"
        top.mkdir(mode=0o700, exist_ok=True)
        path = top / machine / file.path.lstrip("/")
        if any(p.read_bytes() == content for p in path.parent.glob(f"{path.name}.*")):
            return ""
        place = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        write(place, content, mode=0o600 if file.secret else 0o644, durable=True)
        return str(place.relative_to(self.folder))


def _kind_of(file: File) -> str:
    return "secrets" if file.secret else "nodes"


def _prune(top: Path, kept: Collection[Path]) -> None:
    """Delete what is below a folder but for some files; folders that become empty too."""
    for path in sorted(top.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()


def _link(path: Path, target: str) -> None:
    if path.is_symlink() and str(path.readlink()) == target:
        return
    path.unlink(missing_ok=True)
    path.symlink_to(target)
