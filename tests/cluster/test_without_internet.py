"""A cluster from a bundle and an empty cache; the kernel's word for that nothing else was used."""

from pathlib import Path

import pytest
from tests.cluster.conftest import Hardway


def test_a_cluster_from_a_bundle_alone(
    small: Hardway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small.json("bundle", "create", "a.bundle")
    assert made["lacking"] == []
    assert small.json("bundle", "verify", "a.bundle") == made
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "cache"))
    proof = small.json("up", "--bundle", "a.bundle")["findings"][-1]
    assert proof["check"] == "nothing-from-elsewhere"
    assert proof["ok"]
    assert "the kernel counted" in proof["found"]
    assert small.plan() == [], "what the bundle brought is what the cache has"
    small("verify")
