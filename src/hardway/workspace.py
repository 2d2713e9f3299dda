"""A cluster's own folder on this host: keys, kubeconfigs, what each machine was given, the journal.

clusters/<name>/
pki/            CAs, certificates, keys                                     0700
ssh/            the operator's key, the machines' host keys, known_hosts    0700
kubeconfigs/    admin.kubeconfig and break-glass.kubeconfig                 0700
nodes/<machine>/…    what the machine was given, shaped like its file system
secrets/<machine>/…  the same for files nobody else may read                0700
cluster.json    what cannot change while the cluster lives
journal.jsonl   what was done when
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardway.errors import RefusedError
from hardway.files import write
from hardway.model.cluster import Cluster, EndpointKind
from hardway.model.resources import Desired
from hardway.report import Journal


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
    def journal(self) -> Journal:
        """The cluster's journal."""
        return Journal(self.folder / "journal.jsonl")

    @property
    def provider(self) -> str | None:
        """Whose its machines are; None where nothing was made yet."""
        file = self.folder / "cluster.json"
        return str(json.loads(file.read_text())["provider"]) if file.exists() else None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from the cluster meanwhile.

        Raises:
            RefusedError: another one is at work.
        """
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
                raise RefusedError(
                    f"another hardway (process {holder}) is at work on {self.folder.name}",
                    hint="wait for it to end, then run this again",
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def claim(self, cluster: Cluster) -> None:
        """Write down what cannot change while the cluster lives, or compare with it.

        Raises:
            RefusedError: the spec has other networks or machines than the cluster was made with.
        """
        file = self.folder / "cluster.json"
        wanted = _fixed(cluster)
        if not file.exists():
            write(file, (json.dumps(wanted, indent=2) + "\n").encode())
            return
        there = json.loads(file.read_text())
        lines = [
            f"{key}: is {there[key]}, hardway.yaml says {value}"
            for key, value in wanted.items()
            if value != there.get(key)
        ]
        if lines:
            raise RefusedError(
                f"cluster {cluster.name} was made otherwise and cannot be changed while it lives:\n"
                + "\n".join(f"  {line}" for line in lines),
                hint="take the change back, or begin anew: hardway down",
            )

    def write_kubeconfigs(self, files: Mapping[str, bytes]) -> None:
        """Write the kubeconfigs for this host."""
        folder = self.folder / "kubeconfigs"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, content in files.items():
            write(folder / name, content, mode=0o600)

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


def _fixed(cluster: Cluster) -> dict[str, object]:
    return {
        "provider": cluster.provider,
        "machines": [f"{m.name} {m.role} {m.address}" for m in cluster.machines],
        "nodes": str(cluster.node_cidr),
        "pods": str(cluster.pod_cidr),
        "services": str(cluster.service_cidr),
        "endpoint": cluster.endpoint.kind
        if cluster.endpoint.kind is EndpointKind.MADE
        else cluster.endpoint.url,
    }
