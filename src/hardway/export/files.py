"""How a task's files are shown: the first machine's whole, and what others have in its place."""

import difflib
from collections.abc import Iterator, Sequence

from hardway.export import markdown as md
from hardway.export import words
from hardway.export.model import Put, Task
from hardway.export.words import Say
from hardway.model.cluster import Cluster, Machine
from hardway.model.rows import Note, Row, Section, walk
from hardway.render.systemd import UNITS, assigned
from hardway.text import text


def shown(task: Task, cluster: Cluster, say: Say) -> Iterator[str]:
    """Yield a task's files: copies of keys and certificates as a table, texts in full."""
    first = task.puts[task.machines[0]] if task.puts else ()
    if copies := [put for put in first if put.content.copy]:
        yield _copies(copies, task.machines[0], say)
    for put in first:
        if not put.content.copy:
            yield from _whole(put, task, cluster, say)


def _copies(puts: Sequence[Put], machine: str, say: Say) -> str:
    rows = [
        (md.literal(put.file.path), md.literal(put.content.copy.replace(machine, MACHINE)),
         f"{put.file.owner} {put.file.mode:04o}", say(put.file.why).replace(machine, MACHINE))
        for put in puts
    ]  # fmt: skip
    headings = (say("file"), say("copy of, in `keys/`"), say("whose"), say("why"))
    return md.table(headings, rows)


def _whole(put: Put, task: Task, cluster: Cluster, say: Say) -> Iterator[str]:
    file, content = put.file, put.content
    why = "" if file.why == task.why else f" {words.sentence(file.why, say)}"
    yield f"**{md.literal(file.path)}** ({file.owner}, {file.mode:04o}).{why}"
    yield md.file(file.path, content.text.decode())
    if content.template:
        yield say("Each mark `@base64:FILE@` becomes the content of `keys/FILE` in base64.")
    yield from _elsewhere(put, task, cluster, say)
    text_of = content.text.decode()
    if rows := [
        (md.literal(_name(row, file.path)), say(row.why))
        for row in walk(file.rows)
        if _unsaid(row) and _stands(row, file.path, text_of)
    ]:
        summary = say("Why the lines without a comment are there")
        yield md.folded(summary, md.table((say("line"), say("why")), rows))


def _unsaid(row: Row) -> bool:
    return isinstance(row, Note) or (row.quiet and not isinstance(row, Section))


def _stands(row: Row, path: str, said: str) -> bool:
    """Return whether a row's line is there: of units some are left out, as hardway's own."""
    line = assigned(row)
    return not path.startswith(UNITS) or line.startswith("--") or line in said


def _name(row: Row, path: str) -> str:
    line = assigned(row)
    return line if path.startswith(UNITS) and len(line) < SHORT else row.name


SHORT = 40
"""A unit's line that is no longer than this is shown whole: names come again in it."""
MACHINE = "<machine>"


def _elsewhere(put: Put, task: Task, cluster: Cluster, say: Say) -> Iterator[str]:
    """Yield what differs in the file on the task's other machines."""
    first = cluster.machine(task.machines[0])
    mine = put.content.text.decode()
    others = {
        cluster.machine(name): next(p for p in task.puts[name] if p.file.path == put.file.path)
        for name in task.machines[1:]
    }
    differing = {m: p.content.text.decode() for m, p in others.items()
                 if p.content.text.decode() != mine}  # fmt: skip
    if not differing:
        return
    if all(_general(mine, first) == _general(said, m) for m, said in differing.items()):
        own = [word for word, value in _own(first) if value in mine]
        yield say(
            text(
                "The other machines have their own {what} in it.",
                what=words.join([say(word) for word in own], say),
            )
        )
        return
    for machine, said in differing.items():
        summary = say(text("What differs on {machine}", machine=machine.name))
        yield md.folded(summary, md.code(_difference(mine, said), "diff"))


def _own(machine: Machine) -> tuple[tuple[str, str], ...]:
    """Return what is a machine's own, by words for it; longer values first."""
    # Addresses of its pods begin like the range.
    range_ = str(machine.pod_cidr).rpartition(".")[0] if machine.pod_cidr else ""
    pods = [("range of pods", f"{range_}.")] if range_ else []
    return (*pods, ("address", str(machine.address)), ("name", machine.name))


def _general(said: str, machine: Machine) -> str:
    for word, value in _own(machine):
        said = said.replace(value, f"<{word}>")
    return said


def _difference(mine: str, said: str) -> str:
    lines = difflib.unified_diff(mine.splitlines(), said.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))
