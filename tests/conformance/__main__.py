"""`make conformance`: the suite without serial, disruptive and slow specs, on its own cluster."""

import shutil
import sys
from collections import Counter

from tests.cluster.conftest import Hardway, spec
from tests.conformance import suite

FOCUS = r"\[Conformance\]"
SKIP = r"\[Serial\]|\[Disruptive\]|\[Slow\]"


def main() -> None:
    """Bring a cluster up, run the suite, say how it went, take the cluster down."""
    pattern = sys.argv[1] if len(sys.argv) > 1 else FOCUS
    folder = suite.ROOT / "dist" / "conformance"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "hardway.yaml").write_text(spec("suite", 6, 3, 3))
    hardway = Hardway(folder)
    hardway("up")
    try:
        workers = [f"worker-{i}" for i in range(3)]
        archive = suite.load_images(folder, workers, folder)
        kubeconfig = folder / "clusters/suite/kubeconfigs/break-glass.kubeconfig"
        with suite.pulling(folder, workers, archive):
            outcomes = suite.run(kubeconfig, folder / "report.json", focus=pattern, skip=SKIP)
    finally:
        hardway("down", "--yes")
    for name, state in sorted(outcomes.items()):
        if state != "passed":
            print(f"{state}: {name}")
    counted = Counter(outcomes.values())
    print(", ".join(f"{count} {state}" for state, count in counted.items()))
    sys.exit(bool(set(counted) - {"passed"}))


main()
