"""One test run at a time makes machines on this host, and it finds none of a run before it."""

import asyncio
import fcntl
import getpass
import os
import tempfile
from pathlib import Path
from typing import TextIO

import pytest
from tests.aws.lab.router import CLUSTER as LAB

from hardway.providers.local import cleanup, names
from hardway.providers.local.registry import registered

LOCK = Path("/run/hardway-tests.lock")
LOCKED = pytest.StashKey[TextIO]()
FOLDERS = Path(tempfile.gettempdir(), f"pytest-of-{getpass.getuser()}")
"""Where pytest makes what it calls tmp_path."""


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or os.geteuid() != 0:
        return
    if any(item.get_closest_marker(name) for item in session.items for name in ("cluster", "lab")):
        _take_the_host(session.config)


def _take_the_host(config: pytest.Config) -> None:
    """Wait until no other run has it, then remove machines of runs that were killed."""
    say = config.pluginmanager.getplugin("terminalreporter").write_line
    config.stash[LOCKED] = lock = LOCK.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another test run makes machines on this host; waiting for its end ({LOCK})")
        fcntl.flock(lock, fcntl.LOCK_EX)
    for cluster in _left_by_tests():
        say(f"removing cluster {cluster}, left by a test run that was killed")
        asyncio.run(cleanup.destroy(cluster, lambda _machine, _text: None))


def _left_by_tests() -> list[str]:
    left = [row.name for row in registered() if row.folder.is_relative_to(FOLDERS)]
    return [*left, LAB] if names.folder(LAB).exists() else left
