"""The shell scripts that run on machines: what shellcheck says of them."""

import shutil
import subprocess

import pytest

from hardway.engine import ledger
from hardway.providers.hosts import removal

SCRIPTS = {"ledger": ledger.SCRIPT, "install": ledger.INSTALL, "removal": removal.script()}

needs_shellcheck = pytest.mark.skipif(
    not shutil.which("shellcheck"), reason="needs shellcheck (package shellcheck)"
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_shell_can_read_it(name: str) -> None:
    subprocess.run(["sh", "-n"], input=SCRIPTS[name], text=True, check=True)


@needs_shellcheck
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_has_nothing_to_say(name: str) -> None:
    argv = ["shellcheck", "--shell=sh", "-"]
    done = subprocess.run(argv, input=SCRIPTS[name], text=True, capture_output=True, check=False)
    assert done.stdout == ""
