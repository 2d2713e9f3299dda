"""The lab as tests see it: started, asked, entered, and gone without a trace."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from tests.aws import serve
from tests.aws.lab.firewall import OPERATOR
from tests.aws.lab.name import LAB
from tests.aws.lab.router import HERE, THERE

from hardway.components import cache_folder
from hardway.providers.local import cgroups, cleanup, kernel, names, rootfs
from hardway.providers.local.nspawn import children

ROOT = Path(__file__).parents[3]
PORT = 5055
CONTROL, KEY, READY = "control", b"lab", "ready"
NEEDED = ("unshare", "nsenter", "ip", "nft", "systemd-nspawn", "mmdebstrap")
LACKING = [
    *([] if os.geteuid() == 0 else ["root"]),
    *(tool for tool in NEEDED if not shutil.which(tool)),
]


class Kind(StrEnum):
    """What instances are."""

    STUBS = "stubs"
    SYSTEMS = "systems"


class _Manager(BaseManager):
    pass


_Manager.register("desk")


class Lab:
    """One that runs."""

    operator = THERE
    """The operator's address, as AWS sees it."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        (self._inner,) = children(process.pid)
        manager = _Manager(address=str(folder / CONTROL), authkey=KEY)
        manager.connect()
        self.desk: Any = manager.desk()  # type: ignore[attr-defined]

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs that is to talk to the fake AWS."""
        return {**serve.CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{HERE}:{PORT}"}

    def inside(
        self, argv: Sequence[str], where: str = OPERATOR, folder: Path | None = None
    ) -> list[str]:
        """Return an argv that runs where the operator is, or on an instance; in a folder."""
        space = OPERATOR if where == OPERATOR else names.netns(LAB, where)
        mine = ["nsenter", f"--target={self._inner}", "--mount", "--pid", "--net"]
        return [
            *mine,
            f"--wd={folder or Path.cwd()}",
            "nsenter",
            f"--net={names.NETNS / space}",
            *argv,
        ]

    def run(
        self, *argv: str, where: str = OPERATOR, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        return subprocess.run(
            self.inside(argv, where), env={**os.environ, **self.environment},
            capture_output=True, text=True, check=False, timeout=timeout_s,
        )  # fmt: skip

    def fetch(self, url: str, *options: str, where: str = OPERATOR) -> str:
        """Return what a web server says, and nothing when none answers in time."""
        done = self.run("curl", "-sk", "--max-time", "2", *options, url, where=where)
        return done.stdout.strip()

    def aws(self, service: str, operation: str, **asked: Any) -> Any:
        """Make a call to the fake AWS, as a program beside the one under test."""
        return self.desk.ask(service, operation, asked)


@contextmanager
def lab(kind: Kind) -> Iterator[Lab]:
    """Run a lab; prove at its end that nothing of it is left."""
    base = asyncio.run(rootfs.ensure_base(cache_folder(), print))
    _gone()  # what a run left that was killed
    folder = Path(tempfile.mkdtemp(prefix="hardway-lab-"))
    _certificate(folder / "tls.pem")
    kernel.load_modules()
    names.folder(LAB).mkdir(parents=True, exist_ok=True)
    kernel.raise_limits()
    flags = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    program = [sys.executable, "-m", "tests.aws.lab", str(folder), kind, str(base)]
    process = subprocess.Popen(
        ["unshare", *flags, *program], cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        assert said == READY, f"the lab did not start: {said}"
        running = Lab(folder, process)
        yield running
        problems = running.desk.problems()
        assert problems == []
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder)
        _gone()


def _gone() -> None:
    """Remove what namespaces do not take along: disks and cgroups; look whether that is all."""
    for pid in cgroups.processes(LAB):
        os.kill(pid, 9)
    asyncio.run(cleanup.destroy(LAB, lambda *_: None))


def _certificate(path: Path) -> None:
    subject = ["-subj", "/CN=stub", "-days", "1"]
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made = subprocess.run(
        [*argv, "-nodes", "-keyout", "-", "-out", "-", *subject],
        capture_output=True, check=True,
    )  # fmt: skip
    path.write_bytes(made.stdout)
