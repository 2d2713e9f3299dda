"""Whose things are: found again by exact tags, adopted, refused; others' are never touched."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.aws.builder import Site, instances, refused, site, writes
from tests.aws.support import ec2, elb
from tests.aws.tap import Tap
from tests.aws.trial import TIMING, quick

from hardway.errors import PreflightError, ProviderError, RefusedError
from hardway.providers.aws import names, whose
from hardway.providers.aws.records import load


@pytest.fixture(autouse=True)
def _quick(tap: Tap) -> Iterator[None]:
    with quick():
        yield


def other(tap: Tap, folder: Path, **more: Any) -> Site:
    """Return the same hardway.yaml in another folder, as a colleague has it."""
    return site(tap, folder / "elsewhere", **more)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("demo", "demo-0a1b2c", True),
        ("demo", "demo-2-0a1b2c", False),
        ("demo", "demo-0a1b2cd", False),
        ("demo", "demo-0A1B2C", False),
        ("d.mo", "demo-0a1b2c", False),
    ],
)
def test_ids_are_of_exactly_one_name(name: str, value: str, right: bool) -> None:
    assert names.is_id_of(name, value) is right


def test_users_tags_never_replace_ours() -> None:
    made = names.tags("demo-0a1b2c", "vpc", "me", {"Name": "theirs", names.ROLE: "x", "team": "a"})
    assert made[names.ROLE] == "vpc"
    assert made["Name"] == "demo-0a1b2c-vpc"
    assert made["team"] == "a"


def test_things_are_tagged_from_birth(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path, aws="tags: {team: blue}").up()
    assert "CreateTags" not in {call.action for call in tap.calls}
    rows = ec2().describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]
    kinds = {row["ResourceType"] for row in rows}
    assert {"vpc", "subnet", "internet-gateway", "route-table", "security-group", "instance",
            "volume"} <= kinds  # fmt: skip


def test_what_is_there_is_adopted_without_its_ids(tap: Tap, tmp_path: Path) -> None:
    """Nothing but the cluster's id is needed to find everything again."""
    cluster = site(tap, tmp_path)
    cluster.up()
    records = load(cluster.provider.folder)
    assert records is not None
    records.begun.clear()
    records.images.clear()
    records.zones = ()
    records.endpoint = ""
    records.addresses.clear()
    records.tokens.clear()
    records.save()
    assert cluster.up() == []
    after = load(cluster.provider.folder)
    assert after is not None
    assert after.endpoint.endswith(".amazonaws.com")
    assert after.zones == ("ap-northeast-2a",)


def test_what_is_otherwise_is_refused_with_the_difference(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path).up()
    changed = site(tap, tmp_path, aws="types: {workers: [t3.large]}")
    before = len(tap.calls)
    with refused(RefusedError, "worker-0 (i-", "InstanceType is t3.small", "says t3.large"):
        changed.up()
    assert writes(tap.actions[before:]) == []


def test_another_image_is_a_difference_and_the_former_stays_the_former(
    tap: Tap, tmp_path: Path
) -> None:
    site(tap, tmp_path).up()
    with refused(RefusedError, "ImageId is ami-0ca00000000024040", "says ami-0de00000000000120"):
        site(tap, tmp_path, aws="image: debian-12").up()
    assert site(tap, tmp_path).up() == []


def test_two_of_one_thing_stop_everything(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    own = next(v for v in ec2().describe_vpcs()["Vpcs"] if not v["IsDefault"])
    again = ec2().create_vpc(
        CidrBlock="10.0.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": own["Tags"]}],
    )["Vpc"]["VpcId"]
    with refused(RefusedError, "vpc exists 2 times", again, own["VpcId"]):
        cluster.up()
    # Both bear our tags: `down` removes both.
    cluster.down()
    assert tap.left == []


def test_a_load_balancer_with_our_name_and_not_our_tags_is_not_ours(
    tap: Tap, tmp_path: Path
) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    arn = elb().describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    elb().remove_tags(ResourceArns=[arn], TagKeys=[names.CLUSTER])
    before = len(tap.calls)
    for run in (cluster.up, cluster.down):
        with refused(RefusedError, arn, "not hardway's"):
            run()
    assert writes(tap.actions[before:]) == []


def test_clusters_side_by_side_do_not_see_each_other(tap: Tap, tmp_path: Path) -> None:
    first = site(tap, tmp_path)
    first.up()
    second = site(tap, tmp_path / "b")
    object.__setattr__(second.provider, "spec", second.provider.spec.model_copy(
        update={"name": "demo-2"}))  # fmt: skip
    second.cluster = type(second.cluster)(
        **{f: getattr(second.cluster, f) for f in second.cluster.__slots__} | {"name": "demo-2"}
    )
    second.up()
    mine = {i.id for i in tap.world.instances()}
    first.down()
    left = {i.id for i in tap.world.instances() if i.state != "terminated"}
    assert len(mine) == 4
    assert len(left) == 2
    assert any(name.startswith("demo-2-") for name in tap.left)
    second.down()
    assert tap.left == []


def test_the_same_name_in_another_folder_is_a_clash(tap: Tap, tmp_path: Path) -> None:
    first = site(tap, tmp_path)
    first.up()
    records = load(first.provider.folder)
    assert records is not None
    with refused(PreflightError, f"{records.id} is in the account already", "aws adopt"):
        other(tap, tmp_path).preflight()


def test_down_without_the_folder_finds_all_by_tags(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path, machines="3, workers: 3", aws="zones: 3")
    cluster.up()
    shutil.rmtree(cluster.provider.folder)
    assert len(asyncio.run(cluster.provider.belongings("demo"))) > 5
    cluster.down()
    assert tap.left == []


def test_down_with_only_a_target_group_left(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    cluster.down()
    elb().create_target_group(
        Name="demo-0a1b2c", Protocol="TCP", Port=6443, TargetType="ip",
        VpcId=ec2().describe_vpcs()["Vpcs"][0]["VpcId"],
        Tags=names.as_list(names.tags("demo-0a1b2c", "target-group", "me", {})),
    )  # fmt: skip
    cluster.down()
    assert tap.left == []


def test_down_without_the_folder_does_not_guess_among_two(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path).up()
    other(tap, tmp_path).up()
    lost = site(tap, tmp_path / "third")
    before = tap.left
    with refused(RefusedError, "several clusters", "hardway aws adopt"):
        lost.down()
    assert tap.left == before
    chosen = asyncio.run(whose.listed(lost.provider.api))[0]
    asyncio.run(whose.adopt(lost.provider.api, lost.provider.folder, chosen.id))
    lost.down()
    assert [row.id for row in asyncio.run(whose.listed(lost.provider.api))] != [chosen.id]
    assert len(asyncio.run(whose.listed(lost.provider.api))) == 1


def test_down_without_the_folder_leaves_what_somebody_else_made(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    shutil.rmtree(cluster.provider.folder)
    vpc = next(v for v in ec2().describe_vpcs()["Vpcs"] if not v["IsDefault"])
    tags = [{"Key": names.MADE_BY, "Value": "arn:aws:iam::123456789012:user/somebody-else"}]
    ec2().create_tags(Resources=[vpc["VpcId"]], Tags=tags)
    with refused(RefusedError, "somebody-else", "hardway aws list"):
        cluster.down()
    asyncio.run(
        whose.adopt(cluster.provider.api, cluster.provider.folder, names.read(vpc)[names.CLUSTER])
    )
    cluster.down()
    assert tap.left == []


def test_another_account_is_not_mistaken_for_ours(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    records = load(cluster.provider.folder)
    assert records is not None
    records.account = "999999999999"
    records.save()
    for run in (cluster.up, cluster.down, cluster.preflight):
        with refused(RefusedError, "account 999999999999", "account 123456789012"):
            run()
    assert len(instances(tap)) == 2


def test_a_broken_file_is_not_overwritten(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    cluster.records().write_text("{}")
    with refused(RefusedError, "aws.json", "hardway aws list"):
        cluster.up()
    assert cluster.records().read_text() == "{}"


def _shared(tap: Tap) -> tuple[str, str]:
    """Make somebody's VPC with a gateway and a subnet; return the ids of VPC and subnet."""
    vpc = ec2().create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2().create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2().attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnet = ec2().create_subnet(VpcId=vpc, CidrBlock="10.9.40.0/24")["Subnet"]["SubnetId"]
    return vpc, subnet


def test_a_shared_vpc_is_used_and_never_changed(tap: Tap, tmp_path: Path) -> None:
    vpc, subnet = _shared(tap)
    theirs = tap.left
    cluster = site(tap, tmp_path, aws=f"vpc: {vpc}", more="network: {nodes: 10.9.0.0/20}")
    cluster.preflight()
    calls = cluster.up()
    assert not {"CreateVpc", "CreateInternetGateway", "AttachInternetGateway"} & set(calls)
    assert {i.vpc_id for i in instances(tap).values()} == {vpc}
    assert "10.9.1.20" in {i.private_ip for i in instances(tap).values()}
    assert cluster.up() == []
    calls = cluster.down()
    assert not {"DeleteVpc", "DetachInternetGateway", "DeleteInternetGateway"} & set(calls)
    assert tap.left == theirs
    things = [vpc, subnet]
    rows = ec2().describe_tags(Filters=[{"Name": "resource-id", "Values": things}])["Tags"]
    assert rows == []


def test_routes_in_a_shared_table_are_asked_of_its_owner(tap: Tap, tmp_path: Path) -> None:
    vpc, subnet = _shared(tap)
    theirs = tap.left
    cluster = site(tap, tmp_path, more="network: {nodes: 10.9.0.0/16}",
                   aws=f"vpc: {vpc}, subnets: [{{id: {subnet}, cidr: 10.9.40.0/24}}]")  # fmt: skip
    with refused(ProviderError, "hardway does not change shared", "10.200.0.0/24 via worker-0"):
        cluster.up()
    table = ec2().describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    own = table["RouteTables"][0]["RouteTableId"]
    ec2().create_route(RouteTableId=own, DestinationCidrBlock="10.200.0.0/24",
                       InstanceId=instances(tap)["worker-0"].id)  # fmt: skip
    before = len(tap.calls)
    cluster.up()
    assert writes(tap.actions[before:]) == []
    cluster.down()
    assert tap.left == theirs


def test_what_others_put_into_our_vpc_is_reported_and_left(tap: Tap, tmp_path: Path) -> None:
    # Each pass of `down` removes something, however long it takes, until nothing of ours is left.
    tap.change(pending_looks=0, linger_looks=0)
    cluster = site(tap, tmp_path)
    cluster.up()
    vpc = next(v for v in ec2().describe_vpcs()["Vpcs"] if not v["IsDefault"])["VpcId"]
    group = ec2().create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]
    cluster.provider = replace(cluster.provider, timing=replace(TIMING, removal_s=0.2))
    with refused(ProviderError, "1 resources of demo-", vpc, "0.00 $/h", "in the way", group):
        cluster.down()
    assert group in tap.left
    ec2().delete_security_group(GroupId=group)
    cluster.down()
    assert tap.left == []
