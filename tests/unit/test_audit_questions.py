"""What the audit asks on machines, asked of processes and files of this host."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from tests.audit.rendered import answered
from tests.fakes.answers import Answering
from tests.views import atlas

from hardway.audit import RULES
from hardway.audit.api_server import anonymous_paths, file, writing_providers
from hardway.audit.evidence import Entries, Files, Flags
from hardway.audit.results import planned
from hardway.checks.live import Live
from hardway.engine.render import merged
from hardway.model.checks import CONTROL_PLANES, Sh
from hardway.model.resources import Desired, Verdict
from hardway.operations.audit import judged
from hardway.tools.kubectl import Kubectl

BY_ID = {rule.id: rule for rule in RULES}


def wanted(machine: str) -> Desired:
    return merged(atlas("3+3").rendered[machine].values())


def plain(question: str) -> str:
    """Return a question without the quotes that shells take away."""
    return re.sub(r"[\s'\"]", "", question)


SLEEPS = "import time; print('runs', flush=True); time.sleep(60)"


@contextmanager
def unit(folder: Path, *flags: str) -> Iterator[Path]:
    """Yield a folder with a `systemctl` by which every unit's process is one with these flags."""
    argv = [sys.executable, "-c", SLEEPS, *flags]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        (folder / "systemctl").write_text(f"#!/bin/sh\necho {process.pid if flags else 0}\n")
        (folder / "systemctl").chmod(0o755)
        yield folder
        process.kill()


def asked(question: object, path: Path) -> subprocess.CompletedProcess[str]:
    assert isinstance(question, Sh)
    env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-c", question.text], env=env, capture_output=True, text=True, check=False
    )


def test_flags_are_those_of_the_process(tmp_path: Path) -> None:
    evidence = Flags("it.service", ("--a", "--b", "--d"), CONTROL_PLANES)
    with unit(tmp_path, "--a=1", "--b", "2", "--a=3") as path:
        said = evidence.said(asked(evidence.ask, path).stdout)
    assert said == {"--a": ("1", "3"), "--b": ("2",), "--d": ()}


def test_a_unit_without_a_process_says_so(tmp_path: Path) -> None:
    with unit(tmp_path) as path:
        done = asked(Flags("it.service", ("--a",), CONTROL_PLANES).ask, path)
    assert (done.returncode, done.stdout) == (1, "it.service does not run\n")


@pytest.mark.parametrize("apart", [False, True])
def test_a_file_is_read_where_the_process_has_it(tmp_path: Path, apart: bool) -> None:
    told = tmp_path / "elsewhere.yaml"
    told.write_text("anonymous:\n  enabled: true\n")
    evidence = Entries(file("/never", "clients"), ("anonymous",), anonymous_paths)
    flags = ("--clients", str(told)) if apart else (f"--clients={told}",)
    with unit(tmp_path, *flags) as path:
        assert evidence.said(asked(evidence.ask, path).stdout) == {"anonymous": ("*",)}


def test_a_process_that_is_told_of_no_file_has_the_default(tmp_path: Path) -> None:
    evidence = Entries(file("/never", "clients"), ("anonymous",), anonymous_paths)
    with unit(tmp_path, "--other-clients=/etc/hostname") as path:
        done = asked(evidence.ask, path)
    assert (done.returncode, evidence.said(done.stdout)) == (0, {"anonymous": ("*",)})


def test_no_key_is_printed(tmp_path: Path) -> None:
    told = tmp_path / "encryption.yaml"
    told.write_text(
        "resources:\n- resources: [secrets]\n  providers:\n"
        "  - secretbox:\n      keys:\n      - name: key-1\n        secret: c2VjcmV0\n"
    )
    evidence = Entries(file("/never", "config", hide="secret"), ("resources",), writing_providers)
    with unit(tmp_path, f"--config={told}") as path:
        said = asked(evidence.ask, path).stdout
    assert "c2VjcmV0" not in said
    assert evidence.said(said) == {"resources": ("secretbox",)}


def test_modes_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a b.key").write_text("")
    (tmp_path / "a b.key").chmod(0o640)
    (tmp_path / "a.crt").write_text("")
    below = Files((str(tmp_path),), CONTROL_PLANES, below="*.key")
    assert below.said(asked(below.ask, tmp_path).stdout) == {f"{tmp_path}/a b.key": ("640",)}
    missing = Files((f"{tmp_path}/gone",), CONTROL_PLANES)
    done = asked(missing.ask, tmp_path)
    assert (done.returncode, missing.said(done.stdout)) == (0, {f"{tmp_path}/gone": ()})


BY_QUESTION = {plain(rule.evidence.ask.text): rule for rule in RULES
               if rule.evidence and isinstance(rule.evidence.ask, Sh)}  # fmt: skip


class Api:
    """kubectl, of a cluster with what is rendered and nothing else."""

    async def run(self, *words: str, timeout_s: float = 0) -> str:
        if "--raw" not in words:
            return json.dumps({"items": []})
        (node,) = re.findall("nodes/([^/]+)/", words[-1])
        return answered(BY_ID["4.2.1"], wanted(node))


def machine(name: str) -> Answering:
    return Answering(name, lambda asked: answered(BY_QUESTION[plain(asked)], wanted(name)))


def cluster(*without: str) -> Live:
    fleet = {
        m.name: machine(m.name) for m in atlas("3+3").cluster.machines if m.name not in without
    }
    api = cast(Kubectl, Api())
    return Live(atlas("3+3").cluster, fleet, api, api)


def test_what_runs_as_it_was_rendered_is_judged_like_the_plan_in_one_round_trip() -> None:
    live = cluster()
    found = asyncio.run(judged(live))
    ours = {result.rule.id: result.outcome for result in planned(atlas("3+3"))}
    seen = {result.rule.id: result.outcome for result in found}
    # No pod of CoreDNS is there.
    assert {id_ for id_, outcome in seen.items() if outcome != ours[id_]} == {"5.2.7", "5.3.2"}
    assert {cast(Answering, machine).round_trips for machine in live.fleet.values()} == {1}


def test_a_silent_machine_makes_its_own_rules_unknown_and_no_others() -> None:
    found = asyncio.run(judged(cluster("controller-2")))
    unknown = {f.machine for r in found for f in r.findings if f.verdict is Verdict.UNKNOWN}
    assert unknown == {"controller-2"}
    assert {r.outcome for r in found if r.rule.section == "1.2"} == {"unknown", "declined"}
    assert {r.outcome for r in found if r.rule.section == "4.3"} == {"holds"}
