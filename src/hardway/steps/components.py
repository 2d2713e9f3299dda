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


READ, WRONG, BUSY = "read", "wrong", "busy"
GENUINE = f"""for path in <PATHS>; do
    at=$(readlink -f "$path")
    [ -f "$at" ] || {{ echo "{WRONG} $path -"; continue; }}
    {{
        # The folder in the store bears the digest that its file was pinned with.
        # openssl comes with ca-certificates, and takes a fifth of the time that sha256sum does.
        # Whatever has to answer in time goes first: pods, and the other questions.
        said=$(flock --nonblock --conflict-exit-code 99 "$at" \\
            nice -n 19 openssl dgst -sha256 -r "$at")
        status=$? store=${{at%/*}} file=$(stat --format=%d:%i:%.9Z "$at")
        case "$status $said" in
        99*) echo "{BUSY} $path $file" ;;
        "0 ${{store##*/}} "*) echo "{READ} $path $file" ;;
        *) echo "{WRONG} $path $file" ;;
        esac
    }} &
done
wait"""
"""Machines of one host have one store, of which each file is read once: by whoever locks it. Files
of other hosts have the same path: device, inode and time of change say which file it is."""


def _paths(subject: Subject) -> Mapping[str, str]:
    rows = PLACES[subject.machine.role]
    return {"PATHS": " ".join(f"{folder}/{name}" for folder, name, _ in rows)}


def _genuine(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    rows = [line.split(" ", 2) for line in answer.text.splitlines()]
    others = "\n".join(answer.elsewhere.values()).splitlines()
    read, changed = (
        {line.rpartition(" ")[2] for line in others if line.startswith(verdict)}
        for verdict in (READ, WRONG)
    )
    wrong = [path for verdict, path, file in rows
             if verdict == WRONG or (verdict == BUSY and file in changed)]  # fmt: skip
    unread = [path for verdict, path, file in rows
              if verdict == BUSY and file not in read | changed]  # fmt: skip
    if wrong:
        return judged(text("all"), text("missing or changed: {paths}", paths=" ".join(wrong)))
    if unread:
        found = text("another process holds a lock on {paths}", paths=" ".join(unread))
        return (Judgement(Verdict.UNKNOWN, text("all"), found),)
    return judged(text("all"), text("all") if rows else text("none"))


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
