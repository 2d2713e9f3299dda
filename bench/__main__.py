"""`make bench`: a cluster of 3 + 3 by hardway, by a bare shell script and by kubeadm, in one run.

Writes docs/performance.md. Every figure is the median of some runs, five without `N=`, each of
which measures all of it; ratios are of the same run.
"""

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.kubeadm import ensure, write
from hardway import components
from hardway.engine.render import manifests, merged, render
from hardway.pki import store
from hardway.project import open_project
from hardway.providers.local import cgroups, names, rootfs
from hardway.providers.local.facts import CGROUPS
from hardway.steps.base import Given
from hardway.steps.index import STEPS
from hardway.tools.kubectl import as_list

ROOT = Path(__file__).parents[1]
SPEC = """name: bench
machines: MACHINES
network:
  nodes: 10.249.0.0/24
  pods: 10.209.0.0/16
  services: 10.39.0.0/24
"""
WHOLE, SMALL = "{controlPlanes: 3, workers: 3}", "{controlPlanes: 1, workers: 1}"
UNITS = f"{names.SLICE}/{names.unit('bench', '*')}"
"""The machines' cgroups on hosts with systemd."""


@dataclass(frozen=True)
class Measured:
    """What a command cost."""

    seconds: float
    cpu_seconds: float
    """Its own, its children's and its machines'; not what else this host does."""
    peak_mib: float
    """The most memory its first process had."""


@dataclass(frozen=True)
class Arguments:
    """What the two scripts beside this module are called with."""

    bare: list[str]
    kubeadm: list[str]


def worked() -> float:
    """Return how many seconds the cores have worked for the machines that are there."""
    hierarchies = cgroups.hierarchies()
    groups = [*cgroups.groups("bench"), *(g for h in hierarchies for g in h.glob(UNITS))]
    v1 = [int((g / "cpuacct.usage").read_text()) / 1e9
          for g in groups if (g / "cpuacct.usage").exists() and "/cpuacct/" in str(g)]  # fmt: skip
    v2 = [int((g / "cpu.stat").read_text().split()[1]) / 1e6
          for g in groups if hierarchies == [CGROUPS]]  # fmt: skip
    return sum(v1) + sum(v2)


def of_children() -> float:
    """Return how many seconds the cores have worked for commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(folder: Path, *argv: str) -> Measured:
    """Run a command that must succeed."""
    began, before, children, peak = time.monotonic(), worked(), of_children(), 0
    machines = before
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=sys.stderr) as run:
        while run.poll() is None:
            try:
                text = Path(f"/proc/{run.pid}/status").read_text()
                peak = max(peak, int(text.partition("VmHWM:")[2].split()[0]))
                # What a machine has used is no more once it is removed.
                machines = max(machines, worked())
            except (OSError, IndexError):
                pass
            time.sleep(0.01)
    assert run.returncode == 0, argv
    cpu = machines - before + of_children() - children
    return Measured(time.monotonic() - began, cpu, peak / 1024)


def hardway(folder: Path, *words: str) -> Measured:
    """Run hardway for the bench's cluster."""
    print(f"hardway {' '.join(words)}", flush=True)
    return measured(folder, str(ROOT / "hardway"), *words)


def script(folder: Path, name: str, *words: str) -> Measured:
    """Run one of the scripts beside this module."""
    print(name, flush=True)
    return measured(folder, "sh", str(ROOT / "bench" / name), *words)


def keep_tree(folder: Path, to: Path) -> Arguments:
    """Keep what each machine was given, as if made by hand, and what kubeadm's machines get."""
    at = open_project(folder / "hardway.yaml", folder / "clusters")
    here = components.architecture()
    stored = components.lookup(at.components, here, cache=at.cache)
    secrets = store.ensure(at.workspace.pki, at.cluster, datetime.now(UTC))
    hosts = asyncio.run(at.provider.facts(at.cluster, {}))
    given = Given(at.cluster, secrets, {here: stored}, hosts)
    for name in ("units", "owners"):
        (to / name).mkdir(parents=True)
    for name in ("nodes", "secrets", "kubeconfigs"):
        shutil.copytree(at.workspace.folder / name, to / name, symlinks=True)
    for machine, by_step in render(STEPS, given).items():
        wanted = merged(by_step.values())
        (to / "units" / machine).write_text(" ".join(u.name for u in wanted.units))
        lines = ["systemd-sysusers"]
        lines += [
            f"install -d -m {f.mode:o} -o {f.owner} -g {f.owner} {f.path}" for f in wanted.folders
        ]
        lines += [f"chown {f.owner}: {f.path}" for f in wanted.files if f.owner != "root"]
        (to / "owners" / machine).write_text("; ".join(lines))
        for blob in wanted.blobs:
            link = to / "nodes" / machine / blob.path.lstrip("/")
            link.unlink()
            link.symlink_to(blob.stored)
    objects = [manifest for own in manifests(STEPS, given).values() for manifest in own]
    (to / "objects.json").write_bytes(as_list(objects))
    made = ensure(stored, base=rootfs.base_root(at.cache), cache=at.cache)
    write(given, made, to / "kubeadm")
    pairs = [f"{m.name}={m.address}" for m in at.cluster.machines]
    kubectl = str(stored["kubectl"].path)
    ssh = str(at.workspace.folder / "ssh")
    return Arguments(
        bare=[str(to), ssh, kubectl, str(to / "kubeconfigs/break-glass.kubeconfig"), *pairs],
        kubeadm=[str(to / "kubeadm"), ssh, kubectl, at.cluster.endpoint.host, *pairs],
    )


def once(folder: Path, tree: Path) -> dict[str, Measured]:
    """Measure everything once."""
    (folder / "hardway.yaml").write_text(SPEC.replace("MACHINES", WHOLE))
    found = {"up": hardway(folder, "up"), "again": hardway(folder, "up")}
    found["plan"] = hardway(folder, "plan")
    found["verify"] = hardway(folder, "verify")
    found["status"] = hardway(folder, "status")
    found["help"] = hardway(folder, "--help")
    arguments = keep_tree(folder, tree)
    found["down"] = hardway(folder, "down", "--yes")
    found["boot"] = hardway(folder, "up", "--until", "machines")
    found["bare"] = script(folder, "bare.sh", *arguments.bare)
    hardway(folder, "down", "--yes")
    hardway(folder, "up", "--until", "machines")
    found["prepare"] = script(folder, "kubeadm.sh", "prepare", *arguments.kubeadm)
    found["kubeadm"] = script(folder, "kubeadm.sh", "up", *arguments.kubeadm)
    hardway(folder, "down", "--yes")
    (folder / "hardway.yaml").write_text(SPEC.replace("MACHINES", SMALL))
    found["small"] = hardway(folder, "up")
    hardway(folder, "down", "--yes")
    return found


ROWS = (
    ("up", "`up`, caches warm, nothing running: verified", "1.15 times the bare script"),
    ("again", "`up` again: nothing to change", "2.5 s"),
    ("plan", "`plan`, nothing to change", "1.5 s"),
    ("verify", "`verify`, all of it", "10 s"),
    ("small", "`up` of one control plane and one worker, nothing running", "12 s"),
    ("status", "`status`", ""),
    ("help", "`--help`", "0.15 s"),
    ("down", "`down`, with the proof that nothing is left", ""),
)


def page(runs: list[dict[str, Measured]], loads: list[float]) -> str:
    """Return docs/performance.md."""
    seconds = {name: median(r[name].seconds for r in runs) for name in runs[0]}
    every = {name: sorted(r[name].seconds for r in runs) for name in runs[0]}
    spread = {name: f"{times[0]:.2f} to {times[-1]:.2f}" for name, times in every.items()}
    peak = max(r["up"].peak_mib for r in runs)
    cpu = f"{os.cpu_count()} cores, {os.sysconf('SC_PHYS_PAGES') * 4 >> 20} GiB"
    cpu_seconds = {name: median(r[name].cpu_seconds for r in runs) for name in runs[0]}

    def beside(*names: str) -> str:
        parts = []
        for figures in (seconds, cpu_seconds):
            own = sum(figures[name] for name in names)
            parts += [f"{own:.1f}", f"{own / (figures['boot'] + figures['bare']):.2f}"]
        return " | ".join(parts)

    table = [
        f"| {text} | {seconds[n]:.2f} | {spread[n]} | {cpu_seconds[n]:.1f} | {aim} |"
        for n, text, aim in ROWS
    ]
    return f"""# Performance

Written by `make bench`; do not edit. Three control planes and three workers on one host ({cpu}),
median of {len(runs)} runs. Load average of the host as they began: {min(loads):.1f} to \
{max(loads):.1f}; what is beyond 0 is others' work, and makes seconds more, but not CPU seconds.

| | seconds | from, to | CPU seconds | aim |
|---|---|---|---|---|
{chr(10).join(table)}

CPU seconds are those of the command and of the machines, on all cores together; an idle cluster's
own are in them.

Peak memory of `hardway up`: {peak:.0f} MiB (aim: 150 MB).

## Beside a bare shell script and kubeadm

| machines booted ({seconds["boot"]:.1f} s) and then | seconds | ratio | CPU seconds | ratio |
|---|---|---|---|---|
| bare script: nodes and DNS ready | {beside("boot", "bare")} |
| `hardway up`: verified, with its smoke test | {beside("up")} |
| kubeadm: nodes and DNS ready | {beside("boot", "prepare", "kubeadm")} |
| kubeadm, its files and images put there before ({seconds["prepare"]:.1f} s) | \
{beside("boot", "kubeadm")} |

`hardway up` is `up` of the table above: it boots its machines itself.

`bench/bare.sh` puts the same files on the same machines in parallel, starts everything and waits
until nodes and DNS are ready: no keys made, no comparison, no checks, no smoke test.

`bench/kubeadm.sh` calls kubeadm, built from the same pinned modules, on the same machines with the
same containerd, runc, CNI plugins, kubelet, pod routes and kube-proxy mode. The images of its
control plane, kube-proxy and CoreDNS hold the same binaries and are imported on all machines at
once; nothing is pulled. Its endpoint is an address of the first control plane, which no other
takes over; hardway's has keepalived and haproxy. After `kubeadm init` all other machines join at
once. etcd takes one member after another: it refuses the third while the second is a learner or not
yet connected for 5 s, and kubeadm asks again for two minutes, so that on a slower host that join
can time out (`timeouts.etcdAPICall`). Preflight's SystemVerification is ignored: it refuses
cgroup v1, which this host has.
"""


def main() -> None:
    """Measure, write the page, keep the figures beside it."""
    runs, loads = [], []
    for _ in range(int(sys.argv[1]) if sys.argv[1:] else 5):
        loads.append(os.getloadavg()[0])
        with TemporaryDirectory(prefix="bench-") as name:
            runs.append(once(Path(name), Path(name, "tree")))
    (ROOT / "docs/performance.md").write_text(page(runs, loads))
    rows = [{name: m.seconds for name, m in run.items()} for run in runs]
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
