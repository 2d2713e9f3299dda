"""The fake AWS, one for all tests of a process and anew for each."""

from collections.abc import Iterator

import pytest
from tests.aws import serve
from tests.aws.tap import Tap


@pytest.fixture(scope="session")
def _tap() -> Tap:
    return Tap()


@pytest.fixture
def tap(_tap: Tap, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tap]:
    """An empty account, reached by botocore within this process; no test may leave a problem."""
    _tap.reset()
    for name, value in serve.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with serve.within(_tap):
        yield _tap
    assert _tap.account.problems == []
