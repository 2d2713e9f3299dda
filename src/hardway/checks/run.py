"""Making checks, once or until they hold. Reads only."""

import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from hardway.checks.ask import Case, ask
from hardway.checks.causes import causes_of
from hardway.checks.live import Live
from hardway.model.checks import Answer, Ask, Check, Forward, Judgement, Kubectl, Sh
from hardway.model.resources import Finding, Severity, Verdict
from hardway.text import text
from hardway.transport.base import poll_until

SHOWN = 600
"""Characters of a question and of an answer that a finding keeps."""
AN_ANSWER = text("an answer")
PAUSE_S = 0.25


def cases(checks: Sequence[Check], live: Live) -> list[Case]:
    """Return each check with each of its subjects in this cluster."""
    given = cache(live.given)
    return [
        Case(c, replace(subject, given=partial(given, subject.name)))
        for c in checks
        for subject in c.scope.subjects(live.cluster)
    ]


async def look(cases: Sequence[Case], live: Live) -> list[Finding]:
    """Make checks once; all findings, in their order."""
    answers = await ask(cases, live)
    return [f for case, a in zip(cases, answers, strict=True) for f in findings(case, a)]


async def look_again(cases: Sequence[Case], live: Live) -> list[Finding]:
    """Make checks once, and those that were answered wrongly or by no machine once more.

    On a host with no time to spare a server now and then says that it is not ready.
    """
    answers = await ask(cases, live)
    found = [findings(c, a) for c, a in zip(cases, answers, strict=True)]
    every = [f for own in found for f in own]
    # An API that says nothing at all has been waited for already. One that answered others may
    # have been late for want of a processor: every machine works for its answers meanwhile.
    api_speaks = any(_of_api(c) and not a.silence for c, a in zip(cases, answers, strict=True))
    amiss = {id(c.check) for c, own in zip(cases, found, strict=True)
             if any(causes_of(f, every) or (_amiss(f, c, live) and (api_speaks or not _of_api(c)))
                    for f in own)}  # fmt: skip
    # With all subjects of a check: some are judged by what the others said.
    again = [n for n, case in enumerate(cases) if id(case.check) in amiss]
    if again:
        await asyncio.sleep(max(cases[n].check.again_s for n in again))
        answers = await ask([cases[n] for n in again], live)
        for n, answer in zip(again, answers, strict=True):
            found[n] = findings(cases[n], answer)
    return [f for own in found for f in own]


def _of_api(case: Case) -> bool:
    return not isinstance(case.check.ask, Sh)


def _amiss(finding: Finding, case: Case, live: Live) -> bool:
    return finding.fails or (finding.open and (_of_api(case) or finding.machine in live.fleet))


def judgements(case: Case, answer: Answer) -> list[Judgement]:
    """Return what a check makes of an answer; one that cannot be read tells nothing."""
    if answer.silence:
        return [Judgement(case.check.silence, AN_ANSWER, answer.silence)]
    try:
        return list(case.check.judge(case.subject, answer))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # What came instead of an answer speaks for itself.
        instead = answer.status or isinstance(error, json.JSONDecodeError)
        found = answer.last_line if instead else text(
            "an answer that cannot be read ({error}): {said}", error=repr(error),
            said=answer.last_line)  # fmt: skip
        return [Judgement(Verdict.UNKNOWN, AN_ANSWER, found)]


def findings(case: Case, answer: Answer) -> list[Finding]:
    """Return the same with all that people and programs are told."""
    asked, said = _cut(_words(case.ask)), _cut(answer.text.strip() or answer.silence)
    words = case.check.words(case.subject)
    return [
        case.check.finding(case.subject, j, asked=asked, answer=said, words=words)
        for j in judgements(case, answer)
    ]


def _words(asked: Ask) -> str:
    match asked:
        case Sh():
            return asked.text.strip()
        case Kubectl():
            return " ".join(("kubectl", *asked.words))
        case Forward():
            return f"kubectl port-forward --namespace={asked.namespace} {asked.pod} {asked.port}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + " …"


@dataclass(frozen=True, slots=True)
class Wait:
    """For how long, and for whom, checks are made until they hold."""

    deadline_s: float
    others: Collection[str] = ()
    """Names of those that nothing is waited for on, such as machines that do not answer."""
    pause_s: float = PAUSE_S
    hopeless: Callable[[], bool] = lambda: False
    """Says that there is nothing to wait for any more."""


async def settled(cases: Sequence[Case], live: Live, wait: Wait) -> list[Finding]:
    """Make checks until they hold or the wait is over; what holds is not asked again."""
    found: dict[int, list[Finding]] = {}

    async def again() -> None:
        left = [n for n, case in enumerate(cases) if n not in found or unsettled(case, found[n])]
        # What follows from another one waits for that: to ask in vain can take long.
        open_ = [f for n in left for f in found.get(n, [])]
        left = [n for n in left if not follows(found.get(n, []), open_)] or left
        # With all subjects of a check: some are judged by what the others said.
        checks = {id(cases[n].check) for n in left}
        asked = [n for n, case in enumerate(cases) if id(case.check) in checks]
        answers = await ask([cases[n] for n in asked], live)
        for n, answer in zip(asked, answers, strict=True):
            found[n] = findings(cases[n], answer)

    def follows(own: Sequence[Finding], open_: Sequence[Finding]) -> bool:
        return any(causes_of(f, open_) for f in own)

    def unsettled(case: Case, own: Sequence[Finding]) -> bool:
        waited_for = case.subject.name not in wait.others
        return waited_for and any(not f.ok and f.severity is not Severity.WARN for f in own)

    def done(_: None) -> bool:
        return wait.hopeless() or not any(unsettled(cases[n], own) for n, own in found.items())

    await poll_until(again, done, deadline_s=wait.deadline_s, interval_s=wait.pause_s)
    return [f for n in range(len(cases)) for f in found[n]]


def silent(live: Live) -> set[str]:
    """Return the names of the machines that do not answer."""
    return {m.name for m in live.cluster.machines} - live.fleet.keys()


def of_silent(found: Iterable[Finding], live: Live) -> list[Finding]:
    """Return findings with nothing called wrong about machines that do not answer.

    What the API says of their nodes follows from their silence.
    """
    names = silent(live)
    return [
        replace(f, verdict=Verdict.UNKNOWN,
                found=text("{found}; the machine does not answer", found=f.found))
        if f.machine in names and f.verdict is Verdict.WRONG
        else f
        for f in found
    ]  # fmt: skip
