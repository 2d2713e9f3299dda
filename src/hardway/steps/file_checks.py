"""The check of the files themselves: whether they still mean what hardway gave a machine.

What processes run with is judged by checks of their own. An edit that no process has read yet
shows here first, and one that a process has read is the cause of what these find.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from hardway.meaning.base import Deviation
from hardway.meaning.formats import differences
from hardway.model.checks import (
    MACHINES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.resources import Verdict, hexdigest
from hardway.text import text

NAME = "files-as-given"
JUDGED_BY_OTHERS = ("*.crt", "*.key", "*.pub")
"""Checks of certificates read these: another one that says the same is as good."""
SECRET = "(token|password|secret|[a-z-]+-data)"  # noqa: S105 - how entries are called
ASK = Sh(f"""sha256sum --check 2>/dev/null <<'END' | sed -n 's/: FAILED.*//p' |
<SUMS>
END
while read -r path; do
    echo "$path"
    [ ! -f "$path" ] || head --bytes=1M "$path" |
        sed -E 's/({SECRET}: *).*/\\1(not shown)/; s/^/\t/'
    echo
done""")
"""Each file that differs, its lines indented; what somebody wrote into it may be secret."""


def _wanted(subject: Subject) -> dict[str, bytes]:
    return {
        path: content
        for path, content in subject.given().items()
        if not any(fnmatchcase(path, pattern) for pattern in JUDGED_BY_OTHERS)
    }


def _words(subject: Subject) -> Mapping[str, str]:
    rows = (f"{hexdigest(content)}  {path}" for path, content in _wanted(subject).items())
    return {"SUMS": "\n".join(rows)}


def _judge(subject: Subject, answer: Answer) -> Iterator[Judgement]:
    wanted = _wanted(subject)
    worded = []
    for path, found in _found(answer.text).items():
        if not found:
            yield from judged(text("{file} is there", file=path), text("it is missing or empty"))
        elif named := differences(path, wanted[path], found.encode()):
            yield Judgement(
                Verdict.WRONG,
                text("{file}: {entries}", file=path, entries=_entries(named, "expected")),
                text("{file}: {entries}", file=path, entries=_entries(named, "found")),
            )
        else:
            worded.append(path)
    if wanted:
        # Of a folder that knows of no files nothing can be said.
        yield _right(len(wanted), worded)


def _found(answer: str) -> dict[str, str]:
    """Return what stands in the files that differ, by path."""
    parts = re.findall(r"(?m)^(/.*)\n((?:\t.*\n?)*)", answer)
    return {path: re.sub(r"(?m)^\t", "", lines) for path, lines in parts}


def _entries(named: list[Deviation], side: str) -> str:
    return ", ".join(f"{entry.at} {getattr(entry, side)}" for entry in named)


def _right(count: int, worded: list[str]) -> Judgement:
    expected = text("{count} files mean what hardway gave", count=count)
    found = text("the same meaning in another text: {files}; `hardway up` writes them again and "
                 "restarts nothing", files=", ".join(worded))  # fmt: skip
    return Judgement(Verdict.HOLDS, expected, found if worded else expected)


CHECK = Check(
    name=NAME, step="machines", scope=MACHINES, ask=ASK, judge=_judge, words=_words,
    when=Occasion.ASKED,
    why="a file that somebody edited counts from the next start of whoever reads it, which may be "
    "months away",
    see="hardway plan",
)  # fmt: skip
