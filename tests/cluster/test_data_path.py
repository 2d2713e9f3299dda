"""The data path: what others' firewalls do to packets of pods is seen, whatever rules they have."""

from collections.abc import Iterator

import pytest
from tests.cluster.conftest import Hardway

FORWARD = "chain inet theirs forward"
THEIRS = {
    "drops what is forwarded": (
        (f"add table inet theirs; add {FORWARD} "
        "{ type filter hook forward priority 0; policy drop; }"),
        {"pod-reaches-service", "pod-reaches-neighbours", "pod-reaches-outside", "pod-resolves"},
    ),
    "hides pods behind their node": (
        ("add table ip theirs; add chain ip theirs nat { type nat hook postrouting priority 0; }; "
        "add rule ip theirs nat ip saddr 10.204.0.0/16 masquerade"),
        {"pod-reaches-neighbours"},
    ),
    "drops names": (
        (f"add table inet theirs; add {FORWARD} {{ type filter hook forward priority 0; }}; "
        "add rule inet theirs forward udp dport 53 drop"),
        {"pod-resolves"},
    ),
}  # fmt: skip
"""nft's words, and the checks that they turn red on the same worker."""


@pytest.fixture
def foreign(cluster: Hardway, request: pytest.FixtureRequest) -> Iterator[set[str]]:
    """Rules of others on worker-0; yields the checks that they turn red there."""
    rules, expected = THEIRS[request.param]
    cluster.on("worker-0", f"nft '{rules}'")
    yield expected
    cluster.on("worker-0", "nft delete table inet theirs 2>/dev/null || nft delete table ip theirs")


def wrong(cluster: Hardway, *steps: str) -> set[str]:
    """Return the checks that are wrong about worker-0."""
    about = [f for f in cluster.findings(*steps) if f["machine"] == "worker-0"]
    return {f["check"] for f in about if (f["verdict"], f["severity"]) == ("wrong", "fail")}


@pytest.mark.parametrize("foreign", THEIRS, indirect=True)
def test_others_rules_are_seen_by_what_does_not_arrive(cluster: Hardway, foreign: set[str]) -> None:
    assert foreign <= wrong(cluster, "pod-network", "dns")


def test_nothing_is_wrong_without_them(cluster: Hardway) -> None:
    assert wrong(cluster, "pod-network", "dns") == set()
