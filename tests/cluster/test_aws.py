"""The whole cluster through provider aws, with no AWS: a fake account whose machines are real.

What that proves and what it cannot is in docs/aws.md; how the lab works in tests/aws/README.md.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.aws.lab.outside import LACKING, Kind, Lab, lab
from tests.cluster.conftest import Hardway, host_state

SPEC = """name: awstest
provider: aws
aws: {{region: ap-northeast-2, operators: [{operator}/32], image: debian-12}}
network: {{nodes: 10.248.0.0/16, pods: 10.208.0.0/16, services: 10.38.0.0/24}}
"""
WORKERS = ["worker-0", "worker-1", "worker-2"]

pytestmark = pytest.mark.skipif(
    bool(LACKING), reason=f"makes namespaces and machines; lacking: {', '.join(LACKING)}"
)


@pytest.fixture(scope="module")
def account() -> Iterator[Lab]:
    before = host_state()
    with lab(Kind.SYSTEMS) as running:
        # Each look is some seconds long to a program that is not told otherwise.
        running.desk.change({"pending_looks": 1, "balancer_looks": 1, "linger_looks": 1})
        yield running
    assert host_state() == before


@pytest.fixture(scope="module")
def hardway(account: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hardway]:
    folder = tmp_path_factory.mktemp("aws")
    (folder / "hardway.yaml").write_text(SPEC.format(operator=account.operator))

    def way_in(argv: list[str], where: Path) -> list[str]:
        return account.inside(argv, folder=where)

    program = Hardway(folder, way_in, account.environment)
    program("up")
    yield program
    program("down", "--yes")
    assert account.desk.left() == []
    assert account.desk.plugged() == []


def test_all_checks_of_all_steps_hold(hardway: Hardway) -> None:
    findings = hardway.json("verify")["findings"]
    steps = [s["name"] for s in hardway.json("steps")["steps"]]
    assert {f["step"] for f in findings} == set(steps)
    assert [f for f in findings if not f["ok"]] == []


def test_what_is_at_aws(hardway: Hardway, account: Lab) -> None:
    kinds = Counter(name.split("-")[0] for name in account.desk.left() if ":" not in name)
    assert (kinds["i"], kinds["vol"], kinds["vpc"], kinds["subnet"]) == (6, 6, 1, 1)
    machines = account.aws("ec2", "describe_instances")["Reservations"]
    for row in machines:
        (instance,) = row["Instances"]
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert not instance["SourceDestCheck"]


def test_again_changes_nothing(hardway: Hardway, account: Lab) -> None:
    before = len(account.desk.actions())
    lines = hardway.journal_lines()
    hardway("up")
    assert hardway.changed_since(lines) == []
    assert hardway.plan() == []
    made = [a for a in account.desk.actions()[before:] if ":Create" in a or ":Run" in a]
    assert made == []


OPEN, NOBODY_THERE, DROPPED = "0", "1", "124"


@pytest.mark.parametrize(
    ("machine", "address", "port", "expected"),
    [
        ("worker-0", "10.248.1.10", 6443, OPEN),
        ("worker-0", "10.248.1.10", 22, DROPPED),
        ("worker-0", "10.248.1.10", 2379, DROPPED),
        ("controller-0", "10.248.1.11", 2379, OPEN),
        ("controller-0", "10.248.1.11", 22, DROPPED),
        ("controller-0", "10.248.1.20", 10250, OPEN),
        ("controller-0", "10.248.1.20", 10251, NOBODY_THERE),
    ],
)
def test_who_reaches_whom(
    hardway: Hardway, machine: str, address: str, port: int, expected: str
) -> None:
    script = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}' 2>/dev/null; echo $?"
    assert hardway.on(machine, script).strip() == expected


METADATA = "http://169.254.169.254/latest"
TOKEN = f"curl -sm 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {METADATA}/api/token"


def test_pods_reach_no_metadata(hardway: Hardway) -> None:
    there = [n for n in WORKERS if hardway.on(n, "ip netns list").strip()]
    pod = "ip netns exec $(ip netns list | head -1 | cut -d' ' -f1)"
    assert hardway.on(there[0], f"{TOKEN} | wc -c").strip() != "0"
    assert hardway.on(there[0], f"{pod} {TOKEN} | wc -c").strip() == "0"


def test_the_host_key_in_user_data_is_the_machines_no_longer(hardway: Hardway) -> None:
    ask = f'curl -s -H "X-aws-ec2-metadata-token: $({TOKEN})" {METADATA}/user-data'
    sent = hardway.on("worker-0", f"{ask} | grep -A2 'BEGIN OPENSSH' | tail -1").strip()
    assert len(sent) > 60
    assert sent not in hardway.on("worker-0", "cat /etc/ssh/ssh_host_ed25519_key")


def test_a_machine_stops_and_comes_back_at_another_address(hardway: Hardway, account: Lab) -> None:
    hardway("machine", "stop", "worker-1")
    hardway("machine", "start", "worker-1")
    hardway("up")
    nodes = {n["name"]: n["ready"] for n in hardway.json("status")["nodes"]}
    assert nodes == dict.fromkeys(WORKERS, True)
