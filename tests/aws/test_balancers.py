"""Load balancers of the fake AWS."""

import re

import pytest
from tests.aws.support import (
    balancer,
    ec2,
    elb,
    listener,
    network,
    refused,
    run,
    state,
    target_group,
)
from tests.aws.tap import Tap


def _state() -> str:
    (found,) = elb().describe_load_balancers()["LoadBalancers"]
    return str(found["State"]["Code"])


def test_a_load_balancer_takes_its_time(tap: Tap) -> None:
    made = balancer(network())
    assert made["State"]["Code"] == "provisioning"
    assert [_state() for _ in range(3)] == ["provisioning", "provisioning", "active"]


def test_its_name_in_dns_is_known_at_once_and_stays(tap: Tap) -> None:
    made = balancer(network())
    number = made["LoadBalancerArn"].rpartition("/")[2]
    assert made["DNSName"] == f"lab-{number}.elb.ap-northeast-2.amazonaws.com"
    (found,) = elb().describe_load_balancers()["LoadBalancers"]
    assert found["DNSName"] == made["DNSName"]


def test_creating_again_with_equal_settings_is_the_same_one(tap: Tap) -> None:
    net = network()
    made, group = balancer(net), target_group(net)
    assert balancer(net)["LoadBalancerArn"] == made["LoadBalancerArn"]
    assert target_group(net) == group
    first = listener(made["LoadBalancerArn"], group)
    assert listener(made["LoadBalancerArn"], group) == first
    with refused("DuplicateLoadBalancerName"):
        balancer(net, SecurityGroups=[])
    with refused("DuplicateTargetGroupName"):
        target_group(net, Port=443)
    with refused("DuplicateListener"):
        listener(made["LoadBalancerArn"], target_group(net, "other"))
    elb().delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    assert balancer(net, SecurityGroups=[])["LoadBalancerArn"] != made["LoadBalancerArn"]


@pytest.mark.parametrize("name", ["x" * 33, "-lab", "lab_1", "internal-lab"])
def test_names_have_rules(tap: Tap, name: str) -> None:
    net = network()
    with refused("ValidationError"):
        balancer(net, name)
    with refused("ValidationError"):
        target_group(net, name)


def test_it_needs_an_internet_gateway(tap: Tap) -> None:
    net = network()
    ec2().detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)
    with refused("InvalidSubnet"):
        balancer(net)
    balancer(net, Scheme="internal")


def test_its_address_may_be_one_that_a_machine_was_meant_to_have(tap: Tap) -> None:
    tap.change(balancer_address="10.0.1.20")
    net = network()
    balancer(net)
    with refused("InvalidIPAddress.InUse"):
        run(net, "10.0.1.20")


def _health(group: str) -> list[tuple[str, str]]:
    rows = elb().describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return [(row["Target"]["Id"], row["TargetHealth"]["State"]) for row in rows]


def test_health_of_targets(tap: Tap) -> None:
    net = network()
    made, group = balancer(net), target_group(net)
    targets = [{"Id": "10.0.1.10", "Port": 6443}, {"Id": "10.0.1.11", "Port": 6443}]
    elb().register_targets(TargetGroupArn=group, Targets=targets)
    assert _health(group) == [("10.0.1.10", "unused"), ("10.0.1.11", "unused")]
    listener(made["LoadBalancerArn"], group)
    assert _health(group) == [("10.0.1.10", "unhealthy"), ("10.0.1.11", "unhealthy")]
    there = run(net, "10.0.1.10")
    while state(there) != "running":
        pass
    assert [_health(group)[0][1] for _ in range(3)] == ["initial", "initial", "healthy"]
    assert _health(group)[1] == ("10.0.1.11", "unhealthy")
    tap.hooks.healthy = lambda address, port: (address, port) == ("10.0.1.11", 6443)
    assert _health(group) == [("10.0.1.10", "unhealthy"), ("10.0.1.11", "healthy")]


def test_a_target_group_in_use_stays(tap: Tap) -> None:
    net = network()
    made, group = balancer(net), target_group(net)
    listener(made["LoadBalancerArn"], group)
    with refused("ResourceInUse"):
        elb().delete_target_group(TargetGroupArn=group)
    elb().delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    elb().delete_target_group(TargetGroupArn=group)
    assert not [name for name in tap.left if re.search("loadbalancer|targetgroup", name)]
