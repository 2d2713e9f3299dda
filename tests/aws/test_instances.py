"""Instances of the fake AWS: tokens, states, addresses."""

from tests.aws.support import (
    TAGS,
    ec2,
    instance,
    network,
    refused,
    run,
    state,
)
from tests.aws.tap import Tap


def test_an_instance_is_pending_then_runs_then_shuts_down(tap: Tap) -> None:
    made = run(network())
    assert [state(made) for _ in range(4)] == ["pending", "pending", "running", "running"]
    gone = ec2().terminate_instances(InstanceIds=[made])["TerminatingInstances"][0]
    assert (gone["PreviousState"]["Name"], gone["CurrentState"]["Name"]) == (
        "running",
        "shutting-down",
    )
    assert [state(made) for _ in range(3)] == ["shutting-down", "shutting-down", "terminated"]
    again = ec2().terminate_instances(InstanceIds=[made])["TerminatingInstances"][0]
    assert again["CurrentState"]["Name"] == "terminated"


def test_filters_see_the_same_states(tap: Tap) -> None:
    made = run(network())
    wanted = [{"Name": "instance-state-name", "Values": ["running"]}]
    seen = [bool(ec2().describe_instances(Filters=wanted)["Reservations"]) for _ in range(3)]
    assert seen == [False, False, True]
    assert state(made) == "running"


def test_a_stopped_instance_has_another_public_address_when_started(tap: Tap) -> None:
    made = run(network())
    before = instance(made)["PublicIpAddress"]
    assert before.startswith("198.51.100.")
    ec2().stop_instances(InstanceIds=[made])
    with refused("IncorrectInstanceState"):
        ec2().start_instances(InstanceIds=[made])
    assert [state(made) for _ in range(3)] == ["stopping", "stopping", "stopped"]
    assert "PublicIpAddress" not in instance(made)
    ec2().start_instances(InstanceIds=[made])
    assert state(made) == "pending"
    assert instance(made)["PublicIpAddress"] != before


def test_hooks_decide_when_machines_are_there_and_gone(tap: Tap) -> None:
    tap.change(pending_looks=0)
    ready = False
    tap.hooks.boots = lambda _: ready
    tap.hooks.ended = lambda _: not ready
    made = run(network())
    assert [state(made) for _ in range(3)] == ["pending"] * 3
    ready = True
    assert state(made) == "running"
    ec2().terminate_instances(InstanceIds=[made])
    assert state(made) == "shutting-down"
    ready = False
    assert state(made) == "terminated"


def test_the_same_token_is_the_same_instance(tap: Tap) -> None:
    net = network()
    first = run(net, ClientToken="t-1")
    assert run(net, ClientToken="t-1") == first
    with refused("IdempotentParameterMismatch"):
        run(net, "10.0.1.21", ClientToken="t-1")
    wanted = [{"Name": "client-token", "Values": ["t-1"]}]
    rows = ec2().describe_instances(Filters=wanted)["Reservations"]
    assert [row["Instances"][0]["InstanceId"] for row in rows] == [first]
    unknown = [{"Name": "client-token", "Values": ["t-2"]}]
    assert ec2().describe_instances(Filters=unknown)["Reservations"] == []
    ec2().terminate_instances(InstanceIds=[first])
    while state(first) != "terminated":
        pass
    with refused("IdempotentInstanceTerminated"):
        run(net, ClientToken="t-1")
    assert run(net, ClientToken="t-3") != first


def test_addresses_in_use_are_refused_until_their_instance_is_gone(tap: Tap) -> None:
    net = network()
    made = run(net, "10.0.1.20")
    with refused("InvalidIPAddress.InUse"):
        run(net, "10.0.1.20")
    for address in ("10.0.1.1", "10.0.1.255", "10.0.2.20"):
        with refused("InvalidParameterValue"):
            run(net, address)
    ec2().terminate_instances(InstanceIds=[made])
    with refused("InvalidIPAddress.InUse"):
        run(net, "10.0.1.20")
    while state(made) != "terminated":
        pass
    assert instance(run(net, "10.0.1.20"))["PrivateIpAddress"] == "10.0.1.20"


def test_what_moto_drops_of_interfaces_is_there(tap: Tap) -> None:
    net = network()
    made = run(net)
    assert [g["GroupId"] for g in instance(made)["SecurityGroups"]] == [net.group]
    mine = [{"Name": "attachment.instance-id", "Values": [made]}]
    (eni,) = ec2().describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
    assert {t["Key"]: t["Value"] for t in eni["TagSet"]} == TAGS
    assert eni["Attachment"]["DeleteOnTermination"]
    ec2().modify_instance_attribute(InstanceId=made, SourceDestCheck={"Value": False})
    (eni,) = ec2().describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
    assert not eni["SourceDestCheck"]
    assert not instance(made)["SourceDestCheck"]


def test_nothing_is_left_of_a_terminated_instance(tap: Tap) -> None:
    net = network()
    before = tap.left
    made = run(net)
    assert len(tap.left) == len(before) + 3  # itself, its interface, its volume
    ec2().terminate_instances(InstanceIds=[made])
    assert made in tap.left
    while state(made) != "terminated":
        pass
    assert tap.left == before


def test_several_at_once_are_not_modelled_and_said_so(tap: Tap) -> None:
    run(network(), MaxCount=3)
    assert [p for p in tap.account.problems if "one at a time" in p]
    tap.account.problems.clear()
