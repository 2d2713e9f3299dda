"""What tests of the fake AWS begin with: clients, and a network with an instance in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

IMAGE = "ami-0de00000000000120"
TAGS = {"owner": "somebody", "purpose": "else"}


@cache
def client(service: str) -> Any:
    """Return a client that asks once and no more."""
    return boto3.client(service, config=Config(retries={"total_max_attempts": 1}))


def ec2() -> Any:
    """Return a client of EC2."""
    return client("ec2")


def elb() -> Any:
    """Return a client of ELBv2."""
    return client("elbv2")


def tagged(*kinds: str, **more: str) -> list[dict[str, Any]]:
    """Return the tags to give what is created."""
    rows = [{"Key": key, "Value": value} for key, value in {**TAGS, **more}.items()]
    return [{"ResourceType": kind, "Tags": rows} for kind in kinds]


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect AWS to say no, with a code."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


@dataclass(frozen=True)
class Net:
    """A VPC with one of everything."""

    vpc: str
    subnet: str
    gateway: str
    group: str
    table: str


def network() -> Net:
    """Make a network as a provisioner does."""
    vpc = ec2().create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = ec2().create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2().create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2().attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2().create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2().associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2().create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    group = ec2().create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)
    ec2().import_key_pair(KeyName="operator", PublicKeyMaterial=PUBLIC_KEY)
    return Net(vpc, subnet, gateway, group["GroupId"], table)


PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPnQpHVWJhX0ynZcYnL7GVRD0Ks1LwNuXm0vdBcpkOT7 me"


def run(net: Net, address: str = "10.0.1.20", **more: Any) -> str:
    """Start an instance at an address; return its id."""
    interface = {
        "DeviceIndex": 0,
        "SubnetId": net.subnet,
        "Groups": [net.group],
        "PrivateIpAddress": address,
        "AssociatePublicIpAddress": True,
    }
    asked = {
        "ImageId": IMAGE, "InstanceType": "t3.small", "KeyName": "operator", "MinCount": 1,
        "MaxCount": 1, "NetworkInterfaces": [interface],
        "TagSpecifications": tagged("instance", "volume", "network-interface"),
    }  # fmt: skip
    made: str = ec2().run_instances(**asked | more)["Instances"][0]["InstanceId"]
    return made


def instance(instance_id: str) -> dict[str, Any]:
    """Look at an instance."""
    rows = ec2().describe_instances(InstanceIds=[instance_id])["Reservations"]
    found: dict[str, Any] = rows[0]["Instances"][0]
    return found


def state(instance_id: str) -> str:
    """Look at an instance's state."""
    found: str = instance(instance_id)["State"]["Name"]
    return found


def balancer(net: Net, name: str = "lab", **more: Any) -> dict[str, Any]:
    """Make a network load balancer."""
    asked = {"Name": name, "Type": "network", "Scheme": "internet-facing",
             "Subnets": [net.subnet], "SecurityGroups": [net.group]}  # fmt: skip
    made: dict[str, Any] = elb().create_load_balancer(**asked | more)["LoadBalancers"][0]
    return made


def target_group(net: Net, name: str = "lab", **more: Any) -> str:
    """Make a target group of addresses with the health check of an API server."""
    asked = {"Name": name, "Protocol": "TCP", "Port": 6443, "VpcId": net.vpc, "TargetType": "ip",
             "HealthCheckProtocol": "HTTPS", "HealthCheckPath": "/readyz"}  # fmt: skip
    made: str = elb().create_target_group(**asked | more)["TargetGroups"][0]["TargetGroupArn"]
    return made


def listener(balancer_arn: str, group_arn: str) -> str:
    """Let a load balancer forward to a target group."""
    forward = [{"Type": "forward", "TargetGroupArn": group_arn}]
    made = elb().create_listener(
        LoadBalancerArn=balancer_arn, Protocol="TCP", Port=443, DefaultActions=forward
    )
    found: str = made["Listeners"][0]["ListenerArn"]
    return found
