"""`make versions`: a small cluster of each Kubernetes version in the table: up, verified, down."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.conftest import Hardway, spec

from hardway.components.table import KUBERNETES


def main() -> None:
    """Try each version; the first that fails ends it, after its cluster was removed."""
    for row in KUBERNETES.values():
        with TemporaryDirectory(prefix="versions-") as folder:
            hardway = Hardway(Path(folder))
            text = spec("versions", 6, 1, 1) + f'kubernetes: "{row.version}"\n'
            (hardway.folder / "hardway.yaml").write_text(text)
            began = time.monotonic()
            try:
                hardway("up")
                took = time.monotonic() - began
                findings = hardway.json("verify")["findings"]
                nodes = [node["version"] for node in hardway.json("status")["nodes"]]
            finally:
                hardway("down", "--yes")
        assert nodes == [f"v{row.version}"]
        print(f"Kubernetes {row.version}: up in {took:.0f} s, {len(findings)} checks hold")


main()
