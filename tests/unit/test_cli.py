"""The command line: help, errors without tracebacks, JSON with the documented names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes import cli

from hardway.cli.build import leads_to
from hardway.model.delta import By, Delta
from hardway.model.resources import Change, Kind, Unit
from hardway.pipeline import Plan

ROOT = Path(__file__).parents[2]


def hardway(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return cli.run(*words, folder=folder, HARDWAY_CACHE=str(folder / "cache"))


def unused(folder: Path) -> None:
    """Write a spec of a cluster that surely does not exist on this host."""
    (folder / "hardway.yaml").write_text("name: never-made\nnetwork: {nodes: 10.251.0.0/24}\n")


@pytest.mark.parametrize(
    "command",
    ["", "init", "preflight", "plan", "up", "down", "status", "verify", "audit", "steps",
     "machine", "ssh", "kubectl", "kubeconfig", "unreadable", "components", "certs", "log"],
)  # fmt: skip
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    done = hardway(*filter(None, [command]), "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: hardway")


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("asyncio", "pydantic", "cryptography", "asyncssh", "rich", "yaml", "hardway.model")
    code = (
        "import sys; sys.argv = ['hardway', '--help']\n"
        "from hardway.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr == "[]\n"


def test_at_its_end_python_looks_for_no_garbage_in_what_is_loaded() -> None:
    code = (
        "import atexit, gc, sys; sys.argv = ['hardway', '--help']\n"
        "atexit.register(lambda: print(len(gc.get_objects()) < gc.get_freeze_count(),"
        " file=sys.stderr))\n"
        "from hardway.cli.app import main\n"
        "main()"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stderr == "True\n"


def test_what_is_loaded_starts_no_program_and_no_providers_that_are_not_asked_for() -> None:
    code = (
        "import sys; started = []\n"
        "sys.addaudithook(lambda e, a: started.append(a) if e == 'subprocess.Popen' else None)\n"
        "from hardway import pipeline\n"
        "print([m for m in ('hardway.providers.aws', 'hardway.bundle') if m in sys.modules])\n"
        "from hardway.transport import ssh\n"
        "print(started)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    said = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert said == "[]\n[]\n"


def test_a_command_that_asks_no_step_loads_none() -> None:
    code = (
        "import sys\n"
        "from hardway.cli import operate\n"
        "from hardway.operations import kubectl\n"
        "print('hardway.project' in sys.modules, 'hardway.steps.index' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    said = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert said == "True False\n"


def test_init_writes_a_spec_and_keeps_one_that_is_there(tmp_path: Path) -> None:
    assert hardway("init", folder=tmp_path).returncode == 0
    (tmp_path / "hardway.yaml").write_text("name: mine\n")
    done = hardway("init", folder=tmp_path)
    assert done.returncode == 10
    assert "hardway init --force" in done.stderr
    assert (tmp_path / "hardway.yaml").read_text() == "name: mine\n"


def test_a_cluster_that_hardway_yaml_alone_leads_to_is_not_removed_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "clusters/mine"
    folder.mkdir(parents=True)
    decided = {"provider": "ssh", "machines": ["a control-plane 10.9.0.10"], "nodes": "10.9.0.0/24",
               "pods": "10.200.0.0/16", "services": "10.32.0.0/24",
               "endpoint": "https://10.9.0.99:6443"}  # fmt: skip
    (folder / "cluster.json").write_text(json.dumps(decided))
    done = hardway("down", "--yes", "--name", "mine", folder=tmp_path)
    assert done.returncode == 10
    assert "mine is of provider ssh" in done.stderr
    assert folder.exists(), "its keys are what its machines are reached by"
    done = hardway("down", "--yes", "--name", "never-made", folder=tmp_path)
    assert done.returncode == 10
    assert "there is no cluster never-made" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["up", "--until", "nowhere"], 10, "there is no step nowhere"),
        (["verify", "nowhere"], 10, "there is no step nowhere"),
        (["ssh", "nobody"], 10, "there is no machine nobody"),
        (["ssh", "worker-0"], 10, "does not run"),
        (["machine", "stop", "nobody"], 10, "there is no machine nobody"),
        (["machine", "stop", "worker-0"], 10, "not made yet: worker-0"),
        (["machine", "start", "worker-0"], 10, "not made yet: worker-0"),
        (["kubectl", "get", "nodes"], 10, "no machine of this cluster runs"),
        (["kubeconfig"], 10, "there is no cluster yet"),
        (["certs"], 8, "is missing"),
        (["verify"], 9, "has no kubectl"),
        (["plan", "--spec", "absent.yaml"], 2, "absent.yaml: No such file"),
        (["down", "--name", "../etc"], 2, "--name:1: name: "),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_errors_say_what_and_what_next(
    words: list[str], code: int, says: str, tmp_path: Path
) -> None:
    unused(tmp_path)
    done = hardway(*words, folder=tmp_path)
    assert says in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert code == 2 or "  try: " in done.stderr


def test_a_broken_spec_is_shown_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "hardway.yaml").write_text("name: X\nfoo: 1\n")
    done = hardway("status", folder=tmp_path)
    assert done.returncode == 2
    assert "hardway.yaml:1: " in done.stderr
    assert "hardway.yaml:2: " in done.stderr


def test_json_before_there_is_anything(tmp_path: Path) -> None:
    unused(tmp_path)
    steps = json.loads(hardway("steps", "-o", "json", folder=tmp_path).stdout)["steps"]
    assert [s["name"] for s in steps][:2] == ["machines", "components"]
    machines = json.loads(hardway("machine", "list", "-o", "json", folder=tmp_path).stdout)
    assert machines["machines"][0] == {
        "name": "controller-0", "role": "control-plane", "address": "10.251.0.10",
        "state": "absent",
    }  # fmt: skip
    assert json.loads(hardway("log", "-o", "json", folder=tmp_path).stdout) == {"events": []}
    assert json.loads(hardway("components", "-o", "json", folder=tmp_path).stdout) == {
        "components": []
    }


def test_nothing_is_left_by_looking(tmp_path: Path) -> None:
    unused(tmp_path)
    for words in (["machine", "list"], ["log"], ["steps"], ["certs"], ["kubeconfig"]):
        hardway(*words, folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["hardway.yaml"]


def test_files_are_made_whatever_the_shells_mask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert hardway("init", folder=tmp_path).returncode == 0
    finally:
        os.umask(before)
    assert (tmp_path / "hardway.yaml").stat().st_mode & 0o777 == 0o644


def test_a_plan_that_up_refuses_leads_nowhere() -> None:
    unit = Unit(name="u.service", path="", digest="", reads=(), why="")
    change = Change(machine="a", step="s", kind=Kind.RESTART, path_or_unit=unit.name, item=unit)
    done, refused = (Delta("kubernetes", "1.37.2", "1.35.4", by, "") for by in (By.UP, By.NOBODY))
    assert leads_to(Plan((), (), {})) == "nothing to change: everything is as it should be"
    assert leads_to(Plan((done,), (change,), {})) == "1 change; make it: hardway up"
    assert leads_to(Plan((done,), (change, change), {})).endswith("make them: hardway up")
    assert leads_to(Plan((done, refused), (change,), {})).startswith("hardway up refuses 1 of")


BREAKS = """
import os, sys
from hardway.cli import app

def breaks(**_):
    {how}

app.cli = breaks
app.main()
"""


@pytest.mark.parametrize(
    ("how", "status"),
    [
        pytest.param("print(os.read(0, 1), flush=True)", 0, id="nobody-reads-on"),
        pytest.param("raise BrokenPipeError", 1, id="of-a-machine"),
    ],
)
def test_a_broken_pipe_ends_it_well_only_where_it_was_our_output(how: str, status: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BREAKS.format(how=how)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        if not status:
            process.stdout.close()
        process.stdin.close()
        said = process.stderr.read()
    assert process.returncode == status, said
