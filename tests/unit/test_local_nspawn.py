"""What is known of a machine of provider local without asking it: processes stand in for it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hardway.providers.local import nspawn

READY = "echo; exec sleep 60"


@contextmanager
def booted(init: str) -> Iterator[int]:
    """Yield the leader of what is a machine whose init is a script; it begins with READY."""
    words = ["unshare", "--mount", "--kill-child", "--fork", "sh", "-c", init]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as leader:
        try:
            assert leader.stdout
            assert leader.stdout.readline()
            yield leader.pid
        finally:
            leader.kill()


@pytest.mark.parametrize(("prepared", "lets_in"), [("", True), ("touch /run/nologin;", False)])
def test_a_machine_that_boots_or_shuts_down_lets_nobody_in(prepared: str, lets_in: bool) -> None:
    if os.geteuid():
        pytest.skip("needs root: mounts")
    with booted(f"mount -t tmpfs none /run; {prepared} {READY}") as leader:
        assert nspawn.lets_in(leader) is lets_in


def test_what_has_ended_lets_nobody_in() -> None:
    with subprocess.Popen(["true"]) as leader:
        leader.wait()
        assert not nspawn.lets_in(leader.pid)
