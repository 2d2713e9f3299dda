"""What people read before they pay: the plan, the costs and the policy; and that tables agree.

`HARDWAY_GOLDEN=write pytest tests/aws/test_provider_tables.py` writes the texts anew.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.aws.builder import site
from tests.aws.tap import Tap
from tests.aws.trial import quick

from hardway.cli.app import cli
from hardway.providers.aws import costs, policy, table
from hardway.providers.aws.calls import CALLS, ROWS, Right
from hardway.providers.aws.costs import Price, cost
from hardway.providers.aws.images import architecture_of
from hardway.spec.aws import Aws

GOLDEN = Path(__file__).parents[1] / "golden" / "aws"
SOURCE = Path(table.__file__).parent


@pytest.fixture(autouse=True)
def _quick(tap: Tap) -> Iterator[None]:
    with quick():
        yield


def same_as(file: str, text: str) -> None:
    """Compare with a golden text, or write it."""
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / file).write_text(text)
    assert text == (GOLDEN / file).read_text()


@pytest.mark.parametrize("zones", [1, 3])
def test_the_plan(tap: Tap, tmp_path: Path, zones: int) -> None:
    cluster = site(tap, tmp_path, machines="3, workers: 3", aws=f"zones: {zones}")
    outlook = asyncio.run(cluster.provider.outlook(cluster.cluster))
    lines = [f"+ {change.what}" for change in outlook.changes]
    now, whole = outlook.now, outlook.whole
    lines += [f"now {now.per_hour:.3f} $/h, then {whole.per_hour:.3f}, at most {whole.at_most:.3f}"]
    same_as(f"plan-{zones}-zones.txt", "\n".join([outlook.where, *lines]) + "\n")
    assert not cluster.provider.folder.exists()
    cluster.up()
    after = asyncio.run(cluster.provider.outlook(cluster.cluster))
    assert after.changes == ()
    assert after.now == after.whole


def test_the_policy() -> None:
    printed = policy.policy(Aws(region="ap-northeast-2"))
    same_as("iam-policy.json", json.dumps(printed, indent=2) + "\n")
    size = len(re.sub(r"\s", "", json.dumps(printed)))
    assert size < policy.LARGEST


def test_the_command_prints_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(cli, ["aws", "iam-policy"])
    assert json.loads(printed.output) == policy.policy(Aws())


def test_a_shared_vpc_gets_only_what_is_made_within_it() -> None:
    shared = policy.policy(Aws(region="eu-west-1", vpc="vpc-0123456789abcdef0"))
    row = next(s for s in shared["Statement"] if s["Sid"] == "InSharedVpc")
    assert row["Resource"].endswith("vpc/vpc-0123456789abcdef0")
    assert row["Action"] == ["ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet"]


def test_each_change_needs_a_tag_or_a_named_resource() -> None:
    for row in policy.policy(Aws(region="eu-west-1"))["Statement"]:
        writes = [a for a in row["Action"] if not re.search(r":(Describe|Get)", a)]
        if not writes:
            continue
        assert row["Resource"] != "*", row["Sid"]
        assert "Condition" in row or row["Sid"] == "StartWith", row["Sid"]


def test_no_statement_lets_a_thing_be_made_within_anothers() -> None:
    """Calls share a statement: what one makes must be nothing that another is within."""
    for row in policy.policy(Aws(region="eu-west-1"))["Statement"]:
        if not row["Sid"].startswith("Make"):
            continue
        kinds = {arn.split(":")[5].removesuffix("/*") for arn in row["Resource"]}
        for action in row["Action"]:
            within = {kind for kind, right in CALLS[action].on.items() if right is not Right.NEW}
            assert not within & kinds, (action, within)


def test_each_row_of_the_calls_is_made_somewhere_and_no_other() -> None:
    text = "".join(path.read_text() for path in SOURCE.glob("*.py") if path.name != "calls.py")
    made = set(re.findall(r'"((?:ec2|sts|ssm|servicequotas|elasticloadbalancing):\w+)"', text))
    composed = {"elasticloadbalancing:" + o for o in (
        "DescribeListeners", "DescribeTargetGroups", "DescribeLoadBalancers",
        "DescribeTargetGroupAttributes", "DescribeLoadBalancerAttributes",
        "ModifyTargetGroupAttributes", "ModifyLoadBalancerAttributes")}  # fmt: skip
    by_aws = {"iam:CreateServiceLinkedRole"}
    conditions = {"ec2:CreateAction", "elasticloadbalancing:CreateAction"}
    assert (made - conditions - {"elasticloadbalancing:Describe"}) | composed | by_aws == set(CALLS)
    assert len(ROWS) == len(CALLS)


def test_kinds_need_only_kinds_that_are_made_before() -> None:
    names = [kind.name for kind in table.KINDS]
    assert len(set(names)) == len(names)
    waiting = {"interface of a load balancer"}  # not made, only waited for
    for kind in table.KINDS:
        for need in set(kind.needs) - waiting:
            assert names.index(need) < names.index(kind.name)


@pytest.mark.parametrize(
    ("prices", "per_hour", "at_most"),
    [
        ([Price("t3.small")] * 6 + [Price("public address")] * 7
         + [Price("disk GiB-month", 20)] * 6 + [Price("load balancer"),
         Price("load balancer capacity unit", 0, at_most=1)], 0.2285, 0.7145),
        ([Price("t3.medium")], 0.052, 0.132),
        ([Price("m5.large")], 0.0, 0.0),
    ],
)  # fmt: skip
def test_costs(prices: list[Price], per_hour: float, at_most: float) -> None:
    found = cost(prices, "ap-northeast-2")
    assert found.per_hour == pytest.approx(per_hour, abs=0.0005)
    assert found.at_most == pytest.approx(at_most, abs=0.0005)


def test_what_no_price_is_known_of_is_said() -> None:
    assert cost([Price("m5.large")], "ap-northeast-2").unknown == ("m5.large in ap-northeast-2",)
    assert len(cost([Price("t3.small"), Price("load balancer")], "af-south-1").unknown) == 2


def test_the_price_list_is_whole() -> None:
    data = costs._data()
    for region, prices in data["regions"].items():
        assert {costs.DISK, costs.ADDRESS, costs.BALANCER, costs.CAPACITY} <= set(prices), region
        types = {name for name in prices if "." in name}
        assert {"t3.small", "t3.medium"} <= types
        assert types <= set(data["burstable"]), "a type of a family that is billed above its rest"
    assert re.fullmatch(r"20\d\d(-\d\d)?", data["as_of"])


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [("t3.small", "amd64"), ("t4g.small", "arm64"), ("m7gd.large", "arm64"),
     ("g4dn.xlarge", "amd64"), ("c6gn.large", "arm64"), ("a1.medium", "arm64"),
     ("m7i-flex.large", "amd64"),
     ("im4gn.large", "arm64"), ("g5g.xlarge", "arm64"), ("t3a.small", "amd64")],
)  # fmt: skip
def test_architectures_by_the_names_of_types(kind: str, architecture: str) -> None:
    assert architecture_of(kind) == architecture
