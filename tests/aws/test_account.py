"""The account of the fake AWS: quotas, throttling, consistency, permissions, failures."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config
from tests.aws import policy, serve
from tests.aws.support import client, ec2, elb, network, refused, run, state
from tests.aws.tap import Broken, Fault, Killed, Tap, When
from tests.aws.wire import Refused
from tests.guard import GUARD, Forbidden

EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": ["ec2:*"], "Resource": "*"}]}
ONCE = Config(retries={"total_max_attempts": 1})


def test_quotas(tap: Tap) -> None:
    tap.change(vpcs=2, vcpus=2, routes=3)
    net = network()
    with refused("VpcLimitExceeded"):
        network()
    run(net, "10.0.1.20")
    with refused("VcpuLimitExceeded"):
        run(net, "10.0.1.21")
    with refused("RouteLimitExceeded"):
        for number in range(2):
            where = f"10.200.{number}.0/24"
            ec2().create_route(
                RouteTableId=net.table, DestinationCidrBlock=where, GatewayId=net.gateway
            )
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
    assert client("service-quotas").get_service_quota(**asked)["Quota"]["Value"] == 2
    with refused("NoSuchResourceException"):
        client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-0")


def test_terminated_instances_do_not_count(tap: Tap) -> None:
    tap.change(vcpus=2)
    net = network()
    ec2().terminate_instances(InstanceIds=[run(net)])
    run(net, "10.0.1.21")


def test_capacity(tap: Tap) -> None:
    net = network()
    zone = ec2().describe_subnets(SubnetIds=[net.subnet])["Subnets"][0]["AvailabilityZone"]
    tap.change(no_capacity=frozenset({f"t3.small/{zone}"}))
    with refused("InsufficientInstanceCapacity"):
        run(net)
    run(net, InstanceType="t3.medium")


def test_throttling(tap: Tap) -> None:
    tap.change(throttled_calls=frozenset({1, 2, 3}))
    with refused("RequestLimitExceeded"):
        ec2().describe_vpcs()
    with refused("Throttling"):
        elb().describe_load_balancers()
    with refused("ThrottlingException"):
        client("ssm").get_parameter(Name="x")
    ec2().describe_vpcs()


def test_what_was_just_created_is_not_found_yet(tap: Tap) -> None:
    tap.change(unknown_looks=2)
    vpc = ec2().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    mine = [{"Name": "cidr", "Values": ["10.0.0.0/16"]}]
    assert ec2().describe_vpcs(Filters=mine)["Vpcs"] == []
    with refused("InvalidVpcID.NotFound"):
        ec2().create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
    assert [row["VpcId"] for row in ec2().describe_vpcs(Filters=mine)["Vpcs"]] == [vpc]


def test_a_new_instance_is_not_found_yet(tap: Tap) -> None:
    net = network()
    tap.change(unknown_looks=1)
    made = run(net)
    assert ec2().describe_instances()["Reservations"] == []
    assert state(made) == "pending"


def test_a_policy_is_kept(tap: Tap) -> None:
    tap.change(allowed=EVERYTHING)
    ec2().describe_vpcs()
    client("sts").get_caller_identity()
    with refused("AccessDenied"):
        elb().describe_load_balancers()
    with refused("AccessDeniedException"):
        client("ssm").get_parameter(Name="x")
    tap.change(allowed={"Statement": [{"Effect": "Allow", "Action": "ec2:Describe*"}]})
    ec2().describe_vpcs()
    with refused("UnauthorizedOperation"):
        ec2().create_vpc(CidrBlock="10.0.0.0/16")
    assert tap.left == []


def test_what_of_a_policy_nobody_needed(tap: Tap) -> None:
    statement = {"Effect": "Allow", "Action": ["ec2:CreateVpc", "ec2:describe*"]}
    assert policy.unused({"Statement": [statement]}, frozenset({"ec2:DescribeVpcs"})) == [
        "ec2:CreateVpc"
    ]


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("create_vpc", {"CidrBlock": "10.0.0.0/16"}),
        ("create_route_table", {"VpcId": "vpc-1"}),
        ("create_internet_gateway", {}),
    ],
)
def test_a_dry_run_changes_nothing(tap: Tap, action: str, asked: dict[str, Any]) -> None:
    with refused("DryRunOperation"):
        getattr(ec2(), action)(**asked, DryRun=True)
    assert tap.left == []
    tap.change(allowed={"Statement": []})
    with refused("UnauthorizedOperation"):
        getattr(ec2(), action)(**asked, DryRun=True)


@pytest.mark.parametrize(("when", "made"), [(When.BEFORE, 0), (When.AFTER, 1)])
def test_a_call_fails_before_or_after_it_took_effect(tap: Tap, when: When, made: int) -> None:
    vpcs = len(tap.world.vpcs())
    tap.fault = Fault(at=2, when=when, error=Refused("InternalError", "as asked", 500))
    ec2().describe_vpcs()
    with refused("InternalError"):
        ec2().create_vpc(CidrBlock="10.0.0.0/16")
    assert len(tap.world.vpcs()) == vpcs + made
    ec2().describe_vpcs()
    assert tap.actions == ["ec2:DescribeVpcs", "ec2:CreateVpc", "ec2:DescribeVpcs"]


def test_a_broken_connection_and_a_killed_program(tap: Tap) -> None:
    tap.fault = Fault(at=1, when=When.BEFORE, error=Broken(), lasting=True)
    for _ in range(2):
        with pytest.raises(botocore.exceptions.ConnectionClosedError):
            ec2().describe_vpcs()
    tap.fault = Fault(at=3, when=When.AFTER, error=Killed())
    with pytest.raises(Killed):
        ec2().create_vpc(CidrBlock="10.0.0.0/16")
    assert tap.left


def test_clients_ask_again_when_an_answer_was_lost(tap: Tap) -> None:
    """Which is how one call makes two VPCs."""
    eager = boto3.client("ec2", config=Config(retries={"mode": "standard"}))
    tap.fault = Fault(at=1, when=When.AFTER, error=Broken())
    before = len(tap.world.vpcs())
    eager.create_vpc(CidrBlock="10.0.0.0/16")
    assert len(tap.world.vpcs()) == before + 2


def test_moto_failing_is_a_problem_of_the_test(tap: Tap) -> None:
    with pytest.raises(botocore.exceptions.ClientError):
        client("ssm").describe_instance_information()
    assert [p for p in tap.account.problems if "moto failed" in p]
    tap.account.problems.clear()


def test_over_http_for_other_programs(tap: Tap) -> None:
    program = "import boto3; print(boto3.client('ec2').describe_vpcs()['Vpcs'][0]['CidrBlock'])"
    with serve.listening(tap) as environment:
        argv = [sys.executable, "-c", program]
        said = subprocess.run(
            argv, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert said.stdout == "172.31.0.0/16\n", said.stderr
        tap.fault = Fault(at=2, when=When.BEFORE, error=Broken(), lasting=True)
        said = subprocess.run(
            argv, env={**os.environ, **environment, "AWS_MAX_ATTEMPTS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "ConnectionClosedError" in said.stderr


def test_threads_and_programs_that_ask_at_once_all_reach_the_account(tap: Tap) -> None:
    threads, each = 3, 20
    program = f"import boto3; c = boto3.client('ec2'); [c.describe_vpcs() for _ in range({each})]"

    def ask(_: int) -> None:
        for _ in range(each):
            ec2().describe_vpcs()

    with serve.listening(tap) as environment, ThreadPoolExecutor(threads) as pool:
        with subprocess.Popen([sys.executable, "-c", program], env=os.environ | environment) as one:
            list(pool.map(ask, range(threads)))
        assert one.returncode == 0
    assert tap.actions == ["ec2:DescribeVpcs"] * (threads + 1) * each


def test_outside_of_the_account_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a client that names no endpoint, nor by one that names AWS's own."""
    for name, value in serve.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(botocore.exceptions.EndpointConnectionError, match=r"127\.0\.0\.1:9/"):
        boto3.client("ec2", config=ONCE).describe_vpcs()
    real = "https://ec2.ap-northeast-2.amazonaws.com"
    with pytest.raises(Forbidden, match=r"getaddrinfo of ec2.ap-northeast-2.amazonaws.com"):
        boto3.client("ec2", endpoint_url=real).describe_vpcs()
    GUARD.refusals.clear()
