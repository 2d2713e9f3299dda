"""Others' tests: a sample of the upstream conformance suite (docs/conformance.md).

It takes over three minutes, hence not in `make test`; `make conformance` runs the whole suite.
"""

import re
from pathlib import Path

import pytest
from tests.cluster.conftest import Hardway
from tests.conformance import suite

pytestmark = pytest.mark.nightly
WORKERS = ("worker-0", "worker-1", "worker-2")


@pytest.fixture(scope="module")
def outcomes(cluster: Hardway, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the sample once; return the outcome of each spec by name."""
    work = tmp_path_factory.mktemp("conformance")
    archive = suite.load_images(cluster.folder, WORKERS, work)
    kubeconfig = cluster.folder / "clusters/test/kubeconfigs/break-glass.kubeconfig"
    focus = "|".join(re.escape(name) for name in suite.sample())
    with suite.pulling(cluster.folder, WORKERS, archive):
        return suite.run(kubeconfig, work / "report.json", focus=focus)


@pytest.mark.parametrize("name", suite.sample())
def test_spec(name: str, outcomes: dict[str, str]) -> None:
    found = {spec: state for spec, state in outcomes.items() if spec.startswith(name)}
    assert found, "the suite has no such spec"
    assert set(found.values()) == {"passed"}


def test_the_sample_is_big_enough() -> None:
    assert len(suite.sample()) >= 40
    assert Path(suite.SAMPLE).read_text().count("[sig-network]") >= 8
