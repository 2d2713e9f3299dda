"""What ends hardway ends what it has started: by real signals to a process of its own."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WAITS = """
import os, signal, sys
from hardway import host
from hardway.cli import app
from hardway.cli.loop import run

# What this test was started by may ignore some, as nohup and a shell's background do.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if {ignored}:
    signal.signal({ignored}, signal.SIG_IGN)

def waits(**_):
    # Its first line comes once the program has been started, and hardway knows it.
    run(host.run(["sh", "-c", "read -r line; echo $$ >child; exec sleep 60"], stdin=b"begin\\n"))

app.cli = waits
app.main()
"""
SRC = Path(__file__).parents[2] / "src"


@contextmanager
def working(folder: Path, ignored: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Yield a hardway of which a child works; that has ended with it."""
    child = folder / "child"
    with subprocess.Popen(
        [sys.executable, "-c", WAITS.format(ignored=ignored)],
        cwd=folder, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(SRC)},
    ) as process:  # fmt: skip
        while not (child.exists() and child.read_text()):
            assert process.poll() is None
        try:
            yield process
        finally:
            process.kill()
            pid = int(child.read_text())
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)
                pytest.fail("its child goes on")


def gone(pid: int) -> bool:
    """Return whether a process is gone, at most a while after it was killed."""
    stat = Path("/proc", str(pid), "stat")
    for _ in range(50):
        # Init may take its time to collect what was left to it.
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_its_children(tmp_path: Path, number: signal.Signals) -> None:
    with working(tmp_path) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert said.startswith("interrupted; to go on, run the same again")
    assert len(said.splitlines()) == 1


def test_sigterm_ends_what_a_shell_runs_in_the_background(tmp_path: Path) -> None:
    with working(tmp_path, ignored=signal.SIGINT) as process:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said.partition(";")[0]) == (143, "interrupted")


def test_what_nohup_runs_goes_on(tmp_path: Path) -> None:
    with working(tmp_path, ignored=signal.SIGHUP) as process:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 143


def test_a_lost_terminal_ends_it(tmp_path: Path) -> None:
    """As an SSH session's that breaks: what it says then can be written nowhere."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        argv = [sys.executable, "-c", WAITS.format(ignored=0)]
        os.execve(argv[0], argv, {**os.environ, "PYTHONPATH": str(SRC)})
    child = tmp_path / "child"
    while not (child.exists() and child.read_text()):
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    assert gone(int(child.read_text()))
