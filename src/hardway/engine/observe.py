"""What is on a machine: one script, one round trip. Reads only."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from posixpath import dirname

from hardway.errors import CommandError
from hardway.model.resources import (
    BLOCK_BEGIN,
    BLOCK_END,
    NEW,
    STORE,
    Desired,
    Observed,
    SeenPath,
    SeenUnit,
)
from hardway.render.systemd import DIGEST, MARKS
from hardway.transport.base import Transport, run_checked

PROPERTIES = (
    "Id",
    "MainPID",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    "ActiveEnterTimestamp",
    "ExecMainStartTimestamp",
)
COLUMNS = r"%y\t%m\t%u:%g\t%s\t%C@\t%l\t%p\n"
"""Kind, mode, owner, size, ctime, target and path, as `find -printf` writes them."""

SECTION = "== "
"""Begins the line before each part of the script's output."""
BLOCK = "block "
"""And the path: how the parts for lines of ours in others' files are called."""


def script(desired: Desired) -> str:
    """Return the shell script that prints the state of everything in `desired`.

    Starting a program is what costs there: each is started once, whatever the number of things.
    """
    files = [f.path for f in desired.files]
    others = [f.path for f in desired.folders]
    others += [path for b in desired.blobs for path in (b.path, b.stored)]
    put = [*files, *(b.path for b in desired.blocks), *(b.path for b in desired.blobs)]
    others += sorted({f"{dirname(path)}/{NEW}" for path in put})
    units = [u.name for u in desired.units]
    parts = []
    if desired.packages:
        # A package two steps need is asked for once.
        packages = shlex.join(sorted({p.name for p in desired.packages}))
        form = r"${db:Status-Status} ${Package}\n"
        parts.append(f"echo {SECTION}packages; dpkg-query --show --showformat='{form}' {packages}")
    parts += [_block(block.path) for block in desired.blocks]
    if files or others:
        paths = shlex.join([*files, *others])
        parts.append(
            f"echo {SECTION}paths; find {paths} {STORE}/*/*{NEW} -maxdepth 0 -printf '{COLUMNS}'"
        )
    if files:
        parts.append(f"echo {SECTION}hashes; sha256sum -- {shlex.join(files)}")
    if units:
        properties = ",".join(PROPERTIES)
        marks = shlex.join(f"{MARKS}/{name}" for name in units)
        # A running process carries its digest; a oneshot unit, which leaves none, noted it.
        parts.append(f"""echo {SECTION}units
shown=$(systemctl show --timestamp=us+utc --property={properties} {shlex.join(units)})
printf '%s\\n' "$shown"
echo {SECTION}digests
processes=$(printf '%s\\n' "$shown" | sed -n 's|^MainPID=\\([1-9].*\\)|/proc/\\1/environ|p')
grep -zH '^{DIGEST}=' /dev/null $processes | tr '\\0' '\\n'
echo {SECTION}marks
grep -H . /dev/null {marks}""")
    return "\n".join(["exec 2>/dev/null", *parts, "exit 0\n"])


def _block(path: str) -> str:
    # No line of theirs can begin a section: each is indented.
    ours = f"/^{BLOCK_BEGIN}$/,/^{BLOCK_END}$/s/^/\\t/p"
    return f"echo {shlex.quote(f'{SECTION}{BLOCK}{path}')}; sed -n '{ours}' {shlex.quote(path)}"


def parse(text: str) -> Observed:
    """Return what the script's output says."""
    parts = _sections(text)
    hashes = dict(line.split("  ", 1)[::-1] for line in parts["hashes"])
    rows = [line.split("\t") for line in parts["paths"]]
    digests = dict(_digest(line) for line in (*parts["digests"], *parts["marks"]))
    units = {b["Id"]: _unit(b, digests) for b in _blocks(parts["units"])}
    packages = [line.split(" ") for line in parts["packages"]]
    ours = {name.removeprefix(BLOCK): _ours(lines) for name, lines in parts.items()
            if name.startswith(BLOCK) and lines}  # fmt: skip
    return Observed(
        paths={row[-1]: _path(row, hashes) for row in rows},
        units=units,
        packages=frozenset(name for status, name in packages if status == "installed"),
        blocks=ours,
    )


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = defaultdict(list)
    name = ""
    for line in text.splitlines():
        if line.startswith(SECTION):
            name = line.removeprefix(SECTION)
        else:
            sections[name].append(line)
    return sections


def _ours(lines: Sequence[str]) -> str:
    """Return our lines in a file of others, without the marks around them."""
    plain = [line.removeprefix("\t") for line in lines]
    return "".join(f"{line}\n" for line in plain if line not in {BLOCK_BEGIN, BLOCK_END})


def _digest(line: str) -> tuple[str, str]:
    """Return in which file a digest was found, and the digest."""
    path, _, found = line.partition(":")
    return path, found.removeprefix(f"{DIGEST}=")


def _path(row: Sequence[str], hashes: dict[str, str]) -> SeenPath:
    kind, mode, owner, size, changed, target, path = row
    user, _, group = owner.partition(":")
    return SeenPath(
        kind=kind,
        mode=int(mode, 8),
        owner=user if user == group else owner,
        size_bytes=int(size),
        changed_at=float(changed),
        target=target,
        digest=hashes.get(path, ""),
    )


def _blocks(lines: Sequence[str]) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = [{}]
    for line in lines:
        name, _, value = line.partition("=")
        if not name:
            blocks.append({})
        else:
            blocks[-1][name] = value
    return [b for b in blocks if b]


def _unit(block: dict[str, str], digests: Mapping[str, str]) -> SeenUnit:
    pid = block.get("MainPID", "0")
    noted = f"{MARKS}/{block['Id']}" if pid == "0" else f"/proc/{pid}/environ"
    digest = digests.get(noted, "")
    started = _seconds(block["ExecMainStartTimestamp"] or block["ActiveEnterTimestamp"])
    runs = block["ActiveState"] in {"active", "activating", "reloading"}
    return SeenUnit(
        active=block["ActiveState"],
        enabled=block["UnitFileState"] == "enabled",
        digest=digest if runs else "",
        started_at=started if runs else 0.0,
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


async def observe(transport: Transport, desired: Desired) -> Observed:
    """Look at a machine.

    Raises:
        RemoteError: the machine does not answer, or the script failed there.
    """
    return parse(await run_checked(transport, ["sh", "-s"], stdin=script(desired).encode()))


async def contents(transport: Transport, paths: Sequence[str]) -> dict[str, bytes]:
    """Return the content of some files of a machine; absent ones are empty."""

    async def one(path: str) -> bytes:
        try:
            return (await run_checked(transport, ["cat", path])).encode()
        except CommandError:
            return b""

    return {path: await one(path) for path in paths}
