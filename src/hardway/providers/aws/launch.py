"""Starting one instance: once, however often it is asked for, and on what type there is."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from hardway.errors import AwsError, ProviderError
from hardway.model.cluster import Machine
from hardway.providers.aws.base import Design, Ids, Row, Work, specification
from hardway.providers.aws.groups import group_of
from hardway.providers.aws.images import architecture_of
from hardway.text import text

FULL = frozenset({"InsufficientInstanceCapacity", "InsufficientHostCapacity", "Unsupported"})
"""Another type may be there where this one is not."""
USED_UP = frozenset({"IdempotentInstanceTerminated", "IdempotentParameterMismatch"})
"""The token belongs to an instance that is gone, or to other parameters."""


def parameters(design: Design, ids: Ids, machine: Machine, kind: str) -> dict[str, Any]:
    """Return what RunInstances is asked for; kind is the instance type."""
    image = design.images[architecture_of(kind)]
    interface = {
        "DeviceIndex": 0,
        "SubnetId": ids[f"subnet-{design.zone_of(machine)}"],
        "Groups": [ids[group_of(machine.role)]],
        "PrivateIpAddress": str(machine.address),
        "AssociatePublicIpAddress": True,
        "DeleteOnTermination": True,
    }
    disk = {
        "VolumeSize": design.aws.disk_gib,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    return {
        "ImageId": image,
        "InstanceType": kind,
        "MinCount": 1,
        "MaxCount": 1,
        "KeyName": design.id,
        "NetworkInterfaces": [interface],
        "BlockDeviceMappings": [{"DeviceName": design.root_devices[image], "Ebs": disk}],
        # Tokens only, and not a hop further: pods cannot ask for what their machine was given.
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        },
        "UserData": design.user_data[machine.name],
        "TagSpecifications": specification(
            design, machine.name, "instance", "volume", "network-interface"
        ),
    }


async def run(work: Work, row: Row) -> str:
    """Start a machine's instance and return its id; of the first type that AWS has.

    Raises:
        AwsError: AWS refuses it, or has none of the types.
    """
    machine = work.design.cluster.machine(row.role)
    types = work.design.types_for(machine)
    for kind in types:
        try:
            return await _run(work, row.role, parameters(work.design, work.ids, machine, kind))
        except AwsError as error:
            if error.code not in FULL or kind == types[-1]:
                raise
            work.progress(row.role, text("AWS has no {type} left there, trying the next type",
                                         type=kind))  # fmt: skip
    raise AssertionError("aws.types has at least one type")


async def _run(work: Work, machine: str, asked: Mapping[str, Any]) -> str:
    """Ask with the token on record; with a new one if that one's instance is gone."""
    digest = sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    for last in (False, True):
        nonce = work.records.token(machine, digest)
        work.records.begin(machine)
        try:
            made = await work.site.api.call("ec2:RunInstances", ClientToken=nonce, **asked)
        except AwsError as error:
            if error.code not in USED_UP or last:
                raise
        else:
            instance = made["Instances"][0]
            if instance["State"]["Name"] not in {"shutting-down", "terminated"}:
                return str(instance["InstanceId"])
        work.records.renew(machine)
    raise ProviderError(
        text("{machine}: AWS answers with instances that are gone", machine=machine),
        hint="hardway up",
    )
