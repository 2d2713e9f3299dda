"""What moto passes over in silence."""

from dataclasses import replace

from tests.aws.account import Account, Rule
from tests.aws.wire import Call


def _by_id(account: Account, call: Call) -> Call | None:
    wanted = call.get("KeyPairId")
    name = account.world.key_pair_named(wanted) if wanted else ""
    if not name:
        return None
    kept = {key: value for key, value in call.parameters.items() if key != "KeyPairId"}
    return replace(call, parameters={**kept, "KeyName": name})


RULES = (Rule(actions=("ec2:DeleteKeyPair",), before=_by_id, why="moto looks at names only"),)
