"""Whose machines these are: what they note about their cluster, and the lock on them.

Each machine notes the id of its cluster, its CA and a serial that grows with each decision. A
command whose folder has another id, or an older serial (a stale copy on a laptop or in CI), is
refused before anything is changed. While `up` works, a process of its own on each machine holds a
lock; it ends with the connection, so that a lock never outlives its holder.
"""

import asyncio
import getpass
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from hardway.errors import ConnectError, RefusedError
from hardway.model.decisions import Decisions
from hardway.model.resources import IDENTITY, LEDGER
from hardway.text import Text, joined, text
from hardway.transport.base import Fleet, Process, Transport, on_each, run_checked

LOCK = "/run/hardway/lock"
CA = "/etc/kubernetes/pki/ca.crt"
BEAT_S = 15.0
PLACES = (LOCK, IDENTITY, LEDGER, CA)
ANSWERS_S = 60.0
"""Each API server of six machines that boot on two slow cores may keep a shell waiting."""

ASK = r"""lock=$1 identity=$2 before=$3 ca=$4 holder=${5:-}
say() { printf '%s\t%s\n' "$1" "$2"; }
if [ -n "$holder" ]; then
    mkdir -p "${lock%/*}"
    exec 9>>"$lock"
    # A holder that was killed a moment ago is still being told so.
    flock --timeout 3 9 || { say held "$(cat "$lock")"; say end; exit 0; }
    printf '%s\n' "$holder" >"$lock"
fi
if [ -r "$identity" ]; then
    sed 's/^/noted\t/' "$identity"
elif [ -r "$before/cluster" ]; then
    # Made before machines noted their cluster's id: known by its CA and its binaries.
    say ledger "$(cat "$before/cluster")"
    [ ! -r "$ca" ] || sed 's/^/ca\t/' "$ca"
    for program in kube-apiserver kubelet etcd containerd; do
        [ ! -x "/usr/local/bin/$program" ] ||
            say "$program" "$("/usr/local/bin/$program" --version 2>/dev/null | head -n 1)"
    done
fi
say end
# The lock is held for as long as its holder is heard: one byte at least each minute.
[ -z "$holder" ] || while [ -n "$(timeout 60 head -c 1)" ]; do :; done
"""
COMPONENTS = {"kube-apiserver": "kubernetes", "kubelet": "kubernetes", "etcd": "etcd",
              "containerd": "containerd"}  # fmt: skip
VERSION = re.compile(r"\d+\.\d+\.\d+")
LOST = (
    "copy that folder here from where it is, or from a backup. If it is lost, its keys are, and no "
    "command can make them again: etcd's data can still be saved on a control plane (etcdctl "
    "snapshot save), and the machines be taken back: hardway down --name {name} --host HOST ..."
)


@dataclass(frozen=True, slots=True)
class Noted:
    """What a machine notes about its cluster."""

    id: str
    name: str
    ca: str
    """SHA-256 of the Kubernetes CA's certificate (DER), in hex."""
    serial: int
    operator: str
    """`user@host` of the last run."""
    folder: str
    """The cluster's folder there."""
    at: str
    """When that run began, UTC."""

    @property
    def text(self) -> str:
        """The file on the machine: a name and its value on each line."""
        rows = (("id", self.id), ("name", self.name), ("ca", self.ca), ("serial", self.serial),
                ("operator", self.operator), ("folder", self.folder), ("at", self.at))  # fmt: skip
        return "".join(f"{name} {value}\n" for name, value in rows)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one machine says about its cluster."""

    held: str = ""
    """Who holds the lock, if that is somebody else."""
    noted: Noted | None = None
    ledger: str | None = None
    """The cluster's name on a machine that notes no id; None on one that hardway never changed."""
    ca: str = ""
    """That machine's CA; see `Noted.ca`."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """That machine's components."""


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of a certificate (DER) in hex; empty where it is not one."""
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(pem.decode().strip())).hexdigest()
    except ValueError:
        return ""


def operator() -> str:
    """Return who runs this program, and where."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def noted(decisions: Decisions, folder: Path) -> Noted:
    """Return what machines are to note."""
    return Noted(
        decisions.id, decisions.name, decisions.ca, decisions.serial, operator(),
        str(folder.absolute()), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip


def parse(lines: Sequence[str]) -> Answer:
    """Return what the script printed."""
    rows = [line.partition("\t")[::2] for line in lines]
    values = dict(rows)
    pem = "\n".join(value for name, value in rows if name == "ca")
    said = dict(value.partition(" ")[::2] for name, value in rows if name == "noted")
    versions = {
        component: found.group()
        for program, component in COMPONENTS.items()
        if (found := VERSION.search(values.get(program, "")))
    }
    return Answer(
        held=values.get("held", ""),
        noted=_noted(said) if said else None,
        ledger=values.get("ledger"),
        ca=fingerprint(pem.encode()),
        versions=versions,
    )


def _noted(said: Mapping[str, str]) -> Noted:
    serial = said.get("serial", "")
    return Noted(
        said.get("id", ""), said.get("name", ""), said.get("ca", ""),
        int(serial) if serial.isdigit() else 0,
        said.get("operator", ""), said.get("folder", ""), said.get("at", ""),
    )  # fmt: skip


def agree(answers: Mapping[str, Answer], name: str, decisions: Decisions | None, ca: str) -> None:
    """Compare what machines note with the folder; `ca` is the folder's, empty without one.

    Raises:
        RefusedError: a machine is of another cluster, or knows of later decisions.
    """
    for machine, answer in answers.items():
        if answer.noted:
            _compare(machine, answer.noted, decisions)
        elif answer.ca and answer.ca != ca:
            owner = text("of a cluster {name} with another CA (SHA-256 {digest}…)",
                         name=answer.ledger, digest=answer.ca[:16])  # fmt: skip
            folder = text("that cluster's folder")
            raise _refused(machine, owner, answer.ledger or name, folder)


def _compare(machine: str, there: Noted, decisions: Decisions | None) -> None:
    place = text("{folder} on {operator}, used last at {at}", folder=there.folder,
                 operator=there.operator, at=there.at)  # fmt: skip
    if decisions is None or there.id != decisions.id:
        owner = text("of the cluster {id}, and {folder}", id=there.id, folder=_folder(decisions))
        folder = text("the folder of {id}: {place}", id=there.id, place=place)
        raise _refused(machine, owner, there.name, folder)
    if there.serial > decisions.serial:
        raise RefusedError(
            text("{machine} knows decision {newer} of {id}, this folder is a copy of decision "
                 "{older}: it would undo later decisions", machine=machine, newer=there.serial,
                 id=there.id, older=decisions.serial),
            hint=text("use the newer folder: {place}; or copy it here", place=place),
        )  # fmt: skip


def _folder(decisions: Decisions | None) -> Text:
    if decisions is None:
        return text("this folder has no cluster yet")
    if not decisions.id:
        return text("this folder's cluster is older than ids")
    return text("this folder is that of {id}", id=decisions.id)


def _refused(machine: str, owner: str, name: str, folder: str) -> RefusedError:
    return RefusedError(
        text("{machine} is {owner}; nothing was changed.\nIts keys are in {folder}",
             machine=machine, owner=owner, folder=folder),
        hint=text(LOST, name=name),
    )  # fmt: skip


def require_owner(answers: Mapping[str, Answer], name: str, id_: str) -> None:
    """Look whether machines are a cluster's own, by its id; where that is empty, by its name.

    Raises:
        RefusedError: a machine is another cluster's.
    """
    owners = {
        machine: (answer.noted.name, answer.noted.id) if answer.noted else (answer.ledger, id_)
        for machine, answer in answers.items()
    }
    others = [
        text("{machine} is of {owner}", machine=machine, owner=owner_id or owner)
        for machine, (owner, owner_id) in owners.items()
        if owner not in {None, name} or (id_ and owner_id != id_)
    ]
    if others:
        raise RefusedError(
            text("not machines of the cluster {name}: {others}", name=id_ or name,
                 others=joined(", ", others)),
            hint="run it with the hardway.yaml and the folder of that cluster",
        )  # fmt: skip


async def claims(fleet: Fleet) -> dict[str, Answer]:
    """Return what each machine of a fleet says about its cluster; changes nothing."""

    async def one(transport: Transport) -> Answer:
        said = await run_checked(transport, ["sh", "-c", ASK, "sh", *PLACES], timeout_s=ANSWERS_S)
        return parse(said.splitlines())

    answers = await on_each(one(transport) for transport in fleet.values())
    return dict(zip(fleet, answers, strict=True))


@asynccontextmanager
async def held(fleet: Fleet) -> AsyncIterator[dict[str, Answer]]:
    """Lock the machines of a fleet meanwhile; yield what each says about its cluster.

    Raises:
        RefusedError: somebody else is at work on a machine.
    """
    holder = f"{operator()} (process {os.getpid()}, since {datetime.now(UTC):%H:%M:%S} UTC)"
    async with AsyncExitStack() as stack:
        argv = ["sh", "-c", ASK, "sh", *PLACES, holder]

        async def take(transport: Transport) -> tuple[Process, Answer]:
            process = await stack.enter_async_context(transport.process(argv))
            return process, await _answer(transport.machine, process)

        taken = await on_each(take(transport) for transport in fleet.values())
        answers = dict(zip(fleet, (answer for _, answer in taken), strict=True))
        for machine, answer in answers.items():
            if answer.held:
                raise RefusedError(
                    text("{machine}: another hardway is at work on it: {holder}", machine=machine,
                         holder=answer.held),
                    hint="wait for it to end, then run this again",
                )  # fmt: skip
        beat = asyncio.create_task(_beat([p for p, _ in taken]))  # noqa: RUF006 - the stack has it
        stack.callback(beat.cancel)
        yield answers


async def _answer(machine: str, process: Process) -> Answer:
    lines = []
    async with asyncio.timeout(ANSWERS_S):
        while (line := (await process.readline()).decode(errors="replace").rstrip("\n")) != "end\t":
            if not line:
                raise ConnectError("hardway could not take its lock", where=machine,
                                   hint=text("hardway ssh {machine}", machine=machine))  # fmt: skip
            lines.append(line)
    return parse(lines)


async def _beat(processes: Sequence[Process]) -> None:
    while True:
        await asyncio.sleep(BEAT_S)
        for process in processes:
            await process.write(b".")


async def note(fleet: Fleet, answers: Mapping[str, Answer], wanted: Noted) -> None:
    """Let machines note their cluster, where they note something else."""

    async def one(transport: Transport) -> None:
        script = 'mkdir -p "${1%/*}"; cat >"$1.new"; chmod 644 "$1.new"; mv -fT "$1.new" "$1"'
        argv = ["sh", "-c", f"set -eu; {script}", "sh", IDENTITY]
        await run_checked(transport, argv, stdin=wanted.text.encode())

    def same(answer: Answer | None) -> bool:
        there = answer.noted if answer else None
        return there is not None and replace(there, at=wanted.at) == wanted

    await on_each(one(t) for name, t in fleet.items() if not same(answers.get(name)))
