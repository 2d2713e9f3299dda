"""etcd as far as its members go: who is listed, who has data, who runs, what etcdctl says."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from hardway.engine import members
from hardway.model.cluster import Cluster, Machine
from hardway.model.members import peer_url
from hardway.steps import etcd
from hardway.transport.base import Completed


@dataclass
class Etcd:
    """The members of a cluster's etcd, and what machines answer to commands about them."""

    cluster: Cluster
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `member list` has, by machine."""
    data: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    """Machines that have had data, and do not have it any longer."""
    runs: set[str] = field(default_factory=set)
    joined: dict[str, str] = field(default_factory=dict)
    """What a machine's join.env says."""
    said: str = ""
    """What the machine's check of file systems says, in place of the truth."""
    in_sync_after: int = 1
    unhealthy: int = 0
    """How often etcd lets nobody in, after another one was promoted."""
    log: list[str] = field(default_factory=list)
    stopped: str = ""
    """Whose API server was told to stop."""
    ids: int = 100
    fresh: set[str] = field(default_factory=set)
    """Members that began together, while nobody else had data."""

    def answer(self, machine: str, argv: Sequence[str], stdin: bytes) -> Completed:
        """Run a command on a machine, and return what it says."""
        words = [w for w in argv if not w.startswith("--")]
        if words[0].endswith("etcdctl"):
            asked = [m.name for m in self.cluster.control_planes
                     if f"--endpoints=https://{m.address}:2379" in argv]  # fmt: skip
            return self.etcdctl((asked or [machine])[0], words[1:], argv)
        if words[0] == "cat":
            body = b"all data"
            return Completed(0, body + sha256(body).digest(), b"")
        if argv[-1] == members.DATA:
            held = "data" if machine in self.data else "gone" if machine in self.gone else "none"
            return Completed(0, (self.said or held).encode(), b"")
        if words[:2] == ["systemctl", "stop"]:
            self.stopped = machine
        elif words[:2] == ["systemctl", "disable"]:
            self.runs.discard(machine)
            self.log.append(f"stop {machine}")
        elif etcd.JOIN in argv[-1] and stdin:
            self.joined[machine] = stdin.decode()
            self.start(machine)
        elif argv[-1].startswith(etcd.JOINED):
            self.joined.pop(machine, None)
        return Completed(0, b"", b"")

    @property
    def voters(self) -> set[str]:
        """Those who vote, running or not."""
        return {name for name, row in self.rows.items() if not row.get("isLearner")}

    @property
    def has_quorum(self) -> bool:
        """Whether a majority of them runs."""
        return len(self.voters & self.runs) > len(self.voters) // 2

    def votes(self, machine: str) -> bool:
        """Return what `etcdctl endpoint health` says of the member of a machine."""
        return machine in self.voters & self.runs and self.has_quorum

    def begin(self, machine: Machine) -> None:
        """Start a member by its unit: with the data it has, else as one of a new cluster."""
        if machine.name not in self.data:
            assert self.data <= self.fresh, "it would begin a cluster of its own"
            self.fresh.add(machine.name)
            self.ids += 1
            self.rows[machine.name] = {
                "ID": self.ids, "name": machine.name, "peerURLs": [peer_url(machine)],
                "clientURLs": [f"https://{machine.address}:2379"],
            }  # fmt: skip
            self.data.add(machine.name)
        self.runs.add(machine.name)

    def start(self, machine: str) -> None:
        """Start a member that joins the others."""
        own = self.rows.get(machine)
        assert own is not None
        assert own.get("isLearner"), "without data only as a learner"
        names = [row.get("name") or machine for row in self.rows.values()]
        assert all(f"{name}=https" in self.joined[machine] for name in names)
        own |= {"name": machine, "clientURLs": ["https://x:2379"]}
        self.data.add(machine)
        self.runs.add(machine)
        self.log.append(f"start {machine}")

    def etcdctl(self, machine: str, words: Sequence[str], argv: Sequence[str]) -> Completed:
        """Return what the member of a machine says."""
        if machine not in self.runs or not self.has_quorum:
            return Completed(1, b"", b"context deadline exceeded")
        match list(words[:2]):
            case ["member", "list"]:
                text = json.dumps({"members": list(self.rows.values())})
                return Completed(0, text.encode(), b"")
            case ["member", "remove"]:
                (name,) = [n for n, row in self.rows.items() if f"{row['ID']:x}" == words[2]]
                assert name not in self.runs or self.stopped == name
                self.runs.discard(name)
                del self.rows[name]
                self.log.append(f"remove {name}")
            case ["member", "add"] if self.unhealthy:
                self.unhealthy -= 1
                return Completed(1, b"", b"Error: etcdserver: unhealthy cluster")
            case ["member", "add"]:
                assert "--learner" in argv
                (url,) = [w.partition("=")[2] for w in argv if w.startswith("--peer-urls")]
                self.ids += 1
                self.rows[words[2]] = {"ID": self.ids, "peerURLs": [url], "isLearner": True}
                self.log.append(f"add {words[2]}")
            case ["member", "promote"]:
                self.in_sync_after -= 1
                if self.in_sync_after > 0:
                    return Completed(1, b"", b"can only promote a learner member which is in sync")
                (row,) = [r for r in self.rows.values() if f"{r['ID']:x}" == words[2]]
                del row["isLearner"]
                self.log.append(f"promote {row['name']}")
            case ["snapshot", "save"]:
                self.log.append("snapshot")
        return Completed(0, b"", b"")
