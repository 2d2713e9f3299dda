"""Running specs of the suite against a cluster, several at a time."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import build, images

from hardway import components
from hardway.components import Stored, cache_folder

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


def load_images(cluster: Path, machines: Sequence[str], work: Path) -> None:
    """Import the suite's images on machines of the cluster in a folder."""
    stored = _stored()
    binaries = {**build.binaries(), **{name: row.path for name, row in stored.items()}}
    archive = images.build(work, binaries, build.sources())
    command = "ctr --namespace k8s.io images import --local -"
    for machine in machines:
        argv = [ROOT / "hardway", "ssh", machine, "--", command]
        with archive.open("rb") as file:
            subprocess.run(argv, cwd=cluster, stdin=file, check=True, stdout=subprocess.DEVNULL)


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
