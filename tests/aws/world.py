"""What moto holds. The only module that reaches into its backends, for a pinned version of it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.aws import images

images.prepare()

from moto.core import responses  # noqa: E402
from moto.core.base_backend import BackendDict  # noqa: E402
from moto.ec2.models import ec2_backends  # noqa: E402
from moto.ec2.models.elastic_network_interfaces import NetworkInterface  # noqa: E402
from moto.ec2.models.instance_types import INSTANCE_TYPES  # noqa: E402
from moto.ec2.models.instances import Instance  # noqa: E402
from moto.ec2.models.internet_gateways import InternetGateway  # noqa: E402
from moto.ec2.models.route_tables import RouteTable  # noqa: E402
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule  # noqa: E402
from moto.ec2.models.subnets import Subnet  # noqa: E402
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup, elbv2_backends  # noqa: E402

# moto lists its methods anew for each request; a quarter of the time it takes.
responses.method_names_from_class = cache(responses.method_names_from_class)

__all__ = [
    "FakeLoadBalancer",
    "FakeTargetGroup",
    "Instance",
    "NetworkInterface",
    "SecurityGroupRule",
    "World",
    "reset",
]

ACCOUNT = "123456789012"
"""Whose account it is: moto's default."""
STATES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
ELB_INTERFACE = "ELB net/"
"""How descriptions of a load balancer's interfaces begin; its name and number follow."""


class World:
    """One region of the account."""

    def __init__(self, region: str) -> None:
        self.region = region

    @property
    def ec2(self) -> Any:
        """Moto's backend of EC2; Any, since its own types end here."""
        return ec2_backends[ACCOUNT][self.region]

    @property
    def elb(self) -> Any:
        """Moto's backend of ELBv2."""
        return elbv2_backends[ACCOUNT][self.region]

    def instances(self) -> list[Instance]:
        """Return all instances, terminated ones too."""
        return [i for row in self.ec2.reservations.values() for i in row.instances]

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance."""
        return next((i for i in self.instances() if i.id == instance_id), None)

    def alive(self) -> list[Instance]:
        """Return the instances that are not terminated."""
        return [i for i in self.instances() if i.state != "terminated"]

    def interfaces(self) -> list[NetworkInterface]:
        """Return the network interfaces there are."""
        return list(self.ec2.enis.values())

    def interfaces_of_instance(self, instance: Instance) -> list[NetworkInterface]:
        """Return an instance's network interfaces."""
        return list(instance.nics.values())

    def subnets(self) -> Iterator[Subnet]:
        """Yield the subnets of all zones."""
        for zone in self.ec2.subnets.values():
            yield from zone.values()

    def subnet(self, subnet_id: str) -> Subnet | None:
        """Return a subnet."""
        return next((s for s in self.subnets() if s.id == subnet_id), None)

    def groups(self) -> list[SecurityGroup]:
        """Return the security groups of all VPCs."""
        return [group for vpc in self.ec2.groups.values() for group in vpc.values()]

    def gateways(self) -> list[InternetGateway]:
        """Return the internet gateways."""
        return list(self.ec2.internet_gateways.values())

    def route_tables(self) -> list[RouteTable]:
        """Return the route tables."""
        return list(self.ec2.route_tables.values())

    def vpcs(self) -> list[str]:
        """Return the ids of the VPCs."""
        return list(self.ec2.vpcs)

    def balancers(self) -> list[FakeLoadBalancer]:
        """Return the load balancers."""
        return list(self.elb.load_balancers.values())

    def target_groups(self) -> list[FakeTargetGroup]:
        """Return the target groups."""
        return list(self.elb.target_groups.values())

    def volumes(self) -> list[str]:
        """Return the ids of the volumes."""
        return list(self.ec2.volumes)

    def key_pairs(self) -> list[str]:
        """Return the names of the key pairs."""
        return list(self.ec2.key_pairs)

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of a thing by its id, a key pair's name, or an ARN."""
        if name.startswith("arn:"):
            found: dict[str, str] = self.elb.tagging_service.get_tag_dict_for_resource(name)
            return found
        pair = self.ec2.key_pairs.get(name)
        return {str(k): str(v) for k, v in self.ec2.tags.get(pair.id if pair else name, {}).items()}

    def associated(self, association: str, kind: str) -> str:
        """Return the id of the route table or subnet of an association."""
        for table in self.route_tables():
            if association in table._associations:
                return str(table.id if kind == "route-table" else table._associations[association])
        return ""

    def key_pair_named(self, key_pair_id: str) -> str:
        """Return the name of a key pair; the empty string when there is none of that id."""
        pairs = self.ec2.key_pairs.items()
        return next((str(name) for name, pair in pairs if pair.id == key_pair_id), "")

    def ids(self) -> frozenset[str]:
        """Return the ids and names of all there is, terminated instances among it."""
        found: list[str] = [*self.vpcs(), *self.volumes(), *self.key_pairs()]
        found += [i.id for i in self.instances()]
        for rows in (self.interfaces(), self.subnets(), self.groups(), self.gateways()):
            found += [row.id for row in rows]
        found += [table.id for table in self.route_tables()]
        found += [row.arn for row in self.balancers()]
        found += [row.arn for row in self.target_groups()]
        return frozenset(found)

    def dead(self) -> frozenset[str]:
        """Return the ids of terminated instances, which AWS shows for an hour."""
        return frozenset(i.id for i in self.instances() if i.state == "terminated")

    def used_addresses(self, subnet_id: str) -> set[str]:
        """Return the private addresses of a subnet's network interfaces."""
        mine = [eni for eni in self.interfaces() if eni.subnet.id == subnet_id]
        return {
            str(address["PrivateIpAddress"]) for e in mine for address in e.private_ip_addresses
        }

    def set_state(self, instance: Instance, state: str) -> None:
        """Put an instance in a state."""
        instance._state.name, instance._state.code = state, STATES[state]

    def terminate(self, instance: Instance) -> None:
        """End an instance: its interfaces, volumes and addresses go."""
        mine = self.interfaces_of_instance(instance)
        instance.terminate()
        for eni in mine:
            # moto keeps the address of an instance until Python's collector gets to it.
            eni.subnet.del_subnet_ip(eni.private_ip_address or "")

    def as_network(self, balancer: FakeLoadBalancer) -> None:
        """Give a load balancer the name of a network one; moto names all after application ones."""
        tags = self.elb.tagging_service
        old, new = balancer.arn, balancer.arn.replace("loadbalancer/app/", "loadbalancer/net/")
        tags.tag_resource(new, tags.list_tags_for_resource(old)["Tags"])
        tags.delete_all_tags_for_resource(old)
        self.elb.load_balancers[new] = self.elb.load_balancers.pop(old)
        balancer.arn = new

    def disassociate(self, subnet_id: str) -> None:
        """Let route tables forget a subnet that is gone."""
        for table in self.route_tables():
            for name in [k for k, v in table._associations.items() if v == subnet_id]:
                del table._associations[name]

    def add_interface(
        self, subnet: Subnet, address: str, groups: list[str], description: str
    ) -> NetworkInterface:
        """Make a network interface of AWS's own, as a load balancer has one in each subnet."""
        eni = self.ec2.create_network_interface(
            subnet, address, group_ids=groups, description=description
        )
        eni.requester_managed = True
        eni.status = "in-use"
        made: NetworkInterface = eni
        return made

    def drop_interface(self, eni: NetworkInterface) -> None:
        """Remove a network interface."""
        self.ec2.enis.pop(eni.id, None)

    def vcpus(self, instance_type: str) -> int:
        """Return how many vCPUs a type has."""
        return int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])


def reset(region: str) -> World:
    """Forget everything and begin anew in a region."""
    BackendDict.reset()
    new = World(region)
    new.ec2.volumes.clear()  # moto makes one for each image
    return new
