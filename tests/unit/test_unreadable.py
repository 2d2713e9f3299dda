"""Secrets that no key reads: found and named; hardway's own are removed, others' are not."""

import asyncio
import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests import support
from tests.fakes.answers import answered

from hardway import unreadable
from hardway.checks.live import Live
from hardway.errors import CommandError, RefusedError
from hardway.model.checks import Sh
from hardway.model.resources import Change, File, Kind, Unit
from hardway.report import Event
from hardway.steps import encryption
from hardway.steps.encryption import PREFIX
from hardway.steps.keys_in_use import KEYS_IN_USE, LOADED
from hardway.tools.kubectl import Kubectl
from hardway.transport.base import Completed
from hardway.unreadable import UNIT

CORRUPT = ("Error from server (InternalError): Internal error occurred: StorageError: corrupt "
           "object, Code: 7, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: data from the "
           "storage is not transformable revision=0: output array was not large enough for "
           "encryption")  # fmt: skip
"""As 1.37 says it."""


@dataclass
class Etcd:
    """Revisions of Secrets by namespace and name, and which of them cannot be read."""

    revisions: dict[str, int]
    lost: set[str]
    trials: tuple[str, ...] = ()
    knows_the_option: bool = True
    """As API servers do from 1.37 on."""
    in_use: str = "d1"
    """The digest of the keys that API servers say they use; their file's is d1."""
    asked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Api(Kubectl):
    """kubectl, as it answers beside that etcd."""

    etcd: Etcd = field(default_factory=lambda: Etcd({}, set()))

    async def run(self, *words: str, stdin: bytes = b"", timeout_s: float = 60) -> str:
        del stdin, timeout_s
        self.etcd.asked.append(" ".join(words))
        match words:
            case ("get", "--output=json", _, "namespaces", "--selector=hardway.dev/trial"):
                return json.dumps({"kind": "List", "items": [
                    {"metadata": {"name": name}} for name in self.etcd.trials]})  # fmt: skip
            case ("get", "secrets", "--all-namespaces", *_):
                return self._answer([CORRUPT.format(key=f"{PREFIX}{s}") for s in self.etcd.lost])
            case ("get", "secrets", where, _, *names):
                own = [f"{where.partition('=')[2]}/{name}" for name in names]
                lost = [CORRUPT.format(key=f"/secrets/{s}") for s in own if s in self.etcd.lost]
                return self._answer(lost)
            case ("delete", raw):
                _, _, _, _, namespace, _, name = raw.partition("?")[0].split("/")
                secret = f"{namespace}/{name}"
                if not self.etcd.knows_the_option:
                    return self._answer([CORRUPT.format(key=f"/secrets/{secret}")])
                assert raw.endswith("?ignoreStoreReadErrorWithClusterBreakingPotential=true")
                self.etcd.lost.remove(secret)
                del self.etcd.revisions[secret]
                return ""
        raise AssertionError(words)

    def _answer(self, errors: Sequence[str]) -> str:
        if errors:
            raise CommandError("this host", ["kubectl"], 1, "\n".join(errors))
        return ""


@dataclass(frozen=True)
class Machine:
    """A control plane with etcdctl."""

    machine: str
    etcd: Etcd

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", **_: Any) -> Completed:
        if argv == ["bash", "-s"]:
            return answered(stdin, lambda _: f"d1\n{self.etcd.in_use}")
        self.etcd.asked.append(" ".join(argv))
        if argv[-1] == "txn":
            comparison, _, request, *_ = stdin.decode().split("\n")
            key, revision = (part.split('"')[1] for part in comparison.split(" = "))
            secret = key.removeprefix(PREFIX)
            assert request == f"del {key}"
            if self.etcd.revisions[secret] != int(revision):
                return Completed(0, b"FAILURE\n", b"")
            self.etcd.lost.remove(secret)
            del self.etcd.revisions[secret]
            return Completed(0, b"SUCCESS\n\n1\n", b"")
        rows = [{"key": b64encode(f"{PREFIX}{s}".encode()).decode(), "mod_revision": r}
                for s, r in self.etcd.revisions.items()]  # fmt: skip
        return Completed(0, json.dumps({"kvs": rows}).encode(), b"")


def live(etcd: Etcd, *, silent: str = "") -> Live:
    cluster = support.topology("3+3")
    fleet = {m.name: Machine(m.name, etcd) for m in cluster.machines if m.name != silent}
    api = Api(Path("kubectl"), Path("kubeconfig"), etcd=etcd)
    return Live(cluster, fleet, api, api)


def trouble(*, trials: tuple[str, ...] = ("hardway-smoke-1",), knows: bool = True) -> Etcd:
    """Return an etcd with a lost Secret of a trial, one of somebody's, and good ones."""
    return Etcd(
        {"hardway-smoke-1/probe": 7, "shop/db": 8, "shop/tls": 9, "hardway-smoke-x/mine": 10},
        {"hardway-smoke-1/probe", "shop/db"}, trials, knows,
    )  # fmt: skip


def swept(at: Live, changes: Sequence[Change] = ()) -> tuple[bool, list[str]]:
    said: list[Event] = []
    removed = asyncio.run(unreadable.sweep(at, changes, said.append))
    return removed, [event.text for event in said]


def test_where_all_can_be_read_nothing_more_is_asked() -> None:
    etcd = Etcd({"shop/db": 8}, set())
    assert asyncio.run(unreadable.find(live(etcd))) == []
    assert len(etcd.asked) == 1


def test_those_that_cannot_be_read_are_named_and_told_apart() -> None:
    found = asyncio.run(unreadable.find(live(trouble())))
    assert [(str(s), s.revision, s.own) for s in found] == [
        ("hardway-smoke-1/probe", 7, True), ("shop/db", 8, False),
    ]  # fmt: skip


@pytest.mark.parametrize("knows", [True, False])
def test_hardways_own_are_removed_and_nobody_elses(*, knows: bool) -> None:
    etcd = trouble(knows=knows)
    removed, said = swept(live(etcd))
    assert removed
    assert etcd.lost == {"shop/db"}
    assert set(etcd.revisions) == {"shop/db", "shop/tls", "hardway-smoke-x/mine"}
    assert ["hardway-smoke-1/probe" in said[0], "shop/db" in said[1]] == [True, True]
    assert any(" txn" in words for words in etcd.asked) is not knows


def test_a_name_that_looks_like_a_trial_is_nobodys_word() -> None:
    etcd = trouble(trials=())
    assert swept(live(etcd))[0] is False
    assert etcd.lost == {"hardway-smoke-1/probe", "shop/db"}


def test_what_was_written_again_meanwhile_stays() -> None:
    etcd = trouble(knows=False)
    (own, _) = asyncio.run(unreadable.find(live(etcd)))
    etcd.revisions["hardway-smoke-1/probe"] = 11
    with pytest.raises(RefusedError, match="written again"):
        asyncio.run(unreadable.remove(live(etcd), [own]))
    assert etcd.revisions["hardway-smoke-1/probe"] == 11


def pending(machine: str, kind: Kind, path: str) -> Change:
    if path == UNIT:
        item: Unit | File = Unit(name=path, path=path, digest="", reads=(), why="w")
    else:
        item = File(path=path, content=b"", why="w")
    return Change(machine=machine, step="s", kind=kind, path_or_unit=path, item=item)


@pytest.mark.parametrize(
    "change",
    [pending("controller-2", Kind.RESTART, UNIT), pending("controller-0", Kind.START, UNIT),
     pending("controller-1", Kind.UPDATE, encryption.PATH)],
)  # fmt: skip
def test_nothing_is_lost_while_some_control_plane_runs_with_other_keys(change: Change) -> None:
    etcd = trouble()
    assert swept(live(etcd), [change]) == (False, [])
    assert not etcd.asked


def test_nothing_is_lost_while_a_control_plane_does_not_answer() -> None:
    etcd = trouble()
    assert swept(live(etcd, silent="controller-2")) == (False, [])
    assert not etcd.asked


def test_nothing_is_lost_while_an_api_server_uses_other_keys_than_its_file_has() -> None:
    etcd = trouble()
    etcd.in_use = "d2"
    assert swept(live(etcd)) == (False, [])
    assert not etcd.asked


def test_other_changes_do_not_matter() -> None:
    other = [pending("worker-0", Kind.RESTART, UNIT), pending("controller-0", Kind.ENABLE, UNIT),
             pending("controller-0", Kind.UPDATE, "/etc/hosts")]  # fmt: skip
    assert swept(live(trouble(trials=("hardway-smoke-1",))), other)[0] is True


def test_an_api_out_of_reach_is_no_word_about_secrets() -> None:
    etcd = trouble()

    class Gone(Api):
        async def run(self, *words: str, stdin: bytes = b"", timeout_s: float = 60) -> str:
            raise CommandError("this host", list(words), 1, "dial tcp: connection refused")

    at = live(etcd)
    gone = Gone(Path("kubectl"), Path("kubeconfig"), etcd=etcd)
    assert swept(replace(at, kubectl=gone)) == (False, [])


def test_of_all_metrics_the_digest_alone_is_read(tmp_path: Path) -> None:
    """By the sh and sed of the question itself, with a curl that knows one page."""
    page = f"""# TYPE {LOADED} gauge
{LOADED}{{apiserver_id_hash="sha256:57",hash="sha256:2fd15abc"}} 1
apiserver_authentication_config_controller_last_config_info{{hash="sha256:444437b4"}} 1
"""
    (tmp_path / "metrics").write_text(page)
    for name, text in {
        "curl": f"cat {tmp_path}/metrics",
        "sha256sum": "echo '2fd15abc  file'",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    assert isinstance(KEYS_IN_USE.ask, Sh)
    text = KEYS_IN_USE.ask.text.replace("<", "").replace(">", "")
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True, env=path)
    assert done.stdout.split() == ["2fd15abc", "2fd15abc"]
