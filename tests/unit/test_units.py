"""systemd reads every unit we write, without a word of complaint."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests import support

from hardway.model.resources import File
from hardway.model.rows import Setting
from hardway.render.systemd import Service, escape, service, word

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze (package systemd)"
)


def complaints(units: dict[str, str], folder: Path) -> str:
    """Return what `systemd-analyze verify` says; commands are made to exist."""
    for name, text in units.items():
        runnable = re.sub(r"^(Exec\w+=-?)/\S+", r"\1/bin/true", text, flags=re.MULTILINE)
        (folder / name).write_text(runnable)
    argv = ["systemd-analyze", "verify", "--man=no", *(str(folder / name) for name in units)]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False,
        env={"SYSTEMD_UNIT_PATH": f"{folder}:/usr/lib/systemd/system", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if str(folder) in line or ".service" in line]
    return "\n".join(ours)


def units_of(machine: str) -> dict[str, str]:
    files = support.wanted("3+3")[machine].files
    return {Path(f.path).name: f.content.decode() for f in files if f.path.endswith(".service")}


@pytest.mark.parametrize("machine", ["controller-0", "worker-0"])
def test_units(machine: str, tmp_path: Path) -> None:
    units = units_of(machine)
    assert len(units) >= 6
    assert complaints(units, tmp_path) == ""


@pytest.mark.parametrize("line", ["Frobnicate=yes", "MemoryMax=much", "ExecStart=relative/path"])
def test_a_wrong_line_is_seen(line: str, tmp_path: Path) -> None:
    units = units_of("controller-0")
    units["etcd.service"] = units["etcd.service"].replace("[Service]\n", f"[Service]\n{line}\n")
    assert complaints(units, tmp_path)


def test_no_service_but_containerd_goes_by_a_proxy_of_its_host() -> None:
    """Empty is none to Go and curl, and a drop-in can still name one."""
    every = units_of("controller-0") | units_of("worker-0")
    direct = {name for name, text in every.items() if " https_proxy= " in text}
    # The latter asks one service of its own machine, past any proxy.
    assert every.keys() - direct == {"containerd.service", "hardway-network.service"}


def test_one_flag_a_line_under_its_reason() -> None:
    text = units_of("controller-0")["kube-apiserver.service"]
    flags = [line.strip() for line in text.splitlines() if line.strip().startswith("--")]
    assert len(flags) > 30
    assert all(flag.count("--") == 1 for flag in flags)


def test_what_systemd_expands_is_escaped() -> None:
    assert escape("100%") == "100%%"
    assert word("100% of $HOME") == '"100%% of $$HOME"'


PLAIN = Service(
    name="a.service",
    description="A",
    why="Does a.",
    command="/bin/a",
    flags=(Setting("--b", "1", "Because."),),
    unit=(Setting("Documentation", "https://example.com/", ""),),
    reads=("/etc/a",),
)
READ = File(path="/etc/a", content=b"# why\nb: 1\n", why="")


def digest(spec: Service = PLAIN, read: File = READ) -> str:
    return service(spec, {read.path: read})[1].digest


def test_another_sentence_is_no_other_digest() -> None:
    assert digest(replace(PLAIN, description="What a is")) == digest()
    assert digest(replace(PLAIN, why="Does all that a does.")) == digest()
    assert digest(replace(PLAIN, flags=(Setting("--b", "1", "Since " * 50),))) == digest()
    assert digest(replace(PLAIN, unit=())) == digest()
    assert digest(read=replace(READ, content=b"b: 1\n")) == digest()


def test_another_value_is_another_digest() -> None:
    assert digest(replace(PLAIN, flags=(Setting("--b", "2", "Because."),))) != digest()
    assert digest(replace(PLAIN, unit=(Setting("After", "b.service", ""),))) != digest()
    assert digest(read=replace(READ, content=b"# why\nb: 2\n")) != digest()
    assert digest(read=replace(READ, mode=0o600)) != digest()


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_no_file_is_empty(name: str) -> None:
    for wanted in support.wanted(name).values():
        for file in wanted.files:
            assert file.content.strip(), file.path
