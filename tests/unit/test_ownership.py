"""Whose machines are: what they note, who holds their lock. The scripts run on this host."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests import support

from hardway import ownership
from hardway.errors import RefusedError
from hardway.model import decisions as form
from hardway.model.cluster import Cluster
from hardway.model.decisions import Decisions
from hardway.operations import preflight
from hardway.ownership import Answer, Noted, agree, claims, held, note, noted, require_owner
from hardway.project import open_project
from hardway.providers.base import Progress
from hardway.providers.local import cleanup, registry
from hardway.providers.local.provider import LocalProvider
from hardway.providers.ssh import provider as ssh_provider
from hardway.spec.load import parse
from hardway.transport.base import Completed, Fleet
from hardway.workspace import Workspace

CLUSTER = support.topology("1+1")
DECISIONS = form.of(CLUSTER, {}, None, id_="default-1", ca="ab")
NOTED = Noted("default-1", "default", "ab", 1, "me@here", "/here/clusters/default", "long ago")


class Here:
    """A machine whose files are in a folder of this host."""

    def __init__(self, machine: str) -> None:
        self.machine = machine

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        assert isinstance(stdin, bytes)
        done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)

    @contextlib.asynccontextmanager
    async def process(self, argv: Sequence[str]) -> AsyncIterator["Running"]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
        try:
            yield Running(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


class Running:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def readline(self) -> bytes:
        assert self.process.stdout is not None
        return await self.process.stdout.readline()

    async def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    places = ("run/lock", "identity", "before", "ca.crt")
    monkeypatch.setattr(ownership, "PLACES", tuple(str(tmp_path / p) for p in places))
    monkeypatch.setattr(ownership, "IDENTITY", str(tmp_path / "identity"))
    return Here("controller-0")


def test_an_untouched_machine_is_nobodys(machine: Here) -> None:
    answers = asyncio.run(claims({"controller-0": machine}))
    assert answers == {"controller-0": Answer()}
    agree(answers, "default", None, "")
    agree(answers, "default", DECISIONS, "ab")


def test_what_was_noted_is_what_is_read(machine: Here, tmp_path: Path) -> None:
    fleet = {"controller-0": machine}
    wanted = noted(DECISIONS, Path("/a folder/clusters/default"))
    asyncio.run(note(fleet, asyncio.run(claims(fleet)), wanted))
    assert asyncio.run(claims(fleet))["controller-0"].noted == wanted
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o644


def test_nothing_is_written_where_the_same_is_noted(machine: Here, tmp_path: Path) -> None:
    fleet = {"controller-0": machine}
    answers = {"controller-0": Answer(noted=NOTED)}
    asyncio.run(note(fleet, answers, NOTED))
    assert not (tmp_path / "identity").exists()
    asyncio.run(note(fleet, {"controller-0": Answer(noted=None)}, NOTED))
    assert (tmp_path / "identity").exists()


def test_a_cluster_from_before_ids_is_known_by_its_ca(machine: Here, tmp_path: Path) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "/dev/null", "-subj", "/CN=ca"],
        capture_output=True, check=True)  # fmt: skip
    (tmp_path / "ca.crt").write_bytes(made.stdout)
    (tmp_path / "before").mkdir()
    (tmp_path / "before/cluster").write_text("theirs\n")
    answers = asyncio.run(claims({"controller-0": machine}))
    (answer,) = answers.values()
    shown = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
                           input=made.stdout, capture_output=True, check=True)  # fmt: skip
    expected = shown.stdout.decode().partition("=")[2].replace(":", "").strip().lower()
    assert (answer.ledger, answer.ca) == ("theirs", expected)
    agree(answers, "theirs", None, expected)
    with pytest.raises(RefusedError, match="another CA"):
        agree(answers, "theirs", None, "")
    with pytest.raises(RefusedError, match="another CA"):
        agree(answers, "theirs", DECISIONS, "cd")


def refusal(there: Noted, decisions: Decisions | None) -> str:
    with pytest.raises(RefusedError) as caught:
        agree({"worker-0": Answer(noted=there)}, "default", decisions, "ab")
    return f"{caught.value}\n{caught.value.hint}"


def test_a_machine_of_another_cluster_is_refused_with_the_way_to_its_folder() -> None:
    other = Noted("other-9", "other", "cd", 4, "her@laptop", "/home/her/clusters/other", "Monday")
    for decisions in (None, DECISIONS):
        said = refusal(other, decisions)
        assert "worker-0 is of the cluster other-9" in said
        assert "/home/her/clusters/other on her@laptop" in said
        assert "hardway down --name other --host" in said


def test_an_older_copy_of_the_folder_is_refused() -> None:
    newer = Noted("default-1", "default", "ab", 2, "her@laptop", "/home/her/clusters/x", "Monday")
    said = refusal(newer, DECISIONS)
    assert "knows decision 2" in said
    assert "/home/her/clusters/x on her@laptop" in said
    same = Noted("default-1", "default", "ab", 1, "her@laptop", "/elsewhere", "Monday")
    agree({"worker-0": Answer(noted=same)}, "default", DECISIONS, "ab")


def test_a_lost_folder_is_not_replaced_by_new_keys() -> None:
    assert "no command can make them again" in refusal(NOTED, None)


def test_the_second_operator_is_refused_and_the_lock_ends_with_its_holder(machine: Here) -> None:
    fleet = {"controller-0": machine}

    async def both() -> None:
        async with held(fleet) as answers:
            assert answers == {"controller-0": Answer()}
            with pytest.raises(RefusedError, match=r"controller-0: another hardway is at work"):
                async with held(fleet):
                    pass
        async with held(fleet):
            pass

    asyncio.run(both())


def test_a_lock_is_free_soon_after_its_holder_was_killed(machine: Here) -> None:
    fleet = {"controller-0": machine}

    async def killed_then_next() -> None:
        argv = ["sh", "-c", ownership.ASK, "sh", *ownership.PLACES, "somebody"]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"end\t\n"
        assert process.stdin is not None
        process.stdin.close()  # what the kernel does for a holder that was killed
        async with held(fleet):
            pass
        await process.wait()

    asyncio.run(killed_then_next())


@pytest.mark.parametrize(
    ("answer", "id_", "ours"),
    [
        (Answer(), "", True),
        (Answer(), "default-1", True),
        (Answer(noted=NOTED), "default-1", True),
        (Answer(noted=NOTED), "", True),
        (Answer(noted=NOTED), "default-2", False),
        (Answer(ledger="default"), "default-1", True),
        (Answer(ledger="other"), "default-1", False),
        (Answer(ledger="other"), "", False),
    ],
)
def test_only_machines_of_the_cluster_are_taken_back(answer: Answer, id_: str, ours: bool) -> None:
    if ours:
        require_owner({"a": answer}, "default", id_)
    else:
        with pytest.raises(RefusedError, match="not machines of the cluster"):
            require_owner({"a": answer}, "default", id_)


@pytest.mark.parametrize("kept", [None, DECISIONS])
def test_hosts_are_taken_back_from_the_newest_folder_or_by_name_alone(
    kept: Decisions | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(_fleet: Fleet) -> dict[str, Answer]:
        return {"a": Answer(noted=replace(NOTED, serial=2))}

    monkeypatch.setattr(ssh_provider, "claims", asked)
    if kept:
        Workspace(tmp_path).decide(kept)
    ours = ssh_provider.SshProvider(
        parse(support.TWO_HOSTS.replace("KIND", "proxy"), "x").spec, tmp_path, tmp_path
    )
    with pytest.raises(RefusedError) as refused:
        asyncio.run(ours._require_ours("default", {}))
    assert NOTED.folder in f"{refused.value} {refused.value.hint}"
    asyncio.run(replace(ours, named=True)._require_ours("default", {}))
    Workspace(tmp_path).decide(replace(DECISIONS, serial=2))
    asyncio.run(ours._require_ours("default", {}))


def test_preflight_of_another_clusters_machines_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(_fleet: Fleet) -> dict[str, Answer]:
        return {"a": Answer(noted=NOTED)}

    async def fit(_provider: object, _cluster: Cluster) -> None:
        pass

    @contextlib.asynccontextmanager
    async def connected(_provider: object, _cluster: Cluster) -> AsyncIterator[Fleet]:
        yield {}

    monkeypatch.setattr(preflight, "claims", asked)
    monkeypatch.setattr(LocalProvider, "preflight", fit)
    monkeypatch.setattr(LocalProvider, "connect", connected)
    (tmp_path / "hardway.yaml").write_text("")
    project = open_project(tmp_path / "hardway.yaml", tmp_path / "clusters")
    with pytest.raises(RefusedError, match="this folder has no cluster yet; nothing was changed"):
        asyncio.run(preflight.preflight(project))


@pytest.mark.parametrize("where", ["another", "own", "lost"])
def test_machines_of_this_host_are_removed_from_their_own_folder(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []

    async def destroy(name: str, _progress: Progress) -> None:
        removed.append(name)

    theirs = tmp_path / "theirs"
    if where != "lost":
        theirs.mkdir()
    monkeypatch.setattr(cleanup, "destroy", destroy)
    monkeypatch.setattr(registry, "folders", lambda: {"default": theirs})
    folder = theirs if where == "own" else tmp_path / "elsewhere"
    provider = LocalProvider(parse("", "x").spec, folder, tmp_path)
    if where == "another":
        with pytest.raises(RefusedError, match=r"another folder: .*theirs; nothing was changed"):
            asyncio.run(provider.destroy("default", lambda _machine, _text: None))
    else:
        asyncio.run(provider.destroy("default", lambda _machine, _text: None))
    assert removed == ([] if where == "another" else ["default"])
