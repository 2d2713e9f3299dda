"""Checks of hardway's units on a machine: that they run, and with which flags. Rows of many steps.

All of them share one question, so that a machine is asked once about all its units.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hardway.meaning.commands import flags as parsed
from hardway.model.checks import (
    MACHINES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Scope,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import LEDGER
from hardway.model.rows import Setting
from hardway.render.systemd import UNITS, Service
from hardway.text import joined, text

PROPERTIES = ("Id", "ActiveState", "SubState", "UnitFileState", "LoadState", "NRestarts", "Result",
              "MainPID", "ExecStart", "ActiveEnterTimestampMonotonic", "DropInPaths")  # fmt: skip
OWN = rf"$(sed -n 's#.* {UNITS}/\([a-z-]*\.\(service\|timer\)\)$#\1#p' {LEDGER}/paths)"
"""The cluster's own units: others on the user's hosts are not the cluster's to judge."""
LINES, WIDTH = 3, 500
"""Of a unit that does not run: as many as most programs need to say what they end with."""
ASK = Sh(rf"""set -- {OWN}
shown=$(systemctl show --property={",".join(PROPERTIES)} "$@")
read -r up _ </proc/uptime
printf '%s\n\nup %s\n' "$shown" "${{up%.*}}"
set -- $(printf '%s\n' "$shown" | sed -n 's#^MainPID=\([1-9]\)#/proc/\1#p')
[ $# = 0 ] || {{
    # One program reads them all: to start one for each takes longer than to read.
    tail --verbose --bytes=+1 $(printf '%s/cmdline ' "$@") 2>/dev/null | tr '\0\n' '\t ' |
        sed 's# *==> /proc/\([0-9]*\)/cmdline <== #\nargv \1\t#g'
    echo
    find $(printf '%s/exe ' "$@") -printf '%p\t%l\n' 2>/dev/null |
        sed 's#^/proc/\([0-9]*\)/exe#exe \1#'
}}
set -- $(printf '%s\n' "$shown" |
    sed -n 's/^ExecStart={{ .* argv\[\]=\(.*\) ; ignore_errors=.*/\1/p' |
    tr ' ' '\n' | grep '^/' | sort -u |
    while read -r path; do [ ! -f "$path" ] || [ ! -x "$path" ] || echo "$path"; done)
[ $# = 0 ] || readlink -f "$@" | while read -r file; do
    printf 'program %s\t%s\n' "$1" "$file"
    shift
done
printf '%s\n' "$shown" | awk -v RS= '/(^|\n)ActiveState=(failed|activating)/ ||
    (/(^|\n)ActiveState=inactive/ && /(^|\n)UnitFileState=enabled/) {{
    match($0, /(^|\n)Id=[^\n]*/); print substr($0, RSTART, RLENGTH)}}' | sed -n 's/^Id=//p' |
while read -r unit; do
    # Not what systemd says of each new attempt, but what the unit or its start ended with.
    said=$(journalctl --unit "$unit" --lines 40 --output cat --no-pager |
        grep -Ev '^(Start(ed|ing)|Stopp(ed|ing)|Scheduled restart|Deactivated|Consumed) |restart')
    # That it ended systemd says too: the last words, of one that ended without any.
    own=$(printf '%s\n' "$said" |
        grep -Ev '^Failed to start |: (Failed with result|(Main|Control) process exited)')
    said=$(printf '%s\n' "${{own:-$said}}" |
        uniq | tail -n {LINES} | cut -c 1-{WIDTH} | tr '\n' '\t')
    printf 'said %s\t%s\n' "$unit" "$said"
done""")
JSON_FIELD = re.compile(r'"(msg|error)":"((?:[^"\\]|\\.)*)')
KLOG_HEAD = re.compile(r"^[IWEF]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")
OWN_DROP_INS = re.compile(r"/(?:etc|run)/\S+")
"""Those of the machine's owner; a distribution's own lie elsewhere."""


CRASHES, CALM_S = 3, 30


def lasts(restarts: int, for_s: float) -> bool:
    """Return whether a process that systemd started again so often, so long ago, goes on running.

    One that ends at once runs too, for a moment: between two attempts nothing else tells it.
    """
    return restarts < CRASHES or for_s >= CALM_S


@dataclass(frozen=True, slots=True)
class Seen:
    """A unit as systemd has it."""

    properties: Mapping[str, str]
    argv: tuple[str, ...]
    """Of its process; without one what systemd would start, its drop-ins included."""
    executable: str
    """The file that its process runs, as the kernel has it; empty without a process."""
    programs: tuple[str, ...]
    """The files that its next start would run, behind all links: one that only makes room for
    another (`ip netns exec`) comes before that."""
    said: str
    """Its last words, where it does not run."""
    for_s: int
    """How long it has been active."""

    @property
    def state(self) -> str:
        """How it is, in systemd's words; `runs` where that is so."""
        own = self.properties
        if own["LoadState"] != "loaded":
            return text("{state} by systemd", state=own["LoadState"])
        if own["ActiveState"] not in {"active", "reloading"}:
            ended = own.get("Result", "success")
            return own["ActiveState"] + (f" ({ended})" if ended != "success" else "")
        return "runs"

    @property
    def restarts(self) -> int:
        """How often systemd started it again by itself."""
        return int(self.properties.get("NRestarts") or 0)

    @property
    def drop_ins(self) -> tuple[str, ...]:
        """Files of others that change the unit."""
        return tuple(OWN_DROP_INS.findall(self.properties.get("DropInPaths", "")))


def units(answer: str) -> dict[str, Seen]:
    """Return the units in an answer, by name."""
    states, _, rest = answer.partition("\n\nup ")
    now, *lines = rest.splitlines() or ["0"]
    rows = [line.partition(" ")[::2] for line in lines]
    argv, exe, program, said = (
        _by_name(value for key, value in rows if key == wanted)
        for wanted in ("argv", "exe", "program", "said")
    )
    started = {pid: _running(words) for pid, words in argv.items()}
    shown = properties(states) if rest else []
    return {
        own["Id"]: Seen(
            own,
            started.get(pid, ()) or _planned(own),
            exe.get(pid, "") if started.get(pid) else "",
            tuple(program[word] for word in _planned(own) if word in program),
            # Attempts that ended alike differ in their times alone.
            " | ".join(dict.fromkeys(map(_words, said.get(own["Id"], "").strip().split("\t")))),
            int(now) - int(own["ActiveEnterTimestampMonotonic"] or 0) // 1_000_000,
        )
        for own in shown
        for pid in [own.get("MainPID", "")]
    }


def properties(said: str) -> list[dict[str, str]]:
    """Return the properties of each unit in what `systemctl show` printed."""
    blocks = said.strip("\n").split("\n\n")
    return [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]


def _by_name(rows: Iterable[str]) -> dict[str, str]:
    return dict(row.partition("\t")[::2] for row in rows)


def _running(argv: str) -> tuple[str, ...]:
    """Return a process's words; none while it is still systemd's own, before it is executed."""
    return () if not argv or argv.startswith("(") else tuple(argv.rstrip("\t").split("\t"))


def _words(line: str) -> str:
    """Return a line of a log without what is only for programs: times, places, levels."""
    if fields := dict(JSON_FIELD.findall(line)):
        return ": ".join(filter(None, (fields.get("msg"), fields.get("error"))))
    return KLOG_HEAD.sub("", line)


def _planned(own: Mapping[str, str]) -> tuple[str, ...]:
    command = re.search(r"argv\[\]=(.*?) ; ", own.get("ExecStart", ""))
    return tuple(command[1].split()) if command else ()


def _current(_subject: Subject, answer: Answer) -> Iterator[Judgement]:
    alike = text("each process runs the file that its unit names")
    running = {name: unit for name, unit in units(answer.text).items() if unit.executable}
    other = {name: unit for name, unit in running.items() if unit.executable not in unit.programs}
    for name, unit in other.items():
        wanted = ", ".join(unit.programs) or text("nothing")
        yield from judged(text("{unit} runs {file}", unit=name, file=wanted),
                          text("{unit} runs {file}", unit=name, file=unit.executable))  # fmt: skip
    if running and not other:
        yield from judged(alike, alike)


CURRENT = Check(
    name="programs-current", step="components", scope=MACHINES, ask=ASK, judge=_current,
    when=Occasion.ASKED,
    why="a process keeps the file that it was started with, also after that was replaced or "
    "deleted: a fix that was installed is not there before a restart, and what runs may be "
    "nobody's any more",
    see="hardway ssh <MACHINE> -- 'ls -l /proc/[0-9]*/exe 2>/dev/null | grep -E "
    "\"[(]deleted[)]|/opt/hardway/store\"'",
)  # fmt: skip
"""Of all units at once: they are asked at once, and a replaced file is most often several's."""


def _judge_state(unit: str) -> Callable[[Subject, Answer], tuple[Judgement, ...]]:
    def judge(_subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
        expected = text("runs, and will after a boot")
        seen = units(answer.text).get(unit)
        if seen is None:
            return judged(expected, text("{unit} is no unit of this machine", unit=unit))
        if seen.state != "runs":
            (judgement,) = judged(expected, _stopped(unit, seen))
            return (replace(judgement, said=seen.said),)
        if not lasts(seen.restarts, seen.for_s):
            return judged(expected, text(
                "{unit} does not last: started again {times} times, the last time {seconds} s ago",
                unit=unit, times=seen.restarts, seconds=seen.for_s))  # fmt: skip
        if seen.properties["UnitFileState"] != "enabled":
            return judged(expected, text(
                "{unit} runs, but is {state}: the next boot does not start it",
                unit=unit, state=seen.properties["UnitFileState"]))  # fmt: skip
        return judged(expected, expected)

    return judge


def stopped(found: Mapping[str, Seen]) -> list[str]:
    """Return what is to be said of each unit that should run and does not."""
    return [_stopped(name, unit) for name, unit in found.items() if unit.said]


def _stopped(unit: str, seen: Seen) -> str:
    tried = seen.restarts
    how = (text("{unit} is {state}", unit=unit, state=seen.state) if not tried else
           text("{unit} is {state}, started again {times} times",
                unit=unit, state=seen.state, times=tried))  # fmt: skip
    if seen.drop_ins:
        how = text("{how}; changed by {drop_ins}", how=how, drop_ins=", ".join(seen.drop_ins))
    return text("{how}; it said last: {said}", how=how, said=seen.said) if seen.said else how


def runs(unit: str, *, step: str, scope: Scope, why: str, causes: Sequence[str] = ()) -> Check:
    """Return the check that a unit runs and is enabled; its last words are found where not."""
    return Check(
        name=f"{unit.rpartition('.')[0]}-runs", step=step, scope=scope, when=Occasion.ASKED,
        ask=ASK, judge=_judge_state(unit), why=why, causes=(*causes, "files-as-given"),
        see=f"hardway ssh <MACHINE> -- systemctl status --no-pager --full {unit}",
    )  # fmt: skip


def flags(
    unit: str,
    wanted: Callable[[Cluster, Machine], Service],
    *,
    step: str,
    scope: Scope,
    causes: Sequence[str] = (),
) -> Check:
    """Return the check that a unit's process has the flags that hardway gives it, and no others."""
    name = unit.rpartition(".")[0]

    def judge(subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
        seen = units(answer.text).get(unit)
        # What is not there is another check's.
        if seen is None or not seen.argv:
            return ()
        service = wanted(subject.cluster, subject.machine)
        return _compared(Counter(map(_flag, service.flags)), Counter(given(seen.argv)))

    return Check(
        name=f"{name}-flags", step=step, scope=scope, when=Occasion.ASKED, ask=ASK, judge=judge,
        causes=(*causes, "no-foreign-drop-ins", "files-as-given"),
        why="a process runs with what it was started with, whatever its file says now; a flag more "
        "or less is another service",
        see=f"hardway ssh <MACHINE> -- 'tr \"\\0\" \"\\n\" "
        f"</proc/$(systemctl show --property=MainPID --value {unit})/cmdline'",
    )  # fmt: skip


def _flag(row: Setting) -> str:
    return f"{row.name}={row.value}"


def given(argv: Sequence[str]) -> list[str]:
    """Return a command's flags as `--name=value`, however they are written, and its other words."""
    (_, *others), values = parsed(argv)
    return [*others, *(f"{name}={value}" for name, own in values.items() for value in own)]


def _compared(wanted: Counter[str], found: Counter[str]) -> tuple[Judgement]:
    lacking, foreign = sorted((wanted - found).elements()), sorted((found - wanted).elements())
    if not lacking and not foreign:
        alike = text("{count} flags, as hardway gives them", count=wanted.total())
        return judged(alike, alike)
    names = {row.partition("=")[0] for row in foreign}
    absent = [text("no {flag}", flag=flag) for row in lacking
              if (flag := row.partition("=")[0]) not in names]  # fmt: skip
    return judged(", ".join(lacking) or text("no other flags"), joined(", ", (*foreign, *absent)),
                  holds=False)  # fmt: skip
