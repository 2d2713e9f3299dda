"""Components: the binaries and images a machine's role needs, each the pinned one."""

from collections.abc import Mapping

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
from hardway.model.resources import Blob, Desired
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


GENUINE = """for path in <PATHS>; do
    # The folder in the store bears the digest that its file was pinned with.
    # openssl comes with ca-certificates, and takes a fifth of the time that sha256sum does.
    at=$(readlink -f "$path") && want=$(basename "$(dirname "$at")") &&
    openssl dgst -sha256 -r "$at" | grep -q "^$want " || echo "$path"
done
"""


def _paths(subject: Subject) -> Mapping[str, str]:
    rows = PLACES[subject.machine.role]
    return {"PATHS": " ".join(f"{folder}/{name}" for folder, name, _ in rows)}


def _genuine(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    wrong = answer.text.split()
    found = text("missing or changed: {paths}", paths=" ".join(wrong)) if wrong else text("all")
    return judged(text("all"), found)


CHECKS = (
    Check(name="components-genuine", step=NAME, scope=MACHINES, words=_paths,
          when=Occasion.ASKED,
          ask=Sh(GENUINE, timeout_s=120), judge=_genuine,
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
