"""Clusters that hardway did not make, on machines that it did: by kubeadm, and as the tutorial."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import yaml
from bench import kubeadm as by_kubeadm

from hardway import components
from hardway.operations.inventory import ask
from hardway.pki import store
from hardway.project import Project, open_project
from hardway.providers.local import rootfs
from hardway.spec.load import load_inventory
from hardway.steps.base import Given

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
