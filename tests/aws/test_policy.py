"""The policy that `hardway aws iam-policy` prints: it suffices, it is needed, it guards others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.aws.policy import iam_action, unused
from tests.aws.support import ec2, elb, network, refused, run, state
from tests.aws.tap import Tap
from tests.aws.trial import Trial, quick, trial

from hardway.errors import AwsError
from hardway.providers.aws.policy import policy

NOT_TRIED = {
    "iam:CreateServiceLinkedRole": "AWS itself asks for it, with an account's first balancer",
    "ec2:CreateTags": "asked for with each thing that is made",
    "elasticloadbalancing:AddTags": "asked for with each thing that is made",
}
"""Actions of the policy that nothing here calls by itself."""


@pytest.fixture
def cluster(tap: Tap, tmp_path: Path) -> Iterator[Trial]:
    with quick():
        made = trial(tap, tmp_path)
        tap.change(allowed=policy(made.provider.spec.aws))
        yield made


def whole_life(cluster: Trial) -> None:
    """Do all that asks AWS for something."""
    cluster.preflight()
    cluster.up()
    worker = cluster.cluster.workers[0]
    cluster.stop(worker)
    cluster.up()
    drift(cluster.tap, worker.name)
    cluster.up()
    cluster.down()


def drift(tap: Tap, worker: str) -> None:
    """Do by hand what an `up` and a `down` have to mend."""
    allowed = tap.laws.allowed
    tap.change(allowed=None)
    (group,) = elb().describe_target_groups()["TargetGroups"]
    elb().modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckPath="/")
    mine = [{"Name": "tag:hardway.dev/role", "Values": [worker]}]
    (row,) = ec2().describe_instances(Filters=mine)["Reservations"]
    (instance,) = row["Instances"]
    tags = [{"ResourceType": "volume", "Tags": instance["Tags"]}]
    zone = instance["Placement"]["AvailabilityZone"]
    ec2().create_volume(AvailabilityZone=zone, Size=20, TagSpecifications=tags)
    ec2().terminate_instances(InstanceIds=[instance["InstanceId"]])
    tap.change(allowed=allowed)


def test_it_suffices(cluster: Trial) -> None:
    whole_life(cluster)
    assert cluster.tap.left == []


def test_nothing_in_it_is_not_needed(cluster: Trial) -> None:
    whole_life(cluster)
    made = frozenset(iam_action(call) for call in cluster.tap.calls)
    assert set(unused(cluster.tap.laws.allowed, made)) == set(NOT_TRIED)


def without(allowed: Any, action: str) -> dict[str, Any]:
    """Return a policy without one action."""
    rows = [
        {**row, "Action": [a for a in row["Action"] if a != action]} for row in allowed["Statement"]
    ]
    return {**allowed, "Statement": rows}


@pytest.mark.parametrize(
    "action",
    ["ec2:CreateSubnet", "ec2:RunInstances", "elasticloadbalancing:CreateListener",
     "ec2:CreateTags", "elasticloadbalancing:AddTags"],
)  # fmt: skip
def test_what_is_missing_is_named(cluster: Trial, action: str) -> None:
    cluster.tap.change(allowed=without(cluster.tap.laws.allowed, action))
    with pytest.raises(AwsError, match="AWS refused"):
        cluster.up()


def test_others_things_are_out_of_its_reach(cluster: Trial) -> None:
    allowed = cluster.tap.laws.allowed
    cluster.tap.change(allowed=None)
    theirs = network()
    machine = run(theirs)
    while state(machine) != "running":
        pass
    cluster.tap.change(allowed=allowed)
    for operation, asked in (
        ("terminate_instances", {"InstanceIds": [machine]}),
        ("delete_vpc", {"VpcId": theirs.vpc}),
        ("delete_security_group", {"GroupId": theirs.group}),
        ("create_vpc", {"CidrBlock": "10.9.0.0/16"}),
    ):
        with refused("UnauthorizedOperation"):
            getattr(ec2(), operation)(**asked)


def test_in_another_region_it_allows_nothing(cluster: Trial) -> None:
    elsewhere = cluster.provider.spec.aws.model_copy(update={"region": "eu-central-1"})
    cluster.tap.change(allowed=policy(elsewhere))
    with refused("UnauthorizedOperation"):
        ec2().describe_vpcs()
