"""Every call that is made to AWS: what it may touch, and what for.

`api.Api` makes no call that has no row here, so that the policy which `hardway aws iam-policy`
prints (policy.py) and the permission an error names cannot be another list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Right(StrEnum):
    """On which things of a kind a call is allowed."""

    ALL = "all"
    """Reading, or things that bear no tags of ours, as images."""
    NEW = "new"
    """Those it makes, if it tags them as hardway's."""
    OURS = "ours"
    """Those tagged as hardway's; and of shared ones those that hardway.yaml names."""
    PUBLIC = "public"
    """Parameters in which Canonical and Debian publish their images."""
    LINKED_ROLE = "linked role"
    """The role that AWS's load balancers have in every account, made with the first of them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One of AWS's actions."""

    action: str
    """As IAM names it: the service's prefix and the operation."""
    why: str
    on: Mapping[str, Right] = field(default_factory=lambda: {"*": Right.ALL})
    """By kind of resource, as IAM's ARNs name it."""
    twice: bool = False
    """Asked a second time it makes a second thing: no token, no name that could be taken."""

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.action.partition(":")[2]


NEW, OURS, ALL = Right.NEW, Right.OURS, Right.ALL
LB, TG, LISTENER = "loadbalancer/net", "targetgroup", "listener/net"

ROWS = (
    Call("ec2:DescribeAvailabilityZones", "which zones the region has"),
    Call("ec2:DescribeInstanceTypes", "cores, memory and architecture of a type"),
    Call("ec2:DescribeInstanceTypeOfferings", "which types a zone has"),
    Call("ec2:DescribeImages", "the image machines start from"),
    Call("ec2:DescribeVpcs", "what is there already"),
    Call("ec2:DescribeSubnets", "what is there already"),
    Call("ec2:DescribeInternetGateways", "what is there already"),
    Call("ec2:DescribeRouteTables", "what is there already"),
    Call("ec2:DescribeSecurityGroups", "what is there already"),
    Call("ec2:DescribeSecurityGroupRules", "what is there already"),
    Call("ec2:DescribeKeyPairs", "what is there already"),
    Call("ec2:DescribeInstances", "what is there already"),
    Call("ec2:DescribeVolumes", "disks that were left"),
    Call("ec2:DescribeNetworkInterfaces", "what keeps a subnet from being deleted"),
    Call("ec2:DescribeTags", "clusters whose folder is lost"),
    Call("elasticloadbalancing:DescribeLoadBalancers", "what is there already"),
    Call("elasticloadbalancing:DescribeTargetGroups", "what is there already"),
    Call("elasticloadbalancing:DescribeListeners", "what is there already"),
    Call("elasticloadbalancing:DescribeTags", "whose a load balancer is"),
    Call("elasticloadbalancing:DescribeTargetHealth", "which API servers it reaches"),
    Call("elasticloadbalancing:DescribeTargetGroupAttributes", "what is there already"),
    Call("elasticloadbalancing:DescribeLoadBalancerAttributes", "what is there already"),
    Call("servicequotas:GetServiceQuota", "how many VPCs and cores the account may have"),
    Call("sts:GetCallerIdentity", "which account and identity this is", {}),
    Call("ssm:GetParameter", "the newest image", {"parameter": Right.PUBLIC}),
    Call("ec2:CreateVpc", "the network", {"vpc": NEW}, twice=True),
    Call("ec2:DeleteVpc", "down", {"vpc": OURS}),
    Call("ec2:CreateInternetGateway", "the way out", {"internet-gateway": NEW}, twice=True),
    Call("ec2:AttachInternetGateway", "the way out", {"internet-gateway": OURS, "vpc": OURS}),
    Call("ec2:DetachInternetGateway", "down", {"internet-gateway": OURS, "vpc": OURS}),
    Call("ec2:DeleteInternetGateway", "down", {"internet-gateway": OURS}),
    Call("ec2:ImportKeyPair", "the operator's public key", {"key-pair": NEW}),
    Call("ec2:DeleteKeyPair", "down", {"key-pair": OURS}),
    Call("ec2:CreateSubnet", "one for each zone", {"subnet": NEW, "vpc": OURS}),
    Call("ec2:DeleteSubnet", "down", {"subnet": OURS}),
    Call("ec2:CreateRouteTable", "routes to pods", {"route-table": NEW, "vpc": OURS}),
    Call("ec2:AssociateRouteTable", "routes to pods", {"route-table": OURS, "subnet": OURS}),
    Call("ec2:DisassociateRouteTable", "down", {"route-table": OURS, "subnet": OURS}),
    Call("ec2:CreateRoute", "a route to each worker's pods", {"route-table": OURS}),
    Call("ec2:ReplaceRoute", "a worker that was replaced", {"route-table": OURS}),
    Call("ec2:DeleteRoute", "down", {"route-table": OURS}),
    Call("ec2:DeleteRouteTable", "down", {"route-table": OURS}),
    Call("ec2:CreateSecurityGroup", "who reaches what", {"security-group": NEW, "vpc": OURS}),
    Call("ec2:AuthorizeSecurityGroupIngress", "who reaches what", {"security-group": OURS}),
    Call("ec2:RevokeSecurityGroupIngress", "who reaches what, and down", {"security-group": OURS}),
    Call("ec2:DeleteSecurityGroup", "down", {"security-group": OURS}),
    Call("ec2:RunInstances", "the machines",
         {"instance": NEW, "volume": NEW, "network-interface": NEW,
          "image": ALL, "subnet": ALL, "security-group": ALL, "key-pair": ALL}),
    Call("ec2:ModifyInstanceAttribute", "machines pass pods' packets on", {"instance": OURS}),
    Call("ec2:StartInstances", "machine start", {"instance": OURS}),
    Call("ec2:StopInstances", "machine stop", {"instance": OURS}),
    Call("ec2:TerminateInstances", "down", {"instance": OURS}),
    Call("ec2:DeleteVolume", "disks that were left", {"volume": OURS}),
    Call("elasticloadbalancing:CreateTargetGroup", "the API servers", {TG: NEW}),
    Call("elasticloadbalancing:ModifyTargetGroup", "its health checks", {TG: OURS}),
    Call("elasticloadbalancing:ModifyTargetGroupAttributes", "no client addresses", {TG: OURS}),
    Call("elasticloadbalancing:RegisterTargets", "the API servers", {TG: OURS}),
    Call("elasticloadbalancing:DeleteTargetGroup", "down", {TG: OURS}),
    Call("elasticloadbalancing:CreateLoadBalancer", "the API's endpoint", {LB: NEW}),
    Call("elasticloadbalancing:ModifyLoadBalancerAttributes", "across zones", {LB: OURS}),
    Call("elasticloadbalancing:DeleteLoadBalancer", "down", {LB: OURS}),
    Call("elasticloadbalancing:CreateListener", "its port", {LISTENER: NEW, LB: OURS}),
    Call("elasticloadbalancing:DeleteListener", "down", {LISTENER: OURS}),
    Call("iam:CreateServiceLinkedRole", "the first load balancer of an account",
         {"role": Right.LINKED_ROLE}),
)  # fmt: skip

CALLS: Mapping[str, Call] = {call.action: call for call in ROWS}
