"""Networks of the fake AWS: what is in use, and routes."""

from tests.aws.support import balancer, client, ec2, elb, network, refused, run, state
from tests.aws.tap import Tap


def test_a_network_in_use_cannot_be_taken_apart(tap: Tap) -> None:
    net = network()
    made = run(net)
    ec2().terminate_instances(InstanceIds=[made])
    with refused("DependencyViolation"):
        ec2().delete_security_group(GroupId=net.group)
    with refused("DependencyViolation"):
        ec2().delete_subnet(SubnetId=net.subnet)
    with refused("DependencyViolation"):
        ec2().detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)
    with refused("DependencyViolation"):
        ec2().delete_internet_gateway(InternetGatewayId=net.gateway)
    with refused("DependencyViolation"):
        ec2().delete_route_table(RouteTableId=net.table)
    while state(made) != "terminated":
        pass
    ec2().delete_subnet(SubnetId=net.subnet)
    with refused("DependencyViolation"):
        ec2().delete_vpc(VpcId=net.vpc)
    ec2().delete_route_table(RouteTableId=net.table)
    ec2().detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)
    ec2().delete_internet_gateway(InternetGatewayId=net.gateway)
    with refused("DependencyViolation"):
        ec2().delete_vpc(VpcId=net.vpc)
    ec2().delete_security_group(GroupId=net.group)
    ec2().delete_vpc(VpcId=net.vpc)
    ec2().delete_key_pair(KeyName="operator")
    assert tap.left == []


def test_a_group_that_another_names_stays(tap: Tap) -> None:
    net = network()
    other = ec2().create_security_group(GroupName="lb", Description="lb", VpcId=net.vpc)["GroupId"]
    pair = [{"GroupId": other}]
    rule = [{"IpProtocol": "tcp", "FromPort": 6443, "ToPort": 6443, "UserIdGroupPairs": pair}]
    ec2().authorize_security_group_ingress(GroupId=net.group, IpPermissions=rule)
    with refused("DependencyViolation"):
        ec2().delete_security_group(GroupId=other)
    ec2().revoke_security_group_ingress(GroupId=net.group, IpPermissions=rule)
    ec2().delete_security_group(GroupId=other)
    (default,) = ec2().describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["default"]},
                 {"Name": "vpc-id", "Values": [net.vpc]}])["SecurityGroups"]  # fmt: skip
    with refused("CannotDelete"):
        ec2().delete_security_group(GroupId=default["GroupId"])


def test_a_vpc_has_one_internet_gateway(tap: Tap) -> None:
    net = network()
    second = ec2().create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    with refused("InvalidParameterValue"):
        ec2().attach_internet_gateway(InternetGatewayId=second, VpcId=net.vpc)


def test_interfaces_of_a_load_balancer_outlive_it(tap: Tap) -> None:
    net = network()
    made = balancer(net)
    inside = [{"Name": "vpc-id", "Values": [net.vpc]}]
    (eni,) = ec2().describe_network_interfaces(Filters=inside)["NetworkInterfaces"]
    number = made["LoadBalancerArn"].rpartition("/")[2]
    assert eni["Description"] == f"ELB net/lab/{number}"
    assert eni["RequesterManaged"]
    with refused("OperationNotPermitted"):
        ec2().delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    elb().delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    with refused("DependencyViolation"):
        ec2().delete_security_group(GroupId=net.group)
    with refused("DependencyViolation"):
        ec2().detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)
    seen = [
        len(ec2().describe_network_interfaces(Filters=inside)["NetworkInterfaces"])
        for _ in range(2)
    ]
    assert seen == [1, 0]
    ec2().delete_security_group(GroupId=net.group)


def test_a_route_shows_both_ends_and_becomes_a_blackhole(tap: Tap) -> None:
    net = network()
    made = run(net)
    where = {"RouteTableId": net.table, "DestinationCidrBlock": "10.200.0.0/24"}
    ec2().create_route(**where, InstanceId=made)

    def route() -> dict[str, str]:
        (table,) = ec2().describe_route_tables(RouteTableIds=[net.table])["RouteTables"]
        (found,) = [
            row for row in table["Routes"] if row["DestinationCidrBlock"] == "10.200.0.0/24"
        ]
        return dict(found)

    assert route()["InstanceId"] == made
    assert route()["NetworkInterfaceId"].startswith("eni-")
    assert route()["State"] == "active"
    with refused("RouteAlreadyExists"):
        ec2().create_route(**where, InstanceId=made)
    ec2().terminate_instances(InstanceIds=[made])
    while state(made) != "terminated":
        pass
    assert route()["State"] == "blackhole"


def test_lists_come_in_pages(tap: Tap) -> None:
    net = network()
    for number in range(5):
        ec2().create_security_group(GroupName=f"g{number}", Description="g", VpcId=net.vpc)
    tap.change(page_size=2)
    inside = [{"Name": "vpc-id", "Values": [net.vpc]}]
    first = ec2().describe_security_groups(Filters=inside)
    assert len(first["SecurityGroups"]) == 2
    assert first["NextToken"]
    pages = ec2().get_paginator("describe_security_groups").paginate(Filters=inside)
    names = [group["GroupName"] for page in pages for group in page["SecurityGroups"]]
    assert sorted(names) == ["default", "g0", "g1", "g2", "g3", "g4", "nodes"]
    tap.change(page_size=1000)
    first = ec2().describe_security_groups(Filters=inside, MaxResults=5)
    assert len(first["SecurityGroups"]) == 5


def test_a_key_pair_goes_by_its_id(tap: Tap) -> None:
    network()
    (pair,) = ec2().describe_key_pairs()["KeyPairs"]
    ec2().delete_key_pair(KeyPairId=pair["KeyPairId"])
    assert ec2().describe_key_pairs()["KeyPairs"] == []


def test_public_names_of_images(tap: Tap) -> None:
    name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    image = client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    (found,) = ec2().describe_images(ImageIds=[image])["Images"]
    assert found["Name"] == "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261112"
    unknown = "/aws/service/debian/release/99/latest/amd64"
    with refused("ParameterNotFound"):
        client("ssm").get_parameter(Name=unknown)
    both = client("ssm").get_parameters(Names=[name, unknown])
    assert both["InvalidParameters"] == [unknown]
    assert [p["Value"] for p in both["Parameters"]] == [image]
    theirs = ec2().describe_images(
        Owners=["099720109477"],
        Filters=[{"Name": "name", "Values": ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-*-amd64-*"]}],
    )["Images"]
    newest = max(theirs, key=lambda row: str(row["CreationDate"]))
    assert (len(theirs), newest["ImageId"]) == (2, image)
    assert theirs[-1]["ImageId"] != image
