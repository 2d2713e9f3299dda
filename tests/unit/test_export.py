"""The way to a cluster without hardway: complete, without secrets, and a shell can read it.

`HARDWAY_GOLDEN=write pytest tests/unit/test_export.py` writes tests/exported anew; read the diff.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from tests import support

from hardway.engine.kinds.path import by_hand as rights
from hardway.engine.render import manifests, merged, render
from hardway.export import guide, made, shell
from hardway.export.book import book
from hardway.export.model import Book, Login
from hardway.export.tree import Entry
from hardway.model.checks import HOLE, Occasion
from hardway.model.objects import identity
from hardway.model.resources import BLOCK_BEGIN, IDENTITY, Severity
from hardway.pki.inspect import due, flaw
from hardway.pki.inventory import expand
from hardway.pki.values import Pair
from hardway.steps.base import Given
from hardway.steps.index import STEPS

EXPORTED = Path(__file__).parents[1] / "exported"
DIFFERENT = ("3+3", "1+1", "own-hosts", "endpoint-proxy")
"""Topologies whose guides have chapters that the others do not have."""


def given(name: str) -> Given:
    return replace(support.given_topology(name), secrets=made.secrets(support.topology(name)))


@cache
def whole(name: str) -> Book:
    of = support.topology(name)
    logins = [Login(machine=m.name, argv=("ssh", f"root@{m.address}")) for m in of.machines]
    return book(given(name), logins, "/cache")


@cache
def guided(name: str) -> str:
    return guide.tree(whole(name), str)["guide.md"].content.decode()


def blocks(text: str) -> list[tuple[str, str]]:
    """Return language and content of each block of code."""
    return re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text)


@cache
def exported(name: str) -> Mapping[str, Entry]:
    return shell.tree(whole(name))


def outline(of: Book) -> str:
    """Return what is done on which machines, and what is looked at."""
    lines = []
    for chapter in of.chapters:
        lines += [f"# {chapter.number}. {chapter.title}"]
        lines += [f"{t.title}: {', '.join(t.machines) or 'this host'}" for t in chapter.tasks]
        lines += [f"  holds now: {p.check} of {', '.join(p.subjects)}" for p in chapter.carried]
        lines += [f"  object {identity(o)}" for o in chapter.objects]
        lines += [f"  patch {identity(o)}" for o in chapter.patches]
        lines += [f"  proof {p.check} of {', '.join(p.subjects)}" for p in chapter.proofs]
    return "\n".join([*lines, ""])


SHOWN = ("build.sh", "lib.sh", "steps/06-etcd.sh")
"""Scripts that are kept whole; outlines say what the others do."""


def golden() -> dict[str, str]:
    tree = exported("1+1")
    outlines = {f"outline-{name}.txt": outline(whole(name)) for name in ("1+1", "3+3")}
    return {f"shell-1+1/{path}": tree[path].content.decode() for path in SHOWN} | outlines


def test_golden() -> None:
    made_now = golden()
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        shutil.rmtree(EXPORTED, ignore_errors=True)
        for path, text in made_now.items():
            (EXPORTED / path).parent.mkdir(parents=True, exist_ok=True)
            (EXPORTED / path).write_text(text)
    kept = {str(p.relative_to(EXPORTED)): p.read_text() for p in EXPORTED.rglob("*")
            if p.is_file()}  # fmt: skip
    assert sorted(made_now) == sorted(kept)
    for path, text in made_now.items():
        assert text == kept[path], path


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_all_that_is_rendered_is_put_started_and_looked_at(name: str) -> None:
    tree = exported(name)
    steps = "".join(e.content.decode() for path, e in tree.items() if path.startswith("steps/"))
    for machine, by_step in render(STEPS, given(name)).items():
        wanted = merged(by_step.values())
        for file in wanted.files:
            assert f"files/{machine}{file.path}" in tree
            assert f"{rights(file)} .{file.path} {file.path}\n" in steps
        for folder in wanted.folders:
            assert f"{rights(folder)} {folder.path}\n" in steps
        for blob in wanted.blobs:
            assert f"{blob.sha256} {Path(blob.stored).name} {blob.path[1:]}\n" in steps
            assert f" $store/{Path(blob.stored).name} {blob.path}\n" in steps
        for unit in wanted.units:
            assert f"systemctl restart --no-block {unit.name}\n" in steps
        for effect in (effect for effect in wanted.effects if effect.fix):
            assert f"{shlex.quote(effect.name)} " in steps
            assert f"\n{effect.see.strip()}\n" in steps
        assert all(package.name in steps for package in wanted.packages)
        assert all(f"{BLOCK_BEGIN}\n{block.text}" in steps for block in wanted.blocks)
    for step, own in manifests(STEPS, given(name)).items():
        (path,) = [p for p in tree if p.startswith("objects/") and p.endswith(f"-{step}.yaml")]
        objects = tree[path].content.decode()
        assert all(f"kind: {o['kind']}\n" in objects for o in own)
        assert all(f"name: {o['metadata']['name']}\n" in objects for o in own)
        assert f'apply "$HERE/{path}"' in steps


def test_all_of_the_smoke_test_is_looked_at() -> None:
    proofs = {
        (p.check, name) for c in whole("3+3").chapters for p in c.proofs for name in p.subjects
    }
    trials = [step.trial for step in STEPS if step.trial]
    on_nodes = {(row.name, m.name) for trial in trials for row in trial.on_nodes
                for m in support.topology("3+3").workers}  # fmt: skip
    assert on_nodes
    assert on_nodes - proofs == set()
    assert {row.name for trial in trials for row in trial.once} <= {name for name, _ in proofs}


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_the_guide_shows_each_file_and_command_once_for_each_kind_of_machine(name: str) -> None:
    text, book_ = guided(name), whole(name)
    for chapter in book_.chapters:
        assert f"## {chapter.number}. {chapter.title}\n" in text
        for task in chapter.tasks:
            assert "\n".join(task.commands) in text
            for put in task.puts[task.machines[0]] if task.machines else ():
                shown = put.content.copy or put.content.text.decode().rstrip()
                assert shown.replace(task.machines[0], "<machine>") in text or shown in text
        for proof in (*chapter.carried, *chapter.proofs):
            assert proof.script.rstrip() in text
            assert proof.expected in text
        for manifest in chapter.objects:
            assert f"name: {manifest['metadata']['name']}\n" in text


@pytest.mark.parametrize("name", support.others_thorough(DIFFERENT))
def test_the_guide_can_be_followed(name: str) -> None:
    text = guided(name)
    assert text.count("\n```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")
    assert "@made:" not in text
    assert "HARDWAY_DIGEST" not in text
    for anchor in re.findall(r"\]\(#([\w-]+)\)", text):
        assert f'<a id="{anchor}"></a>' in text
    for language, code in blocks(text):
        if language == "sh":
            done = subprocess.run(["sh", "-n"], input=code, text=True, capture_output=True,
                                  check=False)  # fmt: skip
            assert done.stderr == "", code


def test_what_machines_have_of_their_own_is_said_once() -> None:
    text = guided("3+3")
    assert text.count("--name=controller-0") == 1
    assert "--name=controller-1" not in text
    assert "The other machines have their own address and name in it." in text


def test_the_guide_is_in_the_readers_language() -> None:
    said = guide.tree(whole("1+1"), lambda text: f"«{text}»")["guide.md"].content.decode()
    prose = re.sub(r"(?ms)^```.*?^```$", "", said)
    for chapter in whole("1+1").chapters:
        assert f"«{chapter.title}»" in prose
    headings = [line for line in prose.splitlines() if line.startswith("#")]
    assert all("«" in line for line in headings), headings


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_links_lead_to_what_the_reader_makes_or_brings(name: str) -> None:
    tree = exported(name)
    steps = "".join(e.content.decode() for path, e in tree.items() if path.startswith("steps/"))
    for path, entry in tree.items():
        if entry.link:
            target = os.path.normpath(Path(path).parent / entry.link)
            top, _, rest = target.partition("/")
            if top == "components":
                assert f"{rest.replace('/', ' ')} " in steps
            elif rest.startswith("filled/"):
                assert f"templates/{rest.removeprefix('filled/')}" in tree
            else:
                assert top == "keys"
                assert rest.endswith("ca.crt") or f" {Path(rest).with_suffix('')}" in steps


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_nothing_is_secret_and_nothing_is_left_open(name: str) -> None:
    for path, entry in exported(name).items():
        text = entry.content.decode()
        assert "PRIVATE KEY" not in text
        assert "@made:" not in text, path
        assert "HARDWAY_DIGEST" not in text, path
        assert not HOLE.search(text) or path.startswith("lib/"), path


def test_each_check_that_fails_a_command_is_looked_at() -> None:
    looked_at = {p.check for c in whole("3+3").chapters for p in (*c.carried, *c.proofs)}
    looked_at |= {p.check for c in whole("endpoint-proxy").chapters for p in c.proofs}
    needing = {
        check.name
        for step in STEPS
        for check in step.checks
        if check.severity is Severity.FAIL and check.when is not Occasion.ASKED
    } - looked_at
    assert needing == {
        # Looked at as effects.
        "kernel-settings", "pod-bridge", "pod-masquerade", "pod-routes", "service-rules",
    }  # fmt: skip


def test_machines_with_an_identity_are_refused_before_anything_is_sent() -> None:
    tree = exported("1+1")
    assert f"IDENTITY={IDENTITY}\n" in tree["lib.sh"].content.decode()
    build = tree["build.sh"].content.decode()
    assert build.index("require_free controller-0 worker-0") < build.index("steps/01")


@pytest.mark.parametrize("name", support.others_thorough(DIFFERENT))
def test_shell_is_one(name: str, tmp_path: Path) -> None:
    scripts = []
    for path, entry in exported(name).items():
        if path.endswith(".sh") and not path.startswith("files/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(entry.content)
            scripts.append(path)
    for script in scripts:
        subprocess.run(["sh", "-n", script], cwd=tmp_path, check=True)
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", *scripts], cwd=tmp_path, text=True, check=False,
                              capture_output=True)  # fmt: skip
        assert done.stdout == ""


@pytest.mark.thorough  # openssl makes every key and certificate of a cluster
def test_openssl_makes_what_rows_ask_for(tmp_path: Path) -> None:
    """With the functions of the export itself; read back by hardway's own eyes."""
    of = support.topology("1+1")
    (keys_task,) = [t for c in whole("1+1").chapters for t in c.tasks if t.name == "keys"]
    script = "\n".join(["set -eu", f"KEYS={tmp_path}", shell.library("keys"), *keys_task.commands])
    subprocess.run(["sh", "-c", script], check=True, capture_output=True)
    digests = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert {str(p.relative_to(tmp_path)) for p in digests} == set(made.names(of))
    subprocess.run(["sh", "-c", script], check=True, capture_output=True)
    assert digests == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for path in tmp_path.rglob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    for wanted in expand(of):
        made_now = Pair(*((tmp_path / f"{wanted.stem}.{s}").read_bytes() for s in ("crt", "key")))
        ca = (tmp_path / wanted.row.ca / "ca.crt").read_bytes()
        assert flaw(made_now, wanted, ca) == ""
        assert due(made_now.certificate, datetime.now(UTC)) == ""


@pytest.mark.parametrize(
    ("printed", "holds"),
    [("'401 \\n'", True), ("' 401\\n\\n'", True), ("'000 Connection refused\\n'", False)],
)
def test_a_proof_judges_the_last_line_as_verify_does(printed: str, holds: bool) -> None:
    script = f"{shell.library('proofs')}\nwhere=here script={shlex.quote(f'printf {printed}')}"
    done = subprocess.run(["sh", "-c", f"{script}\nsays 401"], check=False, capture_output=True)
    assert (done.returncode == 0) is holds
