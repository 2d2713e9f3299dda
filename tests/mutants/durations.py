"""A pytest plugin that writes how long each test took."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

TOOK: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TOOK[report.nodeid] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        Path(os.environ["MUTANTS_TOOK"]).write_text(json.dumps(TOOK))
