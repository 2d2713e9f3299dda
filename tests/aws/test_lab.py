"""The lab: an account's instances, groups, routes and load balancers as real packets see them.

Its machines are stubs here; tests/cluster/test_aws.py boots real ones.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.aws.lab.outside import LACKING, Kind, Lab, lab
from tests.aws.support import IMAGE

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(LACKING), reason=f"makes namespaces; lacking: {', '.join(LACKING)}"),
    pytest.mark.xdist_group("lab"),
]
INSIDE = "10.248.1."
PODS = "10.208.{}.0/24"
ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


@dataclass
class Site:
    """A network with three machines and a load balancer before two of them."""

    lab: Lab
    vpc: str = ""
    subnet: str = ""
    table: str = ""
    group: str = ""
    machines: dict[str, str] = field(default_factory=dict)
    """Instance by the last number of its address."""
    arns: dict[str, str] = field(default_factory=dict)
    name: str = ""
    """The load balancer's, in DNS."""

    def ec2(self, operation: str, **asked: Any) -> Any:
        return self.lab.aws("ec2", operation, **asked)

    def elb(self, operation: str, **asked: Any) -> Any:
        return self.lab.aws("elbv2", operation, **asked)

    def build(self) -> None:
        self.vpc = self.ec2("create_vpc", CidrBlock="10.248.0.0/16")["Vpc"]["VpcId"]
        made = self.ec2("create_subnet", VpcId=self.vpc, CidrBlock=f"{INSIDE}0/24")
        self.subnet = made["Subnet"]["SubnetId"]
        made = self.ec2("create_internet_gateway")["InternetGateway"]
        gateway = made["InternetGatewayId"]
        self.ec2("attach_internet_gateway", InternetGatewayId=gateway, VpcId=self.vpc)
        self.table = self.ec2("create_route_table", VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.ec2("associate_route_table", RouteTableId=self.table, SubnetId=self.subnet)
        self.ec2("create_route", RouteTableId=self.table, GatewayId=gateway,
                 DestinationCidrBlock="0.0.0.0/0")  # fmt: skip
        made = self.ec2("create_security_group", GroupName="n", Description="n", VpcId=self.vpc)
        self.group = made["GroupId"]
        self.allow("tcp", 22, IpRanges=[{"CidrIp": f"{self.lab.operator}/32"}])
        for number in ("10", "11", "20"):
            self.start(number)

    def allow(self, protocol: str, port: int, **source: Any) -> None:
        rule = {"IpProtocol": protocol, "FromPort": port, "ToPort": port, **source}
        self.ec2("authorize_security_group_ingress", GroupId=self.group, IpPermissions=[rule])

    def start(self, number: str) -> None:
        interface = {"DeviceIndex": 0, "SubnetId": self.subnet, "Groups": [self.group],
                     "PrivateIpAddress": INSIDE + number,
                     "AssociatePublicIpAddress": True}  # fmt: skip
        made = self.ec2("run_instances", ImageId=IMAGE, InstanceType="t3.small", MinCount=1,
                        MaxCount=1, NetworkInterfaces=[interface])  # fmt: skip
        self.machines[number] = made["Instances"][0]["InstanceId"]

    def look(self, number: str) -> Any:
        found = self.ec2("describe_instances", InstanceIds=[self.machines[number]])
        return found["Reservations"][0]["Instances"][0]

    def public(self, number: str) -> str:
        address: str = self.look(number)["PublicIpAddress"]
        return address

    def on(self, number: str, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.lab.run(*argv, where=self.machines[number])

    def fetch(self, number: str, url: str, *options: str) -> str:
        return self.lab.fetch(url, *options, where=self.machines[number])

    def balance(self) -> None:
        balancer = self.elb("create_load_balancer", Name="api", Type="network",
                            Subnets=[self.subnet], SecurityGroups=[self.group])  # fmt: skip
        found = balancer["LoadBalancers"][0]
        self.name = found["DNSName"]
        health = {"HealthCheckProtocol": "HTTPS", "HealthCheckPath": "/readyz",
                  "HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2,
                  "UnhealthyThresholdCount": 2}  # fmt: skip
        group = self.elb("create_target_group", Name="api", Protocol="TCP", Port=6443,
                         VpcId=self.vpc, TargetType="ip", **health)  # fmt: skip
        arn = group["TargetGroups"][0]["TargetGroupArn"]
        targets = [{"Id": INSIDE + number, "Port": 6443} for number in ("10", "11")]
        self.elb("register_targets", TargetGroupArn=arn, Targets=targets)
        forward = [{"Type": "forward", "TargetGroupArn": arn}]
        self.elb("create_listener", LoadBalancerArn=found["LoadBalancerArn"], Protocol="TCP",
                 Port=443, DefaultActions=forward)  # fmt: skip
        self.arns = {"balancer": found["LoadBalancerArn"], "targets": arn}

    def health(self) -> list[str]:
        found = self.elb("describe_target_health", TargetGroupArn=self.arns["targets"])
        return [row["TargetHealth"]["State"] for row in found["TargetHealthDescriptions"]]


def until(look: Callable[[], object], deadline_s: float = 15) -> Any:
    """Look until something is so; return what was seen then."""
    end = time.monotonic() + deadline_s
    while True:
        seen = look()
        if seen or time.monotonic() > end:
            return seen
        time.sleep(0.2)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lab(Kind.STUBS) as running:
        made = Site(running)
        made.build()
        assert made.look("10")["State"]["Name"] == "pending"
        wanted = ["running"] * len(made.machines)
        assert until(lambda: [made.look(n)["State"]["Name"] for n in made.machines] == wanted)
        yield made


def test_groups_open_ports(site: Site) -> None:
    url = f"http://{site.public('20')}:30080/"
    greeting = site.lab.run("bash", "-c", f"head -1 </dev/tcp/{site.public('20')}/22")
    assert greeting.stdout.strip() == "SSH-2.0-stub"
    assert site.lab.fetch(url) == ""
    site.allow("tcp", 30080, IpRanges=[{"CidrIp": f"{site.lab.operator}/32"}])
    assert until(lambda: site.lab.fetch(url)) == f"{site.machines['20']} {site.lab.operator}"
    assert site.fetch("10", f"http://{INSIDE}20:30080/") == ""


def test_a_group_lets_its_members_in_by_private_addresses_only(site: Site) -> None:
    site.allow("tcp", 6443, UserIdGroupPairs=[{"GroupId": site.group}])
    said = until(lambda: site.fetch("10", f"https://{INSIDE}20:6443/"))
    assert said == f"{site.machines['20']} {INSIDE}10"
    public = f"https://{site.public('20')}:6443/"
    assert site.fetch("10", public) == ""
    site.allow("tcp", 6443, IpRanges=[{"CidrIp": f"{site.public('10')}/32"}])
    assert until(lambda: site.fetch("10", public)).split()[0] == site.machines["20"]
    assert site.fetch("11", public) == ""


def test_pods_reach_each_other_only_with_routes_and_without_the_check(site: Site) -> None:
    for index, number in enumerate(("10", "20")):
        address = PODS.format(index).replace("0/24", "5/24")
        site.on(number, "ip", "address", "add", address, "dev", "lo")
    pod = ("http://10.208.1.5:30080/", "--interface", "10.208.0.5")
    site.ec2("authorize_security_group_ingress", GroupId=site.group,
             IpPermissions=[{"IpProtocol": "-1",
                             "IpRanges": [{"CidrIp": "10.208.0.0/16"}]}])  # fmt: skip

    def route(index: int, number: str) -> None:
        site.ec2("create_route", RouteTableId=site.table, InstanceId=site.machines[number],
                 DestinationCidrBlock=PODS.format(index))  # fmt: skip

    def check(number: str, *, on: bool) -> None:
        site.ec2("modify_instance_attribute", InstanceId=site.machines[number],
                 SourceDestCheck={"Value": on})  # fmt: skip

    for number in ("10", "20"):
        check(number, on=False)
    route(0, "10")
    assert site.fetch("10", *pod) == ""
    route(1, "20")
    assert until(lambda: site.fetch("10", *pod)) == f"{site.machines['20']} 10.208.0.5"
    check("20", on=True)
    assert until(lambda: site.fetch("10", *pod) == "")
    check("20", on=False)
    assert until(lambda: site.fetch("10", *pod))


def test_the_load_balancer_follows_health(site: Site) -> None:
    site.allow("tcp", 443, IpRanges=ANYWHERE)
    site.balance()
    assert until(lambda: site.health() == ["healthy", "healthy"])
    url = f"https://{site.name}/"

    def served() -> set[str]:
        return {site.lab.fetch(url).split(" ")[0] for _ in range(6)}

    both = {site.machines["10"], site.machines["11"]}
    assert until(lambda: served() == both)
    unready = site.lab.folder / f"{site.machines['10']}.unready"
    unready.touch()
    assert until(lambda: site.health() == ["unhealthy", "healthy"])
    assert served() == {site.machines["11"]}
    unready.unlink()
    assert until(lambda: served() == both)
    # One of them, by the name and thus by its public address, comes back to one of them.
    assert site.fetch("10", url).split()[0] in both


def test_metadata_wants_a_token_and_tells_each_instance_about_itself(site: Site) -> None:
    base = "http://169.254.169.254/latest"
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    assert site.fetch("10", f"{base}/meta-data/instance-id", *status) == "401"
    ask = ("-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60")
    token = site.fetch("10", f"{base}/api/token", *ask)
    head = ("-H", f"X-aws-ec2-metadata-token: {token}")
    assert site.fetch("10", f"{base}/meta-data/instance-id", *head) == site.machines["10"]
    assert site.fetch("10", f"{base}/meta-data/public-ipv4", *head) == site.public("10")
    assert site.fetch("11", f"{base}/meta-data/instance-id", *head, *status) == "401"
    assert site.fetch("10", f"{base}/user-data", *head, *status) == "404"


def test_names_of_instances(site: Site) -> None:
    name = site.look("11")["PrivateDnsName"]
    assert name.startswith("ip-10-248-1-11.")
    found = site.lab.run("getent", "ahostsv4", name).stdout.split()
    assert found[0] == f"{INSIDE}11"
    assert site.lab.run("getent", "ahostsv4", "unknown.invalid").returncode != 0


def test_nothing_leaves(site: Site) -> None:
    """An address that is nobody's here is unreachable; it goes out to no network of the host."""
    for where in ("operator", site.machines["10"]):
        done = site.lab.run("bash", "-c", "exec 3<>/dev/tcp/203.0.113.1/80", where=where)
        assert "unreachable" in done.stderr


def test_a_machine_stops_and_starts(site: Site) -> None:
    before = site.public("11")
    site.ec2("stop_instances", InstanceIds=[site.machines["11"]])
    assert until(lambda: site.look("11")["State"]["Name"] == "stopped")
    assert site.machines["11"] not in site.lab.desk.plugged()
    site.ec2("start_instances", InstanceIds=[site.machines["11"]])
    assert until(lambda: site.look("11")["State"]["Name"] == "running")
    assert site.public("11") != before


def test_a_replacement_at_the_same_address(site: Site) -> None:
    old = site.machines["20"]
    site.ec2("terminate_instances", InstanceIds=[old])
    assert until(lambda: site.look("20")["State"]["Name"] == "terminated")
    site.start("20")
    assert until(lambda: site.look("20")["State"]["Name"] == "running")
    greeting = site.lab.run("bash", "-c", f"head -1 </dev/tcp/{site.public('20')}/22")
    assert greeting.stdout.strip() == "SSH-2.0-stub"
    assert site.machines["20"] != old
    routes = site.ec2("describe_route_tables", RouteTableIds=[site.table])["RouteTables"][0]
    states = {row["DestinationCidrBlock"]: row["State"] for row in routes["Routes"]}
    assert states[PODS.format(1)] == "blackhole"


def test_taking_it_apart_leaves_no_namespace(site: Site) -> None:
    site.elb("delete_load_balancer", LoadBalancerArn=site.arns["balancer"])
    site.ec2("terminate_instances", InstanceIds=list(site.machines.values()))

    def spaces() -> list[str]:
        return [line.split()[0] for line in site.lab.run("ip", "netns").stdout.splitlines()]

    assert until(lambda: spaces() == ["operator"]), spaces()
    assert site.lab.desk.plugged() == []
