"""Whether binaries are the pinned ones: the script itself, on files of a store."""

import fcntl
import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests import support

from hardway.checks.ask import Case
from hardway.checks.run import judgements
from hardway.model.checks import MACHINES, Answer
from hardway.model.resources import Verdict
from hardway.steps import components

CHECK = next(check for check in components.CHECKS if check.name == "components-genuine")
SUBJECT = MACHINES.subjects(support.topology("1+1"))[0]


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    """A folder of links to a store's files: two with the content they were pinned with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("etcd", "etcdctl"):
        digest = hashlib.sha256(name.encode()).hexdigest()
        stored = tmp_path / "store" / digest / name
        stored.parent.mkdir(parents=True)
        stored.write_text(name)
        (folder / name).symlink_to(stored)
    return folder


def asked(folder: Path, *names: str) -> str:
    paths = " ".join(str(folder / name) for name in names)
    script = components.GENUINE.replace("<PATHS>", paths)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


def verdict(answer: str, elsewhere: Mapping[str, str] | None = None) -> tuple[Verdict, str]:
    (found,) = judgements(Case(CHECK, SUBJECT), Answer(answer, elsewhere=elsewhere or {}))
    return found.verdict, found.found


def test_what_was_pinned_is_genuine(bin_: Path) -> None:
    assert verdict(asked(bin_, "etcd", "etcdctl"))[0] is Verdict.HOLDS


@pytest.mark.parametrize("how", ["content", "link", "file", "folder", "gone"])
def test_what_is_not_as_pinned_is_named(bin_: Path, how: str) -> None:
    path = bin_ / "etcdctl"
    match how:
        case "content":
            path.resolve().write_text("another")
        case "link":
            other = bin_.parent / "other"
            other.write_text("etcdctl")
            path.unlink()
            path.symlink_to(other)
        case "file":
            path.unlink()
            path.write_text("etcdctl")
        case "folder":
            path.unlink()
            path.mkdir()
        case "gone":
            path.resolve().unlink()
    wrong, found = verdict(asked(bin_, "etcd", "etcdctl"))
    assert wrong is Verdict.WRONG
    assert found == f"missing or changed: {path}"


def test_what_somebody_else_reads_is_as_that_one_finds_it(bin_: Path) -> None:
    first = asked(bin_, "etcd", "etcdctl")
    with (bin_ / "etcd").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second = asked(bin_, "etcd", "etcdctl")
    assert verdict(second)[0] is Verdict.UNKNOWN
    assert verdict(second, {"controller-0": first})[0] is Verdict.HOLDS
    (bin_ / "etcd").resolve().write_text("another")
    assert verdict(second, {"controller-0": asked(bin_, "etcd")})[0] is Verdict.UNKNOWN
