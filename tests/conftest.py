"""Tests reach only what is their own; one run at a time makes machines, and finds none left."""

import asyncio
import fcntl
import getpass
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import HealthCheck, settings
from tests.aws.lab.name import LAB
from tests.guard import GUARD, MACHINES, NO_ACCOUNT

from hardway.providers.local import cleanup, names
from hardway.providers.local.registry import registered

LOCK = Path("/run/hardway-tests.lock")
LOCKED = pytest.StashKey[TextIO]()
FOLDERS = Path(tempfile.gettempdir(), f"pytest-of-{getpass.getuser()}")
"""Where pytest makes what it calls tmp_path."""
MAKE_MACHINES = ("cluster", "lab")

# How long an example takes depends on what else this host does.
ANY_HOST = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", ANY_HOST, max_examples=20)
settings.register_profile("thorough", ANY_HOST, max_examples=100)
settings.load_profile("quick")


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(NO_ACCOUNT)
    GUARD.install()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with GUARD.allow(*([MACHINES] if _makes_machines(item) else [])):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Fail a test that went on after a refusal."""
    yield
    refusals, GUARD.refusals = GUARD.refusals, []
    assert refusals == []


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or os.geteuid() != 0:
        return
    if any(map(_makes_machines, session.items)):
        _take_the_host(session.config)


def _makes_machines(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in MAKE_MACHINES)


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
