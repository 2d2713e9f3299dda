"""Steps one after another, each told with its time, and a summary as a test runner's."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory
from typing import TypeVar

T = TypeVar("T")


class FailedError(Exception):
    """A command on a machine failed, or what was seen is not what should be."""


@dataclass
class Report:
    """How many steps there are to be, and how many were made."""

    steps: int
    passed: int = 0
    failed: int = 0
    began: float = field(default_factory=time.monotonic)

    def step(self, name: str, action: Callable[[], T]) -> T:
        """Make a step, say how long it took and, where that is words, what it saw."""
        began = time.monotonic()
        try:
            seen = action()
        except BaseException:
            self.failed += 1
            self._tell("FAILED", began, name)
            raise
        self.passed += 1
        self._tell("PASSED", began, f"{name}: {seen}" if isinstance(seen, str) else name)
        return seen

    def _tell(self, how: str, began: float, text: str) -> None:
        print(f"{how} {time.monotonic() - began:6.1f} s  {text}", flush=True)

    def close(self) -> int:
        """Say the summary and return the exit status: 0 where all steps were made."""
        left = self.steps - self.passed - self.failed
        not_run = f", {left} not run" if left else ""
        took = time.monotonic() - self.began
        print(f"{self.passed} passed, {self.failed} failed{not_run} in {took:.0f} s", flush=True)
        return int(self.passed != self.steps)


def reported(steps: int, trial: Callable[[Report, Path], None]) -> int:
    """Make a trial of so many steps in a folder that goes with it; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = Report(steps)
    try:
        with TemporaryDirectory(prefix="hardway-vm-", dir="/var/tmp") as folder:
            trial(report, Path(folder))
    except (FailedError, CalledProcessError, AssertionError) as error:
        print(error, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    return report.close()
