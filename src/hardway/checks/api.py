"""Asking the API the questions of checks: what lists objects by one kubectl, the rest at once."""

import asyncio
import json
import urllib.request
from collections.abc import Sequence
from functools import partial

from hardway.checks.live import Live
from hardway.checks.script import TOOK_TOO_LONG
from hardway.errors import CommandError
from hardway.model.checks import Answer, Forward, Kubectl, every
from hardway.model.objects import resource
from hardway.text import text
from hardway.tools.kubectl import CUT, POD_SAID, unreached

AGAIN_S = 1.0
"""Until a question is asked once more whose connection was cut."""

Asked = Kubectl | Forward


async def ask_api(live: Live, asked: Sequence[Asked]) -> list[Answer]:
    """Return the API's answers, in order."""
    lists = [question for question in asked if isinstance(question, Kubectl) and question.types]
    others = [question for question in asked if question not in lists]
    listed, answers = await asyncio.gather(
        _lists(live, lists), asyncio.gather(*(_answer(live, question) for question in others))
    )
    found = dict(zip([*lists, *others], [*listed, *answers], strict=True))
    return [found[question] for question in asked]


async def _lists(live: Live, asked: Sequence[Kubectl]) -> list[Answer]:
    """Return the answers to questions for all objects of some types.

    To start kubectl takes longer than to list the objects of a small cluster.
    """
    if len(asked) > 1:
        types = dict.fromkeys(one for question in asked for one in question.types.split(","))
        answer = await _answer(live, every(",".join(types)))
        if answer.silence:
            return [answer] * len(asked)
        if not answer.status:
            return _apart(asked, answer)
    # What cannot be listed of one type says nothing of the others.
    return await asyncio.gather(*(_answer(live, question) for question in asked))


def _apart(asked: Sequence[Kubectl], answer: Answer) -> list[Answer]:
    """Return what an answer to all questions is to each of them."""
    objects = json.loads(answer.text)["items"]
    return [
        Answer(json.dumps({
            "kind": "List",
            "items": [o for o in objects if resource(o["kind"]) in question.types.split(",")],
        }))
        for question in asked
    ]  # fmt: skip


async def _answer(live: Live, question: Asked) -> Answer:
    if not live.fleet:
        # Without machines the API's address leads out of this host.
        return Answer(silence=text("no machine answers"))
    try:
        if isinstance(question, Kubectl):
            return await _kubectl(live, question)
        return await _forward(live, question)
    except CommandError as error:
        if error.status == TOOK_TOO_LONG or unreached(error.output):
            return Answer(silence=Answer(error.output).last_line)
        return Answer(error.output.partition(POD_SAID)[0], error.status)
    except OSError as error:
        return Answer(str(error), 1)


async def _kubectl(live: Live, question: Kubectl) -> Answer:
    kubectl = live.admin if question.as_admin else live.kubectl
    ask = partial(kubectl.run, *question.words, timeout_s=question.timeout_s)
    try:
        return Answer(await ask())
    except CommandError as error:
        if not unreached(error.output, CUT):
            raise
    # A balancer ends the connections to a server that is not ready: other servers may be.
    await asyncio.sleep(AGAIN_S)
    return Answer(await ask())


async def _forward(live: Live, question: Forward) -> Answer:
    async with live.kubectl.forward(question.namespace, question.pod, question.port) as local:
        return Answer(await asyncio.to_thread(_get, f"http://127.0.0.1:{local}/"))


def _get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode(errors="replace"))
