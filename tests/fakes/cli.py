"""The command line, each run in a process of its own: forked from one that has loaded hardway."""

import multiprocessing
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from unittest.mock import patch

from tests.guard import GUARD

from hardway import pipeline, project, status  # noqa: F401 - what commands load when they are called
from hardway.cli import app

ROOT = Path(__file__).parents[2]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__])


def run(*words: str, folder: Path, **environment: str) -> CompletedProcess[str]:
    """Run `hardway WORDS` in a folder."""
    path = f"{ROOT / 'src'}:{ROOT}"
    with TemporaryDirectory() as said, patch.dict(os.environ, environment, PYTHONPATH=path):
        # The server itself is started with the first process, and finds hardway by PYTHONPATH.
        process = SERVER.Process(target=_main, args=(words, folder, dict(os.environ), Path(said)))
        process.start()
        process.join()
        out, err = (Path(said, name).read_text() for name in ("out", "err"))
    return CompletedProcess(words, process.exitcode or 0, out, err)


def _main(words: tuple[str, ...], folder: Path, environment: dict[str, str], said: Path) -> None:
    for number, name in enumerate(("out", "err"), 1):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    GUARD.install()
    sys.argv = ["hardway", *words]
    app.main()
