"""What is on a machine: one script, one round trip. Reads only."""

import shlex
from collections.abc import Sequence
from datetime import datetime

from hardway.errors import CommandError
from hardway.model.resources import (
    BLOCK_BEGIN,
    BLOCK_END,
    Desired,
    Observed,
    SeenPath,
    SeenUnit,
)
from hardway.render.systemd import DIGEST, MARKS
from hardway.transport.base import Transport, run_checked

PROPERTIES = (
    "Id",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    "ActiveEnterTimestamp",
    "ExecMainStartTimestamp",
)
COLUMNS = r"path\t%y\t%m\t%u:%g\t%s\t%C@\t%l\t%p\n"
"""Kind, mode, owner, size, ctime, target and path, as `find -printf` writes them."""


def script(desired: Desired) -> str:
    """Return the shell script that prints the state of everything in `desired`."""
    files = [f.path for f in desired.files]
    others = [f.path for f in desired.folders]
    others += [path for b in desired.blobs for path in (b.path, b.stored)]
    units = shlex.join(u.name for u in desired.units)
    parts = [_packages(desired)] if desired.packages else []
    parts += [_block(block.path) for block in desired.blocks]
    if files or others:
        paths = shlex.join([*files, *others])
        parts.append(f"find {paths} -maxdepth 0 -printf '{COLUMNS}' 2>/dev/null")
    if files:
        parts.append(f"sha256sum -- {shlex.join(files)} 2>/dev/null | sed 's/^/hash\\t/'")
    if units:
        properties = ",".join(PROPERTIES)
        parts.append(
            f"systemctl show --timestamp=us+utc --property={properties} {units}"
            " | sed 's/^/unit\\t/'"
        )
        # A running process carries its digest; a oneshot unit, which leaves none, noted it.
        parts.append(f"""for unit in {units}; do
  pid=$(systemctl show --property=MainPID --value "$unit")
  if [ "$pid" != 0 ]; then
    tr '\\0' '\\n' <"/proc/$pid/environ" | sed -n "s/^{DIGEST}=/digest\\t$unit\\t/p"
  elif [ -e "{MARKS}/$unit" ]; then
    sed "s/^/digest\\t$unit\\t/" "{MARKS}/$unit"
  fi
done 2>/dev/null""")
    return "\n".join([*parts, "exit 0\n"])


def _packages(desired: Desired) -> str:
    # A package two steps need is asked for once.
    names = shlex.join(sorted({p.name for p in desired.packages}))
    form = r"package\t${db:Status-Status}\t${Package}\n"
    return f"dpkg-query --show --showformat='{form}' {names} 2>/dev/null"


def _block(path: str) -> str:
    quoted = shlex.quote(path)
    return (
        f"sed -n '/^{BLOCK_BEGIN}$/,/^{BLOCK_END}$/p' {quoted} 2>/dev/null"
        f" | sed 's|^|block\\t{path}\\t|'"
    )


def parse(text: str) -> Observed:
    """Return what the script's output says."""
    rows = [line.split("\t") for line in text.splitlines()]
    hashes = dict(row[1].split("  ", 1)[::-1] for row in rows if row[0] == "hash")
    digests = {row[1]: row[2] for row in rows if row[0] == "digest"}
    paths = {row[-1]: _path(row, hashes) for row in rows if row[0] == "path"}
    blocks = _blocks([row[1] for row in rows if row[0] == "unit"])
    units = {b["Id"]: _unit(b, digests.get(b["Id"], "")) for b in blocks}
    packages = {row[2] for row in rows if row[0] == "package" and row[1] == "installed"}
    ours: dict[str, str] = {}
    for row in rows:
        if row[0] == "block" and row[2] not in {BLOCK_BEGIN, BLOCK_END}:
            ours[row[1]] = ours.get(row[1], "") + "\t".join(row[2:]) + "\n"
    return Observed(paths=paths, units=units, packages=frozenset(packages), blocks=ours)


def _path(row: Sequence[str], hashes: dict[str, str]) -> SeenPath:
    _, kind, mode, owner, size, changed, target, path = row
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


def _unit(block: dict[str, str], digest: str) -> SeenUnit:
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
    """Return a time as `systemctl show --timestamp=us+utc` has it, in seconds since 1970."""
    if not timestamp:
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
