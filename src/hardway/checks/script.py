"""All questions to one machine as one script: one round trip, and few wait for another."""

import re
import shlex
from collections.abc import Sequence

from hardway.model.checks import Answer, Sh
from hardway.text import text

TOOK_TOO_LONG = 124
"""timeout(1)'s status."""
MARGIN_S = 15
"""For the connection and for starting programs, beside the questions' own time."""
AT_ONCE = 10
"""Questions that are asked at the same time. Forty at once left a slow machine with no answer in
time. With two or three at once, as many that hang would hold up all others."""


def script(questions: Sequence[Sh], mark: str) -> str:
    """Return a bash script that asks `AT_ONCE` questions at a time and prints answers in order.

    Each question writes to a pipe of its own (bash's process substitution): none waits until an
    earlier one is answered, and nothing is written to the machine's disk. A question takes a byte
    from the pipe 9 before it begins, and gives one back at its end.
    `mark` is a word that no answer contains; it stands before each answer's status.
    """
    starts, pipes = [], []
    for number, question in enumerate(questions, start=10):
        asked = f"timeout {question.timeout_s} sh -c {shlex.quote(question.text)} 2>&1 </dev/null"
        ended = f'status=$?; printf . >&9; printf "\\n%s %s\\n" {mark} $status'
        starts.append(f"exec {number}< <(read -rN1 -u9; {asked}; {ended})")
        pipes.append(f"/dev/fd/{number}")
    turns = f"exec 9<> <(:); printf %{AT_ONCE}s >&9"
    cat = f"cat {' '.join(pipes)}"
    return "\n".join(["export LC_ALL=C", turns, *starts, cat, "exit 0\n"])


def limit_s(questions: Sequence[Sh]) -> float:
    """Return how long the script may take, also where no question is answered."""
    times = [question.timeout_s for question in questions]
    return max(times) + sum(times) / AT_ONCE + MARGIN_S


def parse(output: str, questions: Sequence[Sh], mark: str) -> list[Answer]:
    """Return the answers that the script printed; those it did not come to are silent."""
    parts = re.findall(rf"(.*?)\n{mark} (\d+)\n", output, re.DOTALL)
    answers = [
        _answer(said, int(status), question)
        for (said, status), question in zip(parts, questions, strict=False)
    ]
    missing = len(questions) - len(answers)
    return [*answers, *[Answer(silence=text("the machine broke off before this answer"))] * missing]


def _answer(said: str, status: int, question: Sh) -> Answer:
    if status == TOOK_TOO_LONG:
        return Answer(silence=text("no answer in {seconds} s", seconds=question.timeout_s))
    return Answer(said, status)
