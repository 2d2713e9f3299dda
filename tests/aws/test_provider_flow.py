"""A cluster from nothing to nothing: what is made, in which order, and again without a change."""

import asyncio
import base64
import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.aws.builder import instances, site
from tests.aws.support import ec2, elb
from tests.aws.tap import Broken, Fault, Tap, When
from tests.aws.trial import quick

from hardway.errors import ProviderError
from hardway.model.cluster import EndpointKind
from hardway.providers.base import MachineState


@pytest.fixture(autouse=True)
def _quick(tap: Tap) -> Iterator[None]:
    with quick():
        yield


@pytest.mark.parametrize("zones", [1, 3])
def test_up_and_down(tap: Tap, tmp_path: Path, zones: int) -> None:
    cluster = site(tap, tmp_path, machines="3, workers: 3", aws=f"zones: {zones}")
    cluster.preflight()
    cluster.up()
    addresses = {role: i.private_ip for role, i in instances(tap).items()}
    assert addresses == {
        1: {"controller-0": "10.0.1.10", "controller-1": "10.0.1.11", "controller-2": "10.0.1.12",
            "worker-0": "10.0.1.20", "worker-1": "10.0.1.21", "worker-2": "10.0.1.22"},
        3: {"controller-0": "10.0.1.10", "controller-1": "10.0.2.10", "controller-2": "10.0.3.10",
            "worker-0": "10.0.1.20", "worker-1": "10.0.2.20", "worker-2": "10.0.3.20"},
    }[zones]  # fmt: skip
    assert len(ec2().describe_subnets(Filters=_ours(cluster))["Subnets"]) == zones
    assert len({i.placement.zone for i in instances(tap).values()}) == zones
    settled = cluster.provider.settled(cluster.cluster)
    assert settled.endpoint.kind is EndpointKind.MADE
    assert settled.endpoint.host == elb().describe_load_balancers()["LoadBalancers"][0]["DNSName"]
    cluster.down()
    assert tap.left == []
    assert any(line.startswith("0 resources") for line in cluster.said)
    assert not cluster.records().exists()


def _ours(cluster: object) -> list[dict[str, object]]:
    return [{"Name": "tag:hardway.dev/managed-by", "Values": ["hardway"]}]


def test_up_again_writes_nothing(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    assert "RunInstances" in cluster.up()
    assert cluster.up() == []
    assert asyncio.run(cluster.provider.outlook(cluster.cluster)).changes == ()


def test_machines_are_as_safe_as_said(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path).up()
    run = [call for call in tap.calls if call.action == "RunInstances"]
    assert len(run) == 2
    for call in run:
        assert call.get("MetadataOptions.HttpTokens") == "required"
        assert call.get("MetadataOptions.HttpPutResponseHopLimit") == "1"
        disk = call.below("BlockDeviceMapping.1.Ebs.")
        assert disk["Ebs.Encrypted" if "Ebs.Encrypted" in disk else "Encrypted"] == "true"
        assert call.get("BlockDeviceMapping.1.Ebs.DeleteOnTermination") == "true"
        assert call.get("BlockDeviceMapping.1.Ebs.VolumeType") == "gp3"
        assert not any("IamInstanceProfile" in key for key in call.parameters)
    described = ec2().describe_instances()["Reservations"]
    checks = [i["SourceDestCheck"] for r in described for i in r["Instances"]]
    assert checks == [False, False]


def test_user_data_brings_name_and_keys(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    keys = cluster.provider.keys
    for call in (call for call in tap.calls if call.action == "RunInstances"):
        text = base64.b64decode(call.get("UserData")).decode()
        assert text.startswith("#cloud-config\n")
        data = yaml.safe_load(text)
        name = data["hostname"]
        # The key that a machine keeps is not the one that others can read.
        assert data["ssh_keys"]["ed25519_private"] == (keys / f"{name}.first").read_text()
        assert (keys / name).read_text() not in text
        assert (keys / "operator").read_text() not in text
        assert data["users"][1]["ssh_authorized_keys"] == [
            (keys / "operator.pub").read_text().strip()
        ]
        assert len(text) < 16384
    for file in ("operator", "controller-0", "controller-0.first"):
        assert (keys / file).stat().st_mode & 0o777 == 0o600
    assert cluster.records().stat().st_mode & 0o777 == 0o600


def test_groups_let_in_no_more_than_needed(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path, machines="3, workers: 2")
    cluster.up()
    world = {row["CidrIpv4"] for row in _rules() if "CidrIpv4" in row}
    addresses = {f"{i.public_ip}/32" for r, i in instances(tap).items() if r.startswith("worker")}
    assert world == {"203.0.113.7/32", "10.200.0.0/16", *addresses}
    from_outside = Counter(
        (row["CidrIpv4"], row["FromPort"]) for row in _rules() if row.get("CidrIpv4") in addresses
        or row.get("CidrIpv4") == "203.0.113.7/32"
    )  # fmt: skip
    assert from_outside == {
        ("203.0.113.7/32", 22): 2,
        ("203.0.113.7/32", 6443): 1,
        **{(address, 6443): 1 for address in addresses},
    }


def _rules() -> list[dict[str, object]]:
    groups = ec2().describe_security_groups(Filters=_ours(None))["SecurityGroups"]
    ids = [{"Name": "group-id", "Values": [group["GroupId"] for group in groups]}]
    rows = ec2().describe_security_group_rules(Filters=ids)["SecurityGroupRules"]
    return [row for row in rows if not row["IsEgress"]]


def test_another_operator_is_let_in_and_the_former_is_not(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path).up()
    other = site(tap, tmp_path, more="")
    moved = other.provider.spec.model_copy(
        update={"aws": other.provider.spec.aws.model_copy(
            update={"operators": (type(other.cluster.node_cidr)("198.51.100.200/32"),)})}
    )  # fmt: skip
    object.__setattr__(other.provider, "spec", moved)
    assert set(other.up()) == {"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"}
    world = {row.get("CidrIpv4") for row in _rules()}
    assert "198.51.100.200/32" in world
    assert "203.0.113.7/32" not in world


def test_a_rule_added_by_hand_stays(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    groups = ec2().describe_security_groups(Filters=_ours(None))["SecurityGroups"]
    own = next(g["GroupId"] for g in groups if g["GroupName"].endswith("workers"))
    ec2().authorize_security_group_ingress(
        GroupId=own, IpProtocol="tcp", FromPort=30080, ToPort=30080, CidrIp="192.0.2.0/24"
    )
    assert cluster.up() == []
    assert "192.0.2.0/24" in {row.get("CidrIpv4") for row in _rules()}
    cluster.down()
    assert tap.left == []


def test_the_balancer_checks_that_servers_are_ready(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path, machines="3, workers: 1", more="endpoint: {port: 443}").up()
    group = elb().describe_target_groups()["TargetGroups"][0]
    assert (group["HealthCheckProtocol"], group["HealthCheckPath"]) == ("HTTPS", "/readyz")
    arn = group["TargetGroupArn"]
    attributes = elb().describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    assert {"Key": "preserve_client_ip.enabled", "Value": "false"} in attributes
    targets = elb().describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert {(t["Target"]["Id"], t["Target"]["Port"]) for t in targets} == {
        ("10.0.1.10", 6443), ("10.0.1.11", 6443), ("10.0.1.12", 6443)}  # fmt: skip
    balancer = elb().describe_load_balancers()["LoadBalancers"][0]
    assert len(balancer["SecurityGroups"]) == 1
    listener = elb().describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert [row["Port"] for row in listener] == [443]


def test_the_load_balancer_takes_no_machines_address(tap: Tap, tmp_path: Path) -> None:
    """AWS gives it any free address of the subnet; those of machines are not free by then."""
    tap.change(balancer_address="10.0.1.20")
    cluster = site(tap, tmp_path)
    cluster.up()
    assert {i.private_ip for i in instances(tap).values()} == {"10.0.1.10", "10.0.1.20"}


def test_down_removes_in_the_order_of_what_needs_what(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    calls = cluster.down()
    order = ("DeleteListener", "DeleteLoadBalancer", "DeleteSecurityGroup", "DeleteVpc")
    assert [name for name in dict.fromkeys(calls) if name in order] == list(order)
    last = {name: len(calls) - 1 - calls[::-1].index(name) for name in set(calls)}
    assert last["TerminateInstances"] < calls.index("DetachInternetGateway")
    assert last["DeleteLoadBalancer"] < calls.index("DetachInternetGateway")
    # Nothing is tried in vain: each once, whatever takes its time.
    assert Counter(calls)["DeleteVpc"] == 1
    assert Counter(calls)["DeleteLoadBalancer"] == 1
    assert Counter(calls)["DetachInternetGateway"] == 1


def test_states_stop_and_start(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    provider, machine = cluster.provider, cluster.cluster.workers[0]
    absent = dict.fromkeys(("controller-0", "worker-0"), MachineState.ABSENT)
    assert asyncio.run(provider.states(cluster.cluster)) == absent
    cluster.up()
    before = instances(tap)["worker-0"].public_ip
    asyncio.run(provider.stop(cluster.cluster, machine, force=True))
    states = asyncio.run(provider.states(cluster.cluster))
    assert states == {"controller-0": MachineState.RUNNING, "worker-0": MachineState.STOPPED}
    cluster.up()
    after = instances(tap)["worker-0"].public_ip
    world = {row.get("CidrIpv4") for row in _rules()}
    assert before != after
    assert f"{after}/32" in world
    assert f"{before}/32" not in world
    assert f"root@{after}" in provider.ssh_command(machine, [])


def test_an_interrupted_up_ends_its_call_and_goes_on_later(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)

    async def interrupted() -> None:
        running = asyncio.ensure_future(cluster.provider.ensure(cluster.cluster, cluster.say))
        while "ec2:RunInstances" not in tap.actions:
            await asyncio.sleep(0.001)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(interrupted())
    assert any("AWS bills what is there until: hardway down" in line for line in cluster.said)
    cluster.up()
    assert len(instances(tap)) == 2
    cluster.down()
    assert tap.left == []


def test_tokens_are_on_record_before_the_instance_is_asked_for(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    run = {call.get("ClientToken") for call in tap.calls if call.action == "RunInstances"}
    assert {t["nonce"] for t in json.loads(cluster.records().read_text())["tokens"].values()} == run
    assert len(run) == 2


def test_a_worker_that_was_terminated_is_made_again(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path, machines="1, workers: 2")
    cluster.up()
    gone = instances(tap)["worker-1"].id
    tap.change(pending_looks=6)
    ec2().terminate_instances(InstanceIds=[gone])
    calls = cluster.up()
    new = instances(tap)["worker-1"]
    assert new.id != gone
    assert new.private_ip == "10.0.1.21"
    # Once with the token of the one that is gone, which AWS refuses.
    assert calls.count("RunInstances") == 2
    assert "ReplaceRoute" in calls
    assert any("waiting until AWS shows" in line for line in cluster.said)


@pytest.mark.parametrize(
    "action",
    ["CreateVpc", "CreateInternetGateway", "ImportKeyPair", "CreateSubnet", "CreateRouteTable",
     "CreateSecurityGroup", "RunInstances", "CreateTargetGroup", "CreateLoadBalancer",
     "CreateListener", "AuthorizeSecurityGroupIngress", "CreateRoute"],
)  # fmt: skip
def test_a_lost_answer_makes_nothing_twice(tap: Tap, tmp_path: Path, action: str) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    at = next(call.number for call in tap.calls if call.action == action)
    cluster.down()
    tap.reset()
    before = Counter(name.partition("-")[0] for name in tap.left)
    tap.fault = Fault(at=at, when=When.AFTER, error=Broken())
    with contextlib.suppress(ProviderError):
        cluster.up()
    cluster.up()
    made = Counter(name.partition("-")[0] for name in tap.left) - before
    assert (made["vpc"], made["igw"], made["rtb"], made["subnet"], made["i"]) == (1, 1, 2, 1, 2)
    cluster.down()
    assert tap.left == []
