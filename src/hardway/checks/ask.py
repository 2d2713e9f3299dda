"""Asking the questions of many checks: of each machine in one round trip, of the API all at once.

What goes wrong on the way is an answer too: the silence of one machine is nobody else's.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hardway.checks.api import ask_api
from hardway.checks.live import Live
from hardway.checks.script import limit_s, parse, script
from hardway.errors import RemoteError
from hardway.model.checks import Answer, Ask, Check, Forward, Kubectl, Sh, Subject, Where
from hardway.text import text
from hardway.transport.base import Fleet, refused


@dataclass(frozen=True)
class Case:
    """A check of one subject."""

    check: Check
    subject: Subject

    @cached_property
    def ask(self) -> Ask:
        """The check's question with its holes filled."""
        words = self.check.words(self.subject)

        def fill(text: str) -> str:
            return self.subject.fill(text, words)

        match self.check.ask:
            case Sh() as ask:
                return replace(ask, text=fill(ask.text), url=fill(ask.url))
            case Kubectl() as ask:
                return replace(ask, words=tuple(map(fill, ask.words)))
            case Forward() as ask:
                return replace(ask, namespace=fill(ask.namespace), pod=fill(ask.pod))


Asked = tuple[str, Ask]
"""A question and the machine it is for; no machine for questions to the API."""


def machines(case: Case, live: Live) -> list[str]:
    """Return the machines that a case's question is for."""
    if not isinstance(case.check.ask, Sh):
        return [""]
    members = [m.name for m in live.cluster.control_planes]
    match case.check.ask.where:
        case Where.SUBJECT:
            return [case.subject.name]
        case Where.CONTROL_PLANE:
            return [next((name for name in members if name in live.fleet), members[0])]
        case Where.CONTROL_PLANES:
            return members


async def ask(cases: Sequence[Case], live: Live) -> list[Answer]:
    """Return the answer for each case, in order; the same question is asked once."""
    wanted = [[(name, case.ask) for name in machines(case, live)] for case in cases]
    said = await _ask_all(list(dict.fromkeys(q for own in wanted for q in own)), live)
    of_check: dict[int, dict[str, str]] = {}
    for case, own in zip(cases, wanted, strict=True):
        spoke = {name: said[name, ask].text for name, ask in own if not said[name, ask].silence}
        of_check.setdefault(id(case.check), {}).update(spoke)
    return [
        replace(_joined({name: said[name, ask] for name, ask in own}),
                elsewhere=of_check[id(case.check)])
        for case, own in zip(cases, wanted, strict=True)
    ]  # fmt: skip


def _joined(said: Mapping[str, Answer]) -> Answer:
    """Return one machine's answer, or those of several as one."""
    first, *others = said.values()
    spoke = {name: answer.text.strip() for name, answer in said.items() if not answer.silence}
    if not others or not spoke:
        return first
    return Answer("\n".join(f"{name}: {text}" for name, text in spoke.items()))


async def _ask_all(asked: Sequence[Asked], live: Live) -> dict[Asked, Answer]:
    by_machine: dict[str, list[Sh]] = {}
    for name, question in asked:
        if isinstance(question, Sh):
            by_machine.setdefault(name, []).append(question)
    of_api = [question for _, question in asked if not isinstance(question, Sh)]
    said, replies = await asyncio.gather(
        asyncio.gather(*(of_machine(live.fleet, name, own) for name, own in by_machine.items())),
        ask_api(live, of_api),
    )
    found: dict[Asked, Answer] = {("", q): a for q, a in zip(of_api, replies, strict=True)}
    for (name, own), answers in zip(by_machine.items(), said, strict=True):
        found |= {(name, q): a for q, a in zip(own, answers, strict=True)}
    return found


async def of_machine(fleet: Fleet, name: str, questions: Sequence[Sh]) -> list[Answer]:
    """Return a machine's answers, in one round trip."""
    transport = fleet.get(name)
    if transport is None:
        error = refused(fleet).get(name)
        return [Answer(silence=error.why if error else text("no answer"))] * len(questions)
    mark = secrets.token_hex(8)
    try:
        done = await transport.run(
            ["bash", "-s"],
            stdin=script(questions, mark).encode(),
            timeout_s=limit_s(questions),
        )
    except RemoteError as error:
        return [Answer(silence=error.why)] * len(questions)
    return parse(done.stdout.decode(errors="replace"), questions, mark)
