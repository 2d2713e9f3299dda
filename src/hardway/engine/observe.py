"""What is on a machine: one script, one round trip. Reads only."""

from collections import defaultdict

from hardway.engine.kinds import BY_TYPE, KINDS, obsolete
from hardway.engine.kinds.base import SECTION, Question
from hardway.model.resources import Desired, Observed
from hardway.transport.base import Transport, run_checked


def script(desired: Desired) -> str:
    """Return the shell script that prints the state of everything in `desired`."""
    asked: dict[Question, dict[str, None]] = {}
    for item in desired.items:
        for question, word in BY_TYPE[type(item)].asks(item):
            asked.setdefault(question, {})[word] = None
    parts = [question(list(words)) for question, words in asked.items()]
    parts += [obsolete.question()] if parts else []
    return "\n".join(["exec 2>/dev/null", *parts, "exit 0\n"])


def parse(text: str) -> Observed:
    """Return what the script's output says."""
    sections, seen = _sections(text), Observed()
    for read in dict.fromkeys((*(kind.read for kind in KINDS), obsolete.read)):
        seen = read(sections, seen)
    return seen


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = defaultdict(list)
    name = ""
    for line in text.splitlines():
        if line.startswith(SECTION):
            name = line.removeprefix(SECTION)
        else:
            sections[name].append(line)
    return sections


async def observe(transport: Transport, desired: Desired) -> Observed:
    """Look at a machine.

    Raises:
        RemoteError: the machine does not answer, or the script failed there.
    """
    return parse(await run_checked(transport, ["sh", "-s"], stdin=script(desired).encode()))
