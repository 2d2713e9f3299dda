"""A real cluster on this host, shared by the tests that need one, apart from any of the user's."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hardway.project import open_project
from hardway.steps.network import KUBE_PROXY_TABLE

ROOT = Path(__file__).parents[2]
LACKING = [
    *([] if os.geteuid() == 0 else ["root"]),
    *(tool for tool in ("systemd-nspawn", "mmdebstrap", "nft", "ip") if not shutil.which(tool)),
]


def pytest_configure() -> None:
    # A shell's job in the background ignores Ctrl-C and so would every program started here.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("cluster")
            if LACKING:
                reason = f"boots machines on this host; lacking: {', '.join(LACKING)}"
                item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Hardway:
    """The program, run as users do, for one cluster in a folder of its own."""

    folder: Path
    way_in: Callable[[list[str], Path], list[str]] = lambda argv, _folder: argv
    """Makes an argv one that runs where the operator is."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it without waiting."""
        return subprocess.Popen(
            self.way_in([str(ROOT / "hardway"), *words], self.folder), cwd=self.folder, text=True,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def tries(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever its status."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=1500)
        print(f"$ hardway {' '.join(words)}\n{out}{err}", file=sys.stderr)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def __call__(self, *words: str) -> str:
        """Run it and return what it printed; its status must be 0."""
        done = self.tries(*words)
        assert done.returncode == 0, f"hardway {' '.join(words)}: {done.returncode}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        """Run it and return the JSON it printed."""
        return json.loads(self(*words, "--output", "json"))

    def findings(self, *steps: str) -> list[dict[str, str]]:
        """Return what `verify` finds, whatever its status."""
        said = self.tries("verify", *steps, "--output", "json").stdout
        found: list[dict[str, str]] = json.loads(said)["findings"]
        return found

    def plan(self) -> list[tuple[str, str, str]]:
        """Return what it would change: machine, kind, and path or unit."""
        changes = self.json("plan")["changes"]
        return [(c["machine"], c["kind"], c["path_or_unit"]) for c in changes]

    def on(self, machine: str, script: str) -> str:
        """Run a script on a machine: by what `hardway ssh` becomes, without its start of a second.

        Where the operator is elsewhere, by `hardway ssh` itself.
        """
        if self.environment:
            return self("ssh", machine, "--", script)
        at = open_project(self.folder / "hardway.yaml", self.folder / "clusters")
        argv = at.provider.ssh_command(at.cluster.machine(machine), [script])
        argv = self.way_in(argv, self.folder)
        done = subprocess.run(
            argv, cwd=self.folder, text=True, stdin=subprocess.DEVNULL, capture_output=True,
            check=False,
        )  # fmt: skip
        print(f"{machine}$ {script}\n{done.stdout}{done.stderr}", file=sys.stderr)
        assert done.returncode == 0, f"{machine}: {script}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def until(self, machine: str, condition: str, deadline_s: int = 60) -> None:
        """Wait on a machine until a command succeeds there."""
        loop = shlex.quote(f"until {condition}; do sleep 1; done")
        self.on(machine, f"timeout {deadline_s} sh -c {loop}")

    def worker_is_ready(self, worker: str) -> None:
        """Wait until a worker that starts has a ready Node and, later, kube-proxy's table."""
        self("kubectl", "wait", "--for=condition=Ready", f"node/{worker}", "--timeout=90s")
        self.until(worker, f"nft list table ip {KUBE_PROXY_TABLE} >/dev/null")

    def kill(self, process: subprocess.Popen[str], number: signal.Signals) -> None:
        """Send a signal to a run and wait for its end."""
        process.send_signal(number)
        process.communicate(timeout=60)

    @property
    def journal(self) -> Path:
        """The cluster's journal."""
        (found,) = (self.folder / "clusters").glob("*/journal.jsonl")
        return found

    def changed_since(self, lines: int) -> list[tuple[str, str]]:
        """Return machine and change of the journal's events after its first lines."""
        rows = [json.loads(line) for line in self.journal.read_text().splitlines()[lines:]]
        return [(r["machine"], r["text"]) for r in rows if r["happened"] == "changed"]

    def journal_lines(self) -> int:
        """Return how long the journal is."""
        return len(self.journal.read_text().splitlines())


def host_state() -> dict[str, list[str]]:
    """Return all of this host that a cluster could leave something in."""

    def lines(*argv: str) -> list[str]:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return sorted(done.stdout.splitlines())

    settings = ["net/ipv4/ip_forward", "vm/overcommit_memory", "fs/inotify/max_user_instances"]
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return {
        "links": [line.split(" ")[0] for line in lines("ip", "-brief", "link")],
        "namespaces": lines("ip", "netns"),
        "tables": lines("nft", "list", "tables"),
        "rules": lines("iptables", "--wait", "-S") if shutil.which("iptables") else [],
        "mounts": sorted(m for m in mounts if m.startswith("/var/lib/hardway")),
        "cgroups": sorted(str(p) for p in Path("/sys/fs/cgroup").glob("*/hardway/*")),
        "machines": lines("pgrep", "--list-full", "--runstates", "RSDTt", "systemd-nspawn"),
        "disks": sorted(str(p) for p in Path("/var/lib/hardway").glob("clusters/*")),
        "settings": [Path("/proc/sys", name).read_text() for name in settings],
    }


def spec(name: str, index: int, control_planes: int, workers: int) -> str:
    """Return a hardway.yaml with ranges of its own."""
    return f"""name: {name}
machines: {{controlPlanes: {control_planes}, workers: {workers}}}
network:
  nodes: 10.24{index}.0.0/24
  pods: 10.20{index}.0.0/16
  services: 10.3{index}.0.0/24
"""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hardway]:
    """Three control planes and three workers; removed at the end, which is a test too.

    Or one that is there already and stays: HARDWAY_TEST_CLUSTER=<folder of its hardway.yaml>.
    """
    if there := os.environ.get("HARDWAY_TEST_CLUSTER"):
        yield Hardway(Path(there))
        return
    folder = tmp_path_factory.mktemp("shared")
    (folder / "hardway.yaml").write_text(spec("test", 4, 3, 3))
    hardway = Hardway(folder)
    before = host_state()
    said = hardway("up")
    assert [line.split()[0] for line in said.splitlines()[-3:]] == ["reach", "its", "remove"]
    yield hardway
    hardway("down", "--yes")
    assert host_state() == before


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Hardway]:
    """A spec of one control plane and one worker, beside the shared cluster; nothing made yet."""
    (tmp_path / "hardway.yaml").write_text(spec("small", 5, 1, 1))
    hardway = Hardway(tmp_path)
    before = host_state()
    yield hardway
    hardway("down", "--yes")
    after = host_state()
    assert {k: v for k, v in after.items() if k != "settings"} == {
        k: v for k, v in before.items() if k != "settings"
    }
