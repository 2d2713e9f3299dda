"""`make arm64`: all components for arm64, cross-built where they are not to be had; each is run.

By an emulator, and no further than it says which version it is: no cluster was made of them.
"""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conformance.images import binary_of

from hardway import components
from hardway.components import Stored

EMULATOR = "qemu-aarch64-static"
KUBERNETES = "1.37.2"
WORDS: Mapping[str, tuple[str, ...]] = {
    "kubectl": ("version", "--client"),
    "etcdctl": ("version",),
    "etcdutl": ("version",),
    "containerd-shim-runc-v2": ("-v",),
    "coredns": ("-version",),
    **dict.fromkeys(("bridge", "host-local", "loopback", "portmap", "pause", "probe"), ()),
}
"""What makes a program say its version, where that is not --version."""
SAYS = {"pause": "", "probe": "usage"}
"""What a program says that knows no version; pause ends well when it is told to."""


def programs(stored: Mapping[str, Stored], folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield each program's name, its file and its version, out of images too."""
    for row in stored.values():
        name, path = row.file.removesuffix(".tar"), row.path
        if name != row.file:
            path = folder / name
            path.write_bytes(binary_of(row.path, name))
            path.chmod(0o755)
        yield name, path, row.version


def main() -> None:
    """Get them and run each; the first that says something else ends it."""
    if not shutil.which(EMULATOR):
        sys.exit(f"lacking: {EMULATOR} (Debian's package qemu-user-static)")
    began = time.monotonic()
    stored = asyncio.run(
        components.ensure(
            components.for_kubernetes(KUBERNETES),
            "arm64",
            progress=lambda _, text: print(text, flush=True),
            cache=components.cache_folder(),
        )
    )
    size = sum(row.size_bytes for row in stored.values()) / 1e6
    print(f"{len(stored)} files, {size:.0f} MB, had in {time.monotonic() - began:.0f} s")
    with TemporaryDirectory() as folder:
        for name, path, version in programs(stored, Path(folder)):
            argv = ["timeout", "--preserve-status", "5" if name == "pause" else "60", EMULATOR]
            done = subprocess.run(
                [*argv, str(path), *WORDS.get(name, ("--version",))],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
            said = done.stdout + done.stderr
            assert SAYS.get(name, version) in said, f"{name}: {said}"
            assert name == "probe" or done.returncode == 0, f"{name}: {done.returncode}"
            print(f"{name:<24} {(said.strip().splitlines() or ['ended when told to'])[0]}")


main()
