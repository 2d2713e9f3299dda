"""What JSON services answer: images' public names in SSM, and the account's quotas."""

from collections.abc import Callable, Sequence
from typing import cast

from tests.aws.account import Account, Rule
from tests.aws.images import PARAMETERS
from tests.aws.laws import Laws
from tests.aws.wire import Answer, Call, Refused, json_answer

PUBLIC = "/aws/service/"
QUOTAS: dict[tuple[str, str], tuple[str, Callable[[Laws], int]]] = {
    ("vpc", "L-F678F1CE"): ("VPCs per Region", lambda laws: laws.vpcs),
    ("vpc", "L-93826ACB"): ("Routes per route table", lambda laws: laws.routes),
    ("ec2", "L-1216C47A"): (
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        lambda laws: laws.vcpus,
    ),
}


def _parameter(account: Account, call: Call) -> Answer | None:
    name = str(call.document.get("Name"))
    if not name.startswith(PUBLIC):
        return None
    if name not in PARAMETERS:
        raise Refused("ParameterNotFound", f"Parameter {name} not found.")
    return json_answer({"Parameter": _row(account, name)})


def _parameters(account: Account, call: Call) -> Answer:
    names = cast("Sequence[str]", call.document["Names"])
    return json_answer(
        {
            "Parameters": [_row(account, name) for name in names if name in PARAMETERS],
            "InvalidParameters": [name for name in names if name not in PARAMETERS],
        }
    )


def _row(account: Account, name: str) -> dict[str, object]:
    arn = f"arn:aws:ssm:{account.world.region}::parameter{name}"
    return {
        "Name": name,
        "Type": "String",
        "Value": PARAMETERS[name],
        "Version": 1,
        "ARN": arn,
        "DataType": "aws:ec2:image",
    }


def _quota(account: Account, call: Call) -> Answer:
    service, code = str(call.document["ServiceCode"]), str(call.document["QuotaCode"])
    if (service, code) not in QUOTAS:
        raise Refused("NoSuchResourceException", "The request failed: the quota does not exist.")
    name, value = QUOTAS[service, code]
    quota = {
        "ServiceCode": service,
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(value(account.laws)),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    return json_answer({"Quota": quota})


RULES = (
    Rule(actions=("ssm:GetParameter",), before=_parameter, why="moto has none of them"),
    Rule(actions=("ssm:GetParameters",), before=_parameters, why="moto has none of them"),
    Rule(actions=("servicequotas:GetServiceQuota",), before=_quota, why="moto has a few of VPC's"),
)
