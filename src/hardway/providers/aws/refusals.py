"""What AWS's refusals mean: in words, and what to do. One row for each kind of reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardway.text import Text, text

POLICY = "hardway aws iam-policy prints the policy that suffices; have it attached to this identity"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason AWS gives; `{action}` and `{region}` are filled in."""

    codes: tuple[str, ...]
    says: str
    hint: str
    values: Mapping[str, str] = field(default_factory=dict)
    """What else is filled in."""

    def texts(self, action: str, region: str) -> tuple[Text, Text]:
        """Return what it says, and what to do."""
        values = {"action": action, "region": region, **self.values}
        return text(self.says, **values), text(self.hint, **values)


def _quota(codes: tuple[str, ...], what: str, service: str, quota: str) -> Refusal:
    return Refusal(
        codes,
        "the account may have no more {what} in {region} (quota {quota})",
        "remove some that nobody needs, or ask for more: aws service-quotas "
        "request-service-quota-increase --service-code {service} --quota-code {quota} "
        "--region {region} --desired-value N",
        {"what": what, "service": service, "quota": quota},
    )


REFUSALS = (
    Refusal(("UnauthorizedOperation", "AccessDenied", "AccessDeniedException"),
            "this identity may not do {action}", POLICY),
    Refusal(("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException",
             "SignatureDoesNotMatch", "InvalidAccessKeyId"),
            "these credentials are not valid", "aws sts get-caller-identity tells which they are"),
    Refusal(("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
            "these credentials have expired, or this host's clock is wrong",
            "log in again (aws sso login), then run this again"),
    Refusal(("OptInRequired", "PendingVerification", "Blocked"),
            "the account is not ready for this in {region}",
            "sign in to AWS's console and see what it asks for, or whether the region is enabled"),
    _quota(("VpcLimitExceeded",), text("VPCs"), "vpc", "L-F678F1CE"),
    _quota(("VcpuLimitExceeded", "InstanceLimitExceeded"),
           text("virtual cores of running instances"), "ec2", "L-1216C47A"),
    _quota(("InternetGatewayLimitExceeded",), text("internet gateways"), "vpc", "L-A4707A72"),
    _quota(("RouteLimitExceeded",), text("routes in a route table"), "vpc", "L-93826ACB"),
    _quota(("SubnetLimitExceeded",), text("subnets in a VPC"), "vpc", "L-407747CB"),
    _quota(("SecurityGroupLimitExceeded",), text("security groups"), "vpc", "L-E79EC296"),
    _quota(("RulesPerSecurityGroupLimitExceeded",),
           text("rules in a security group"), "vpc", "L-0EA8095F"),
    _quota(("TooManyLoadBalancers",),
           text("network load balancers"), "elasticloadbalancing", "L-69A177A2"),
    _quota(("TooManyTargetGroups",), text("target groups"), "elasticloadbalancing", "L-B22855CB"),
    _quota(("VolumeLimitExceeded", "MaxIOPSLimitExceeded"),
           text("TiB of gp3 disks"), "ebs", "L-7A658B76"),
    Refusal(("InsufficientInstanceCapacity", "InsufficientHostCapacity"),
            "AWS has no machines of that type left in that zone",
            "name more types (aws.types) or other zones (aws.zoneNames), or wait"),
    Refusal(("Unsupported", "InvalidParameterCombination"),
            "that type, image or zone does not fit the others",
            "compare aws.types, aws.image and aws.zoneNames"),
    Refusal(("InsufficientFreeAddressesInSubnet",),
            "the subnet has no free address", "name another in aws.subnets"),
    Refusal(("InvalidIPAddress.InUse",), "something else has that address",
            "see who: aws ec2 describe-network-interfaces --region {region}"),
    Refusal(("InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable"),
            "there is no such image in {region}", "correct aws.image"),
    Refusal(("RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests"),
            "too many calls in {region}: others in the account make them too",
            "wait a minute, then run this again"),
    Refusal(("DependencyViolation", "ResourceInUse"), "something still uses it", "hardway down"),
    Refusal(("OperationNotPermitted",), "it is protected against that",
            "take the protection away (termination or deletion protection), then run this again"),
    Refusal(("InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"),
            "AWS itself has trouble", "wait a little, then run this again"),
)  # fmt: skip

BY_CODE = {code: refusal for refusal in REFUSALS for code in refusal.codes}
