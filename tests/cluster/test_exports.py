"""A cluster that an exported script builds on fresh machines, judged by hardway's own checks."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.cluster.conftest import ROOT, Hardway, spec
from tests.cluster.follower import Follower, blocks
from tests.inventories import inventory

from hardway.model.cluster import Machine
from hardway.model.resources import IDENTITY, LEDGER
from hardway.project import Project, open_project
from hardway.render.systemd import UNITS

MACHINES = """import asyncio
from pathlib import Path
from hardway.project import open_project

project = open_project(Path("hardway.yaml"), None)
provider, cluster = project.provider, project.cluster

async def boot():
    await provider.ensure(cluster, lambda machine, text: None)
    async with provider.connect(cluster) as fleet:
        assert set(fleet) == {machine.name for machine in cluster.machines}, fleet.refused

asyncio.run(boot())
"""
"""Makes and boots a cluster's machines, waits until they answer, and changes nothing on them."""


def bare(small: Hardway) -> Project:
    """Make the machines; return their project."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", MACHINES], cwd=small.folder, env=environment, check=True)
    return open_project(small.folder / "hardway.yaml", None)


NOTE = f"""mkdir -p {LEDGER}
find {UNITS} -maxdepth 1 -type f -printf 'absent - - %p\\n' >{LEDGER}/paths"""
"""By what hardway put on a machine its checks know which units they are to look at."""


def on(there: Project, machine: Machine, script: str) -> None:
    subprocess.run(there.provider.ssh_command(machine, [script]), check=True)


def build(small: Hardway) -> subprocess.CompletedProcess[str]:
    """Run the exported script without anything of hardway's on the way."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(small.folder)}
    return subprocess.run(["sh", str(small.folder / "way/build.sh")], env=environment, text=True,
                          capture_output=True, check=False, timeout=900)  # fmt: skip


def holds(small: Hardway, there: Project) -> None:
    """Compare it by meaning; then let hardway ask all that it asks of a cluster of its own."""
    kubeconfigs = there.workspace.admin_kubeconfig.parent
    kubeconfigs.mkdir(mode=0o700)
    for file in (small.folder / "way/keys").glob("*.kubeconfig"):
        (kubeconfigs / file.name).write_bytes(file.read_bytes())
    said = small.json("verify", "--inventory", str(inventory(there, "hardway")))
    assert {entry["severity"] for entry in said["entries"]} == {"same"}

    for machine in there.cluster.machines:
        on(there, machine, NOTE)
    findings = small.findings()
    assert {f["verdict"] for f in findings} == {"holds"}
    assert {f["step"] for f in findings} >= {"workers", "dns", "smoke-test"}


@pytest.mark.parametrize("many", [1, pytest.param(3, marks=pytest.mark.nightly)])
def test_shell_builds_a_cluster_on_fresh_machines_and_leaves_others_alone(
    small: Hardway, many: int
) -> None:
    (small.folder / "hardway.yaml").write_text(spec("small", 5, many, many))
    small("export", "--format", "shell", "--output", "way")
    there = bare(small)
    done = build(small)
    assert done.returncode == 0, done.stderr
    assert "NOT OK" not in done.stderr

    holds(small, there)

    worker = there.cluster.workers[-1]
    on(there, worker, f"echo id x-1 >{IDENTITY}")
    refused = build(small)
    assert refused.returncode == 1
    assert f"{worker.name} is a machine of a cluster that hardway made" in refused.stderr
    assert "1. Machines" not in refused.stderr


@pytest.mark.nightly
def test_who_follows_the_guide_to_the_letter_has_a_cluster(small: Hardway) -> None:
    small("export", "--format", "guide", "--output", "way")
    there = bare(small)
    with TemporaryDirectory(dir="/tmp", prefix="guide-") as sockets:
        follower = Follower(small.folder / "way", Path(sockets), there.cluster)
        for block in blocks((small.folder / "way/guide.md").read_text()):
            follower.follow(block)
    holds(small, there)
