"""A machine that answers the questions of checks, each as a function of its text."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from hardway.errors import ConnectError
from hardway.transport.base import Completed

QUESTION = re.compile(r"^exec \d+< <\(asked \d+ (.*?)\)\n(?=exec|{ cat)", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"(\w+) \$status$", re.MULTILINE)


def answered(script: bytes, answer: Callable[[str], str]) -> Completed:
    """Return what a machine prints that is sent the script of some questions."""
    asked, (mark,) = QUESTION.findall(script.decode()), MARK.findall(script.decode())
    said = "".join(f"{answer(*shlex.split(text))}\n{mark} 0\n" for text in asked)
    return Completed(0, said.encode(), b"")


class Answering:
    """A connection to a machine of which only questions are asked."""

    def __init__(self, machine: str, answer: Callable[[str], str], *, breaks: bool = False) -> None:
        self.machine = machine
        self.answer = answer
        self.breaks = breaks
        self.round_trips = 0

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        """Answer; see `Transport.run`."""
        self.round_trips += 1
        if self.breaks:
            raise ConnectError("the connection broke", where=self.machine)
        assert isinstance(stdin, bytes)
        return answered(stdin, self.answer)
