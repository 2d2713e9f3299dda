"""All questions to one machine as one script: one round trip, and few wait for another."""

import re
import shlex
from collections.abc import Sequence

from hardway.model.checks import HOLE, Answer, Sh
from hardway.steps.base import statuses_of
from hardway.text import text

TOOK_TOO_LONG = 124
"""The status of what was ended since it took too long; timeout(1) has the same."""
MARGIN_S = 15
"""For the connection and for starting programs, beside the questions' own time."""
AT_ONCE = 10
"""Questions that are asked at the same time. Forty at once left a slow machine with no answer in
time. With two or three at once, as many that hang would hold up all others."""


ASKED = """\
export LC_ALL=C
exec 8<> <(:) 9<> <(:)
asked() {
    exec 2>/dev/null
    read -rN1 -u9
    deadline=$((SECONDS + $1))
    # Job control gives the question a process group of its own, which can be ended as a whole.
    set -m
    sh -c "$2" 2>&1 </dev/null &
    printf '%s %s\\n' $! $deadline >&8
    wait $!
    status=$?
    printf '%s\\n' $! >&8
    printf . >&9
    [ $SECONDS -le $deadline ] || status=<TOOK_TOO_LONG>
    printf '\\n%s %s\\n' <MARK> $status
}
printf %<AT_ONCE>s >&9
"""
"""How a question is asked, given its limit in seconds and its text: once there is a byte in the
pipe 9, which it puts back. The pipe 8 is told which process group has to end when."""
ENDS = """\
while read -rt 1 -u8 job deadline; [ "$job" != all ]; do
    case $job:$deadline in
    :) ;;
    *:) unset "deadlines[$job]" ;;
    *) deadlines[$job]=$deadline ;;
    esac
    for job in "${!deadlines[@]}"; do
        [ $SECONDS -le ${deadlines[$job]} ] || kill -- -$job
    done
done 2>/dev/null
exit 0
"""
"""Ends what takes too long: timeout(1) for each question would take longer than most answers."""


def _asked(questions: Sequence[Sh]) -> list[Sh]:
    """Return what a machine is asked: first for all statuses at once, then each of the others."""
    urls = [question.url for question in questions if question.url]
    return [statuses_of(urls)] * bool(urls) + [questions[n] for n in _others(questions)]


def _others(questions: Sequence[Sh]) -> list[int]:
    """Return the places of questions that are for no status; what may take longest comes first."""
    others = [n for n, question in enumerate(questions) if not question.url]
    return sorted(others, key=lambda n: -questions[n].timeout_s)


def script(questions: Sequence[Sh], mark: str) -> str:
    """Return a bash script that asks `AT_ONCE` questions at a time and prints the answers.

    Each question writes to a pipe of its own (bash's process substitution): none waits until an
    earlier one is answered, and nothing is written to the machine's disk.
    `mark` is a word that no answer contains; it stands before each answer's status.
    """
    words = {"MARK": mark, "AT_ONCE": str(AT_ONCE), "TOOK_TOO_LONG": str(TOOK_TOO_LONG)}
    starts, pipes = [], []
    for number, question in enumerate(_asked(questions), start=10):
        asked = f"asked {question.timeout_s} {shlex.quote(question.text)}"
        starts.append(f"exec {number}< <({asked})")
        pipes.append(f"/dev/fd/{number}")
    cat = f"{{ cat {' '.join(pipes)}; echo all >&8; }} &"
    return "\n".join([HOLE.sub(lambda hole: words[hole[1]], ASKED), *starts, cat, ENDS])


def limit_s(questions: Sequence[Sh]) -> float:
    """Return how long the script may take, also where no question is answered."""
    times = [question.timeout_s for question in questions]
    return max(times) + sum(times) / AT_ONCE + MARGIN_S


def parse(output: str, questions: Sequence[Sh], mark: str) -> list[Answer]:
    """Return the answers that the script printed; those it did not come to are silent."""
    asked = _asked(questions)
    parts = re.findall(rf"(.*?)\n{mark} (\d+)\n", output, re.DOTALL)
    answers = [
        _answer(said, int(status), question)
        for (said, status), question in zip(parts, asked, strict=False)
    ]
    missing = len(asked) - len(answers)
    answers += [Answer(silence=text("the machine broke off before this answer"))] * missing
    of_urls = [n for n, question in enumerate(questions) if question.url]
    together = _of_each(answers.pop(0), len(of_urls)) if of_urls else []
    found = dict(zip([*of_urls, *_others(questions)], [*together, *answers], strict=True))
    return [found[n] for n in range(len(questions))]


def _of_each(answer: Answer, urls: int) -> list[Answer]:
    """Return the answer about each URL, of an answer about all of them."""
    lines = dict(line.partition(" ")[::2] for line in answer.text.splitlines())
    said = [lines.get(str(number)) for number in range(urls)]
    # What says nothing of a URL says why not: that there is no curl.
    return [answer if line is None else Answer(line) for line in said]


def _answer(said: str, status: int, question: Sh) -> Answer:
    if status == TOOK_TOO_LONG:
        return Answer(silence=text("no answer in {seconds} s", seconds=question.timeout_s))
    return Answer(said, status)
