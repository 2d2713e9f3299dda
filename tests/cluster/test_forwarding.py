"""A host that forwards nothing by itself, as Docker and ufw set hosts up."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from tests.cluster.conftest import Hardway, spec

BRIDGE = "hw-small"
REACHES_API = "curl --silent --max-time 3 --cacert /etc/kubernetes/pki/ca.crt \
    https://10.245.0.100:6443/readyz || echo cannot"

pytestmark = pytest.mark.skipif(
    not shutil.which("iptables"), reason="needs iptables on this host: apt-get install iptables"
)


def iptables(*words: str) -> str:
    argv = ["iptables", "--wait", *words]
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout


TABLE = ("table", "ip", "filter")


def tables() -> list[str]:
    return subprocess.check_output(["nft", "list", "tables"], text=True).splitlines()


def rules() -> list[str]:
    return [line for line in iptables("-S", "FORWARD").splitlines() if BRIDGE in line.split()]


@pytest.fixture
def forwarding_nothing() -> Iterator[None]:
    """Let the host drop what it forwards, but for what is not of the cluster this is about."""
    there = " ".join(TABLE) in tables()
    before = iptables("-S", "FORWARD").splitlines()[0].split()[-1]
    # By a pattern, so that the rule is not taken for the cluster's own and removed with it.
    others = ["FORWARD", "!", "-i", "hw-smal+", "!", "-o", "hw-smal+", "-j", "ACCEPT"]
    iptables("-A", *others)
    iptables("-P", "FORWARD", "DROP")
    try:
        yield
    finally:
        iptables("-P", "FORWARD", before)
        iptables("-D", *others)
        if not there:  # iptables made it; a policy alone keeps it
            subprocess.run(["nft", "delete", *TABLE], check=False)


def test_a_cluster_lets_its_own_packets_through(forwarding_nothing: None, small: Hardway) -> None:
    (small.folder / "hardway.yaml").write_text(spec("small", 5, 1, 2))
    small("up")
    own = rules()
    assert len(own) == 3
    counted = [line.split() for line in iptables("-nvxL", "FORWARD").splitlines()]
    passed = [int(words[0]) for words in counted if BRIDGE in " ".join(words)]
    assert sum(passed) > 100, "the smoke test's packets went through these rules"

    for rule in own:
        iptables("-D", *rule.split()[1:])
    assert small.on("worker-0", REACHES_API) == "cannot\n", "the policy is in force"
    small("up")
    assert small.on("worker-0", REACHES_API) == "ok"
    assert sorted(rules()) == sorted(own)
    assert small.json("verify")["findings"]
