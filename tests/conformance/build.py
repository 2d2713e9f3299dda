"""Upstream's test binaries, built from the modules that `go/go.sum` pins, kept in the cache."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

from hardway.components import cache_folder, table

MODULE = Path(__file__).parent / "go"
KUBERNETES = "k8s.io/kubernetes"
BUILDS = {
    "e2e.test": ["test", "-c", f"{KUBERNETES}/test/e2e"],
    "agnhost": ["build", f"{KUBERNETES}/test/images/agnhost"],
    "nnp": ["build", f"{KUBERNETES}/test/images/nonewprivs"],
    "sample-apiserver": ["build", "k8s.io/sample-apiserver"],
    "ginkgo": ["build", "github.com/onsi/ginkgo/v2/ginkgo"],
}
"""What is built how; six minutes with nothing cached."""

FLAGS = "-s -w " + " ".join(table.KUBERNETES[table.DEFAULT_KUBERNETES].ldflags)
"""With the version: some specs look for what is of their own."""


def go(*words: str) -> str:
    """Run a go command in the module and return what it printed."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        ["go", *words], cwd=MODULE, env=environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def binaries() -> dict[str, Path]:
    """Return the binaries by name, after building those that are not cached."""
    key = (MODULE / "go.sum").read_bytes() + repr([FLAGS, BUILDS]).encode()
    folder = cache_folder() / "conformance" / sha256(key).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for name, (verb, *rest) in BUILDS.items():
        if not (folder / name).exists():
            print(f"building {name}", flush=True)
            new = folder / f".{name}.new"
            go(verb, "-mod=readonly", "-trimpath", f"-ldflags={FLAGS}", "-o", str(new), *rest)
            new.rename(folder / name)
    return {name: folder / name for name in BUILDS}


def sources() -> Path:
    """Return the folder with the sources of upstream's test images."""
    return Path(go("list", "-m", "-f", "{{.Dir}}", KUBERNETES).strip()) / "test" / "images"
