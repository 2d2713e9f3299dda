"""What the audit asks on machines, asked of processes and files of this host."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardway.audit import RULES
from hardway.audit.api_server import anonymous_paths, file, writing_providers
from hardway.audit.evidence import Entries, Files, Flags
from hardway.model.checks import CONTROL_PLANES, Sh

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


def test_a_machine_is_asked_few_questions() -> None:
    asks = {rule.evidence.ask for rule in RULES if rule.evidence}
    assert len(asks) < 35
