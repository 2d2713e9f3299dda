"""The data path: what others' firewalls do to packets of pods is seen, whatever rules they have."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.cluster.conftest import Hardway

from hardway.providers.local.names import netns

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


ASKS = r"""import select, socket, sys

name = b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\0"
question = bytes.fromhex("000101000001000000000000") + name + bytes.fromhex("00010001")
asker = socket.socket(type=socket.SOCK_DGRAM)
asker.bind(("", 40000))
asker.settimeout(0.5)
answered = False
while not select.select([sys.stdin], [], [], 0.05)[0]:
    try:
        asker.sendto(question, (sys.argv[1], 53))
        answered = asker.recv(512).endswith(socket.inet_aton(sys.argv[2]))
    except OSError:
        answered = False
print(answered)
"""
"""Asks for the address of `kubernetes` from one port until its stdin ends."""


@pytest.mark.nightly
def test_a_client_that_keeps_its_port_follows_a_service_to_its_new_pods(cluster: Hardway) -> None:
    """As resolvers do; the kernel remembers where a port's packets went as long as they come."""
    dns = ("kubectl", "--namespace=kube-system")
    named = cluster(*dns, "get", "service/kube-dns", "--output=jsonpath={.spec.clusterIP}")
    api = cluster("kubectl", "get", "service/kubernetes", "--output=jsonpath={.spec.clusterIP}")
    worker = netns(cluster.journal.parent.name, "worker-0")
    argv = ["ip", "netns", "exec", worker, sys.executable, "-c", ASKS, named, api]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asks:
        before = cluster(*dns, "get", "pods", "--selector=k8s-app=kube-dns", "--output=name")
        cluster(*dns, "rollout", "restart", "deployment/coredns")
        cluster(*dns, "rollout", "status", "deployment/coredns", "--timeout=120s")
        for pod in before.split():
            cluster(*dns, "wait", "--for=delete", pod, "--timeout=60s")
        said, _ = asks.communicate(timeout=60)
    assert said == "True\n"
