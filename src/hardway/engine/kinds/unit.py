"""systemd units that are enabled and run with what their files say now."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hardway.engine.kinds.base import Difference, ItemKind, Sections, Stale, section
from hardway.meaning.unit import DIGEST, MARKS
from hardway.model.resources import Kind, Observed, SeenUnit, Unit
from hardway.render.systemd import LOADED
from hardway.steps.processes import lasts
from hardway.text import text

PROPERTIES = (
    "Id",
    "MainPID",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "ActiveEnterTimestamp",
    "ActiveEnterTimestampMonotonic",
    "ActiveExitTimestampMonotonic",
    "ExecMainStartTimestamp",
    "NRestarts",
)
RUNNING = frozenset({"active", "activating", "reloading"})
BEFORE_PROGRAM = frozenset({
    "/usr/lib/systemd/systemd",
    "/usr/lib/systemd/systemd-executor",
    "/usr/bin/ip",
})  # fmt: skip
"""What a new process runs before it runs its unit's program; `ip` by `ip netns exec`."""
LONGEST_PAUSE_S = 120
"""gRPC's, between two tries."""
BRIEF_S = 15
"""Clients of a server that was away for less call it again sooner than they would restart."""


def _question(names: Sequence[str]) -> str:
    properties = ",".join(PROPERTIES)
    # A running process carries its digest; a oneshot unit, which leaves none, noted it.
    return f"""{section("units")}
shown=$(systemctl show --timestamp=us+utc --property={properties} {shlex.join(names)})
printf '%s\\n' "$shown"
{section("uptime")}
cut -d ' ' -f 1 /proc/uptime
for process in $(printf '%s\\n' "$shown" | sed -n 's|^MainPID=\\([1-9].*\\)|/proc/\\1|p'); do
    environs="$environs $process/environ" executables="$executables $process/exe"
done
programs() {{ find /dev/null $executables -maxdepth 0 -printf '%p %l\\n'; }}
{section("executables")}
programs
{section("digests")}
grep -zH '^{DIGEST}=' /dev/null $environs | tr '\\0' '\\n'
grep -H . /dev/null {MARKS}/*
{section("executables afterwards")}
programs"""


def _read(sections: Sections, seen: Observed) -> Observed:
    digests = dict(_digest(line) for line in sections["digests"])
    # Of a file that was replaced the kernel says so, after its former path. Only who was the same
    # before and after the look at its variables can be told by them.
    same = {*sections["executables"]}.intersection(sections["executables afterwards"])
    executables = dict(line.split(" ", 1) for line in same)
    blocks = _blocks(sections["units"])
    up_s = float("".join(sections["uptime"]) or 0)
    return replace(seen, units={b["Id"]: _unit(b, digests, executables, up_s) for b in blocks})


def _digest(line: str) -> tuple[str, str]:
    """Return in which file a digest was found, and the digest."""
    name, _, found = line.partition(":")
    return name, found.removeprefix(f"{DIGEST}=").partition(" ")[0]


def _blocks(lines: Sequence[str]) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = [{}]
    for line in lines:
        name, _, value = line.partition("=")
        if not name:
            blocks.append({})
        else:
            blocks[-1][name] = value
    return [b for b in blocks if b]


def _unit(
    block: Mapping[str, str],
    digests: Mapping[str, str],
    executables: Mapping[str, str],
    up_s: float,
) -> SeenUnit:
    pid = block.get("MainPID", "0")
    noted = f"{MARKS}/{block['Id']}" if pid == "0" else f"/proc/{pid}/environ"
    digest = digests.get(noted, "")
    started = _seconds(block.get("ExecMainStartTimestamp") or block["ActiveEnterTimestamp"])
    executable = executables.get(f"/proc/{pid}/exe", "")
    executable = "" if executable in BEFORE_PROGRAM else executable
    runs = block["ActiveState"] in RUNNING
    passing = runs and pid != "0" and not executable
    entered_s = int(block.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    left_s = int(block.get("ActiveExitTimestampMonotonic") or 0) / 1e6
    active_s = up_s - entered_s
    lasting = lasts(int(block.get("NRestarts") or 0), active_s)
    return SeenUnit(
        active="activating" if passing else block["ActiveState"],
        enabled=block["UnitFileState"] == "enabled",
        digest=digest if runs else "",
        started_at=started if runs else 0.0,
        active_s=active_s,
        away_s=max(entered_s - left_s, 0.0) if left_s else 0.0,
        executable=executable,
        fails=block.get("SubState") == "auto-restart" or not lasting,
        reload_digest=digests.get(f"{MARKS}/{block['Id']}{LOADED}", ""),
        reload_needed=block["NeedDaemonReload"] == "yes",
    )


def _seconds(timestamp: str) -> float:
    """Return a time as `systemctl show --timestamp=us+utc` has it, in seconds since 1970.

    What never was is empty, or `n/a` (systemd 249): long ago.
    """
    if timestamp in {"", "n/a"}:
        return 0.0
    day, time = timestamp.split(" ")[1:3]
    return datetime.fromisoformat(f"{day}T{time}+00:00").timestamp()


def _differs(unit: Unit, observed: Observed, stale: Stale) -> Iterator[Difference]:
    seen = observed.units.get(unit.name)
    if seen is None or not seen.enabled:
        yield Kind.ENABLE, unit.name, text("at each boot")
    if seen is None or seen.active not in RUNNING:
        state = text("is {state}", state=seen.active) if seen else text("is missing")
        yield Kind.START, unit.name, state
    elif seen.fails:
        yield Kind.START, unit.name, text("it ends again and again; systemd starts it each time")
    elif not _serves(server := observed.units.get(unit.server)):
        yield Kind.RESTART, unit.name, text("{server} does not run, and once it runs again this "
                                            "one takes up to two minutes to call it",
                                            server=unit.server)  # fmt: skip
    elif server and _pauses(seen, server):
        away = round(server.away_s)
        yield Kind.RESTART, unit.name, text("{server} was away for {seconds} s, and this one takes "
                                            "up to two minutes to call it again",
                                            server=unit.server, seconds=away)  # fmt: skip
    elif reason := _outdated(unit, seen, stale):
        yield Kind.RESTART, unit.name, reason
    elif seen.reload_digest != unit.reload_digest and not _starts(seen):
        yield Kind.RELOAD, unit.name, text("it has not read its files as they should be")


def _outdated(unit: Unit, seen: SeenUnit, stale: Stale) -> str:
    """Return why a unit that runs has to be started again; empty where it need not."""
    if _starts(seen) and not any(path in stale for path in unit.reads):
        # Its process is not there yet, as after a boot; it will be started as wanted.
        return ""
    if seen.digest != unit.digest:
        return text("it runs with other files than it should")
    if unit.executable and seen.executable not in {unit.executable, ""}:
        return text("it runs {program}", program=seen.executable)
    # It was started as wanted, unless one of its files was already wrong then.
    read = [path for path in unit.reads if stale.get(path, seen.started_at) < seen.started_at]
    changed = text("it was started after {files} had changed", files=", ".join(read))
    return changed if read else ""


def _serves(server: SeenUnit | None) -> bool:
    return server is None or (server.active in RUNNING and not server.fails)


def _pauses(client: SeenUnit, server: SeenUnit) -> bool:
    """Return whether a client may not have called its server again since that came back.

    Its pauses grow as long as the server is away: the last one is shorter than all that time.
    """
    pause_s = min(server.away_s, LONGEST_PAUSE_S) if server.away_s > BRIEF_S else 0.0
    return server.active_s < pause_s and client.active_s > server.active_s


def _starts(seen: SeenUnit) -> bool:
    return seen.active == "activating" and not seen.digest


def _by_hand(units: Sequence[Unit]) -> list[str]:
    names = shlex.join(unit.name for unit in units)
    # Not waited for: a member of etcd is started when others are, on machines that come later.
    return [
        "systemctl daemon-reload",
        f"systemctl enable --quiet {names}",
        f"systemctl restart --no-block {names}",
    ]


UNIT = ItemKind(
    type=Unit,
    asks=lambda unit: [(_question, unit.name)],
    read=_read,
    differs=_differs,
    by_hand=_by_hand,
)
