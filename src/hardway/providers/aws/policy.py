"""The least policy that suffices, as JSON: made of the rows of calls.py and of nothing else."""

from collections.abc import Mapping
from typing import Any

from hardway.providers.aws.calls import CALLS, Right
from hardway.providers.aws.names import MANAGED_BY, OURS
from hardway.spec.aws import Aws

EC2, ELB = "ec2", "elasticloadbalancing"
MAKING = {
    "Make": {Right.NEW},
    "MakeWithin": {Right.NEW, Right.OURS},
    "Start": {Right.NEW, Right.ALL},
}
"""Statements of calls that make something, by the rights they need."""
LARGEST = 6144
"""Characters of a managed policy, white space not counted."""


def policy(aws: Aws) -> dict[str, Any]:
    """Return the policy for clusters in the spec's region."""
    region = aws.region or "*"
    statements = [
        _statement("Look", _with(Right.ALL, "*"), "*", _in(region)),
        *_making(region),
        _statement("StartWith", _with(Right.ALL, "image"),
                   [_arn(k, region) for k in _kinds(Right.ALL) if k != "*"]),
        _statement("ChangeOwn", _with(Right.OURS), [_arn(k, region) for k in _kinds(Right.OURS)],
                   {"StringEquals": {f"aws:ResourceTag/{MANAGED_BY}": OURS}}),
        *_tagging(region),
        *_shared(aws, region),
        _statement("PublicImages", _with(Right.PUBLIC),
                   [f"arn:aws:ssm:{region}::parameter/aws/service/{who}/*"
                    for who in ("canonical", "debian")]),
        _statement("FirstLoadBalancer", _with(Right.LINKED_ROLE),
                   "arn:aws:iam::*:role/aws-service-role/elasticloadbalancing.amazonaws.com/*",
                   {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}),
    ]  # fmt: skip
    return {"Version": "2012-10-17", "Statement": statements}


def _making(region: str) -> list[dict[str, Any]]:
    """Return the right to make things, tagged as hardway's from birth.

    One statement for calls that touch the same rights: what one of them makes is nothing another
    one makes something within, so that none gets more than its own.
    """
    rows = []
    for sid, rights in MAKING.items():
        calls = [call for call in CALLS.values() if set(call.on.values()) == rights]
        kinds = sorted({k for call in calls for k, right in call.on.items() if right is Right.NEW})
        rows.append(
            _statement(sid, sorted(call.action for call in calls),
                       [_arn(kind, region) for kind in kinds],
                       {"StringEquals": {f"aws:RequestTag/{MANAGED_BY}": OURS}})
        )  # fmt: skip
    return rows


def _tagging(region: str) -> list[dict[str, Any]]:
    """Return the right to tag in the call that makes a thing, and at no other time."""
    rows = []
    for service, action, key in (
        (EC2, "CreateTags", "ec2:CreateAction"),
        (ELB, "AddTags", "elasticloadbalancing:CreateAction"),
    ):
        making = sorted(
            {call.operation for call in CALLS.values()
             if Right.NEW in call.on.values() and call.action.startswith(f"{service}:")}
        )  # fmt: skip
        rows.append(
            _statement(f"TagNew{service.title()}", [f"{service}:{action}"],
                       f"arn:aws:{service}:{region}:*:*", {"StringEquals": {key: making}})
        )  # fmt: skip
    return rows


def _shared(aws: Aws, region: str) -> list[dict[str, Any]]:
    """Return what making things within a shared VPC needs; nothing that changes the VPC."""
    if aws.vpc is None:
        return []
    within = sorted(
        call.action for call in CALLS.values()
        if call.on.get("vpc") is Right.OURS and Right.NEW in call.on.values()
    )  # fmt: skip
    return [_statement("InSharedVpc", within, f"arn:aws:ec2:{region}:*:vpc/{aws.vpc}")]


def _with(right: Right, kind: str | None = None) -> list[str]:
    return sorted(
        call.action
        for call in CALLS.values()
        if right in ([call.on.get(kind)] if kind else call.on.values())
    )


def _kinds(right: Right) -> list[str]:
    return sorted({kind for call in CALLS.values() for kind, r in call.on.items() if r is right})


def _arn(kind: str, region: str) -> str:
    if kind == "image":
        # Images are nobody's of this account.
        return f"arn:aws:ec2:{region}::image/*"
    service = ELB if kind.startswith(("loadbalancer", "targetgroup", "listener")) else EC2
    return f"arn:aws:{service}:{region}:*:{kind}/*"


def _in(region: str) -> Mapping[str, Any]:
    return {"StringEquals": {"aws:RequestedRegion": region}} if region != "*" else {}


def _statement(
    sid: str,
    actions: list[str],
    resources: str | list[str],
    condition: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return row | ({"Condition": dict(condition)} if condition else {})
