"""Clusters that hardway did not make, on machines that it did: by kubeadm, and as the tutorial."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import yaml
from bench import kubeadm as by_kubeadm

from hardway import components
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired
from hardway.operations.inventory import ask
from hardway.pki import store
from hardway.project import Project, open_project
from hardway.providers.local import rootfs
from hardway.spec.load import load_inventory
from hardway.steps import components as component_files
from hardway.steps import containerd
from hardway.steps.base import Given, services

ROOT = Path(__file__).parents[1]


def _given(at: Project) -> Given:
    """Return what rendering for these machines depends on; nobody has its secrets."""
    here = components.architecture()
    stored = components.lookup(at.components, here, cache=at.cache)
    hosts = asyncio.run(at.provider.facts(at.cluster, {}))
    draft = store.draft(at.workspace.pki, at.cluster, datetime.now(UTC))
    return Given(at.cluster, draft.secrets, {here: stored}, hosts)


def inventory(at: Project, layout: object) -> Path:
    """Write the file that `verify --inventory` takes, and return where."""
    folder = at.workspace.folder
    config = folder / "ssh_config"
    config.write_text(f"Host *\n  UserKnownHostsFile {folder}/ssh/known_hosts\n")
    content = {
        "layout": layout,
        "ssh": {"user": "root", "key": f"{folder}/ssh/operator", "config": str(config)},
        "machines": [
            {"name": m.name, "role": str(m.role), "host": str(m.address)}
            for m in at.cluster.machines
        ],
    }
    path = folder / "inventory.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def record(file: Path, to: Path) -> None:
    """Write down what the machines of an inventory answer, and how they are called."""
    of = load_inventory(file)
    to.mkdir(parents=True, exist_ok=True)
    for name, answer in asyncio.run(ask(of)).items():
        (to / name).write_text(answer.text)


def kubeadm(folder: Path, tree: Path) -> Path:
    """Make a cluster by kubeadm of machines that are up; return its inventory."""
    at = open_project(folder / "hardway.yaml", folder / "clusters")
    of = _given(at)
    (stored,) = of.stored.values()
    made = by_kubeadm.ensure(stored, base=rootfs.base_root(at.cache), cache=at.cache)
    by_kubeadm.write(of, made, tree)
    pairs = [f"{m.name}={m.address}" for m in at.cluster.machines]
    keys, kubectl = at.workspace.folder / "ssh", stored["kubectl"].path
    for step in ("prepare", "up"):
        subprocess.run(
            ["sh", str(ROOT / "bench/kubeadm.sh"), step, str(tree), str(keys), str(kubectl),
             at.cluster.endpoint.host, *pairs],
            check=True,
        )  # fmt: skip
    return inventory(at, "kubeadm")


def tutorial(folder: Path, tree: Path) -> Path:
    """Make a cluster in the tutorial's layout of machines that are up; return its inventory."""
    at = open_project(folder / "hardway.yaml", folder / "clusters")
    of = _given(at)
    controller, worker = at.cluster.machines
    for machine in at.cluster.machines:
        _programs(of, machine, tree / "nodes" / machine.name)
    host = of.hosts[worker.name]
    (stored,) = of.stored.values()
    subprocess.run(
        ["sh", str(ROOT / "tests/tutorial/make.sh"), str(tree), str(at.workspace.folder / "ssh"),
         str(stored["kubectl"].path), str(at.cluster.service_cidr), str(at.cluster.pod_cidr),
         host.cgroup, "capped" if host.capped_oom else "free",
         *(f"{m.name}={m.address}" for m in (controller, worker))],
        check=True,
    )  # fmt: skip
    return inventory(at, "tutorial")


def _programs(of: Given, machine: Machine, top: Path) -> None:
    """Write the links to a machine's programs, and a worker's containerd as hardway has it."""
    desired = component_files.render(of, machine, {})
    links = {blob.path: blob.stored for blob in desired.blobs}
    files = {}
    if machine.role is Role.WORKER:
        host = of.hosts[machine.name]
        config = containerd.config(host)
        known = {blob.path: blob for blob in desired.blobs}
        runtime = services((containerd.service(host),), known, Desired(files=(config,)))
        files = {file.path: file.content for file in runtime.files}
    for path in (*links, *files):
        (top / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    for path, target in links.items():
        (top / path.lstrip("/")).symlink_to(target)
    for path, content in files.items():
        (top / path.lstrip("/")).write_bytes(content)
