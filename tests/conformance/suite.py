"""Running specs of the suite against a cluster, several at a time."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import IO

from tests.conformance import build, images, registry

from hardway import components
from hardway.components import Stored, cache_folder
from hardway.steps.containerd import REGISTRIES

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "sample.txt"
PROCESSES = 6


def sample() -> list[str]:
    """Return how the names of the specs begin that `make test` runs."""
    lines = SAMPLE.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _stored() -> dict[str, Stored]:
    return components.lookup(
        components.for_kubernetes("1.37.2"), components.architecture(), cache=cache_folder()
    )


def load_images(cluster: Path, machines: Sequence[str], work: Path) -> Path:
    """Import the suite's images on machines of the cluster in a folder; return the archive."""
    stored = _stored()
    binaries = {**build.binaries(), **{name: row.path for name, row in stored.items()}}
    archive = images.build(work, binaries, build.sources())
    for machine in machines:
        with archive.open("rb") as file:
            _on(cluster, machine, "ctr --namespace k8s.io images import --local -", file)
    return archive


@contextmanager
def pulling(cluster: Path, machines: Sequence[str], archive: Path) -> Iterator[None]:
    """Let machines pull the suite's images meanwhile: some specs do, though they are there."""
    (claim,) = cluster.glob("clusters/*/cluster.json")
    bridge = IPv4Network(json.loads(claim.read_text())["nodes"])[1]
    folder = f"{REGISTRIES}/{images.REGISTRY}"
    catalogue = registry.read(archive, images.REGISTRY)
    with registry.serving(catalogue, str(bridge)) as url:
        line = f'[host."{url}"]'
        for machine in machines:
            _on(cluster, machine, f"mkdir -p {folder} && echo '{line}' >{folder}/hosts.toml")
        yield
        for machine in machines:
            _on(cluster, machine, f"rm -r {REGISTRIES}")


def _on(cluster: Path, machine: str, command: str, given: IO[bytes] | None = None) -> None:
    argv = [ROOT / "hardway", "ssh", machine, "--", command]
    subprocess.run(argv, cwd=cluster, stdin=given, check=True, stdout=subprocess.DEVNULL)


def run(kubeconfig: Path, report: Path, *, focus: str, skip: str = "") -> dict[str, str]:
    """Run the specs whose name matches one pattern and not the other; return their outcomes."""
    found = build.binaries()
    stored = _stored()
    words = [
        str(found["ginkgo"]), f"--procs={PROCESSES}", "--no-color", "--silence-skips",
        f"--json-report={report.name}", f"--output-dir={report.parent}", f"--focus={focus}",
        *([f"--skip={skip}"] if skip else []),
        str(found["e2e.test"]), "--", f"--kubeconfig={kubeconfig}", "--provider=skeleton",
        f"--kubectl-path={stored['kubectl'].path}", "--disable-log-dump",
    ]  # fmt: skip
    log = report.with_suffix(".log")
    with log.open("w") as output:
        subprocess.run(
            words, env={**os.environ, "NO_PROXY": "*"}, check=False, stdout=output, stderr=output
        )
    if not report.exists():
        raise RuntimeError("\n".join(["ginkgo wrote no report:", log.read_text()[-2000:]]))
    return outcomes(report)


def outcomes(report: Path) -> dict[str, str]:
    """Return the state of each spec that was run, by its name, from ginkgo's JSON report."""
    rows = [row for suite in json.loads(report.read_text()) for row in suite["SpecReports"] or []]
    return {
        " ".join([*(row["ContainerHierarchyTexts"] or []), row["LeafNodeText"]]): row["State"]
        for row in rows
        if row["LeafNodeType"] == "It" and row["State"] not in {"skipped", "pending"}
    }
