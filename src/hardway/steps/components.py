"""Components: the binaries and images a machine's role needs, each the pinned one."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from posixpath import basename, dirname

from hardway.model.checks import (
    MACHINES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Blob, Desired, Verdict
from hardway.steps import processes
from hardway.steps.base import Given, Inventory, Step
from hardway.text import text

NAME = "components"

BIN = "/usr/local/bin"
CNI = "/opt/cni/bin"
IMAGES = "/opt/hardway/images"

PLACES = {
    Role.CONTROL_PLANE: (
        (BIN, "etcd", "keeps all of the cluster's state"),
        (BIN, "etcdctl", "asks and repairs etcd"),
        (BIN, "etcdutl", "works on etcd's files while it does not run"),
        (BIN, "kube-apiserver", "the API: the only one who talks to etcd"),
        (BIN, "kube-controller-manager", "turns what is wanted into objects that say how"),
        (BIN, "kube-scheduler", "gives each pod a node"),
    ),
    Role.WORKER: (
        (BIN, "containerd", "runs containers for kubelet"),
        (BIN, "containerd-shim-runc-v2", "stays with each container when containerd restarts"),
        (BIN, "ctr", "imports images and shows containers"),
        (BIN, "kubelet", "runs the pods of this node"),
        (BIN, "kube-proxy", "makes Services' addresses lead to pods"),
        (CNI, "bridge", "gives a pod a cable into this node's bridge"),
        (CNI, "host-local", "gives a pod an address of this node's range"),
        (CNI, "loopback", "brings a pod's lo up"),
        (CNI, "portmap", "serves hostPort"),
        (BIN, "hardway-probe", "answers and asks in a network like a pod's"),
        (IMAGES, "pause.tar", "holds a pod's namespaces"),
        (IMAGES, "coredns.tar", "the cluster's DNS"),
        (IMAGES, "probe.tar", "what the smoke test runs in pods"),
    ),
}
"""Where each role's files go, and what they are for."""


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return the blobs of a machine's role."""
    blobs = []
    fitting = given.stored[given.hosts[machine.name].architecture]
    for folder, name, why in PLACES[machine.role]:
        stored = fitting[name]
        blobs.append(
            Blob(
                path=f"{folder}/{name}",
                sha256=stored.sha256,
                size_bytes=stored.size_bytes,
                source=str(stored.path),
                why=why,
            )
        )
    return Desired(blobs=tuple(blobs))


GENUINE = r"""bash -c '
for path; do
    [ -f "$path" ] || { echo "missing $path"; continue; }
    exec {file}<"$path"
    if flock --nonblock $file; then own+=("$path"); else echo "busy $path"; fi
done
find "$@" -maxdepth 0 -printf "link %p %l\n"
stat --dereference --format="file %n %d:%i:%.9Z" "$@"
# openssl comes with ca-certificates, and takes a fifth of the time that sha256sum does.
# Whatever has to answer in time goes first: pods, and the other questions.
[ ${#own[@]} = 0 ] ||
    nice -n 19 openssl dgst -sha256 -r "${own[@]}" | sed "s/\(.*\) [*]\(.*\)/read \2 \1/"
' bash <PATHS> 2>/dev/null"""
"""Machines of one host have one store, of which each file is read once: by whoever locks it. One
program reads all that a machine locked: to start one for each file costs as much as to read it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a machine says of its files: each by path."""

    missing: Mapping[str, str]
    busy: Mapping[str, str]
    """Those that somebody else has locked, and reads."""
    link: Mapping[str, str]
    file: Mapping[str, str]
    """Device, inode and time of change: on other hosts the same path is another file."""
    read: Mapping[str, str]
    """The digests of those that it locked; without one it could not be read."""

    @classmethod
    def of(cls, answer: str) -> "_Seen":
        rows = [line.split(" ", 2) for line in answer.splitlines()]
        # Of what is missing or busy nothing more is said.
        return cls(*({path: "".join(said) for kind, path, *said in rows if kind == field.name}
                     for field in fields(cls)))  # fmt: skip

    def genuine(self, path: str) -> bool:
        # The folder in the store bears the digest that its file was pinned with.
        return self.read.get(path) == basename(dirname(self.link[path]))


def _paths(subject: Subject) -> Mapping[str, str]:
    rows = PLACES[subject.machine.role]
    return {"PATHS": " ".join(f"{folder}/{name}" for folder, name, _ in rows)}


def _genuine(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    own = _Seen.of(answer.text)
    machines = map(_Seen.of, answer.elsewhere.values())
    read = {file: m.genuine(path) for m in machines for path, file in m.file.items()
            if path not in m.busy}  # fmt: skip
    told = {path: read.get(file) if path in own.busy else own.genuine(path)
            for path, file in own.file.items() if path not in own.missing}  # fmt: skip
    wrong = [*own.missing, *(path for path, genuine in told.items() if genuine is False)]
    unread = [path for path, genuine in told.items() if genuine is None]
    if wrong:
        return judged(text("all"), text("missing or changed: {paths}", paths=" ".join(wrong)))
    if unread:
        found = text("another process holds a lock on {paths}", paths=" ".join(unread))
        return (Judgement(Verdict.UNKNOWN, text("all"), found),)
    return judged(text("all"), text("all") if told else text("none"))


CHECKS = (
    Check(name="components-genuine", step=NAME, scope=MACHINES, words=_paths,
          when=Occasion.ASKED,
          ask=Sh(GENUINE, timeout_s=120), judge=_genuine,
          # Another cluster of this host may have been verified at the same moment.
          again_s=3,
          why="a binary that is not the pinned one can be anything",
          see="hardway ssh <MACHINE> -- 'cd /opt/hardway/store && sha256sum */*'"),
    processes.CURRENT,
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Binaries and images",
    why="stock upstream components, each by its digest",
    render=render,
    checks=CHECKS,
)
