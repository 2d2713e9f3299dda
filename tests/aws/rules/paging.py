"""Answers in pages: who does not ask for the next one sees the first only."""

from dataclasses import replace

from tests.aws import wire
from tests.aws.account import Account, Rule
from tests.aws.rules.consistency import SETS
from tests.aws.wire import Answer, Call

TOKEN = "page-"


def _whole(account: Account, call: Call) -> Call | None:
    """Ask moto for everything; the pages are cut here."""
    dropped = {"NextToken", "MaxResults"}
    if call.action not in SETS or not dropped & set(call.parameters):
        return None
    kept = {k: v for k, v in call.parameters.items() if k not in dropped}
    return replace(call, parameters=kept)


def _cut(account: Account, call: Call, answer: Answer) -> Answer | None:
    if call.action not in SETS:
        return None
    name = SETS[call.action][0]
    items = wire.children(answer.body, name)
    size = min(account.laws.page_size, int(call.get("MaxResults") or account.laws.page_size))
    start = int(call.get("NextToken").removeprefix(TOKEN) or 0)
    end = start + size
    if start == 0 and end >= len(items):
        return None
    token = f"{TOKEN}{end}" if end < len(items) else ""
    return Answer(answer.status, wire.keep(answer.body, name, items[start:end], token))


RULES = (
    Rule(
        actions=("ec2:Describe*",),
        before=_whole,
        after=_cut,
        why="moto pages instances and nothing else",
    ),
)
