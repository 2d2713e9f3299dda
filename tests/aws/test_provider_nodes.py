"""One machine of a cluster on AWS is taken away; the others stay as they are."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.aws.builder import Site, instances, site, writes
from tests.aws.support import ec2
from tests.aws.tap import Tap
from tests.aws.trial import quick


@pytest.fixture(autouse=True)
def _quick(tap: Tap) -> Iterator[None]:
    with quick():
        yield


def remove(of: Site, name: str) -> list[str]:
    """Remove a machine; return the calls that wrote."""
    before = len(of.tap.calls)
    asyncio.run(of.provider.remove(of.cluster, of.cluster.machine(name), of.say))
    return writes(of.tap.actions[before:])


def destinations() -> set[str]:
    tables = ec2().describe_route_tables()["RouteTables"]
    return {route["DestinationCidrBlock"] for table in tables for route in table["Routes"]}


def test_an_instance_and_the_route_to_its_pods_go_and_nothing_else(
    tap: Tap, tmp_path: Path
) -> None:
    cluster = site(tap, tmp_path, machines="1, workers: 3")
    cluster.up()
    pods = str(cluster.cluster.machine("worker-1").pod_cidr)
    before = destinations()
    assert pods in before
    assert set(remove(cluster, "worker-1")) == {"TerminateInstances", "DeleteRoute"}
    assert set(instances(tap)) == {"controller-0", "worker-0", "worker-2"}
    assert destinations() == before - {pods}
    assert remove(cluster, "worker-1") == []


def test_a_replacement_is_another_instance_at_the_same_address(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path, machines="1, workers: 2")
    cluster.up()
    before = instances(tap)["worker-1"]
    remove(cluster, "worker-1")
    assert "RunInstances" in cluster.up()
    after = instances(tap)["worker-1"]
    assert (after.private_ip, after.id != before.id) == (before.private_ip, True)
