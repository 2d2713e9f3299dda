"""The only writer: makes machines be as the changes say. Everything here may be done again."""

import io
import shlex
import tarfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from posixpath import dirname

from hardway.engine import ledger
from hardway.engine.kinds import BY_TYPE, obsolete
from hardway.engine.kinds.base import Entry
from hardway.engine.kinds.path import stage, staged
from hardway.model.resources import (
    BLOCK_BEGIN,
    BLOCK_END,
    NEW,
    ROOT,
    Blob,
    Block,
    Change,
    Effect,
    File,
    Folder,
    Kind,
    Leftover,
    Obsolete,
    Unit,
)
from hardway.transport.base import Transport, run_checked

Put = Folder | File | Block | Blob
"""What is put at a path."""

SYSUSERS = "/etc/sysusers.d/"
UNIT_FILES = "/etc/systemd/"
BEGINS = frozenset({Kind.START, Kind.RESTART, Kind.RELOAD})
"""After these a unit does what it does at its start."""
PUSH_S = 120.0
START_S = 300.0
"""systemd answers when it has read its units: 1 s, over a minute where six machines share 2 slow
cores. One that is dead is noticed sooner, by the connection."""
FIX_S = 300.0
"""To import images anew is among it: two minutes on a slow machine."""
STOPS_S = 100.0
"""systemd kills what has not stopped after 90 s (systemd-system.conf, DefaultTimeoutStopSec). An
API server waits up to a minute for requests it still answers (--request-timeout)."""


async def note(transport: Transport, cluster: str, changes: Sequence[Change]) -> None:
    """Note what stands where changes are about to be made (engine/ledger.py)."""
    items = [c.item for c in changes if isinstance(c.item, Put)]
    if items:
        lines = [i.path for i in items if isinstance(i, Block)]
        paths = [i.path for i in items if not isinstance(i, Block)]
        await run_checked(transport, ledger.argv(cluster, lines, paths))


async def clear(transport: Transport, changes: Sequence[Change]) -> None:
    """Remove what a run that was killed had not put in its place."""
    left = [c.item.path for c in changes if isinstance(c.item, Leftover)]
    if left:
        await run_checked(transport, ["rm", "-rf", *left])


async def put(transport: Transport, changes: Sequence[Change]) -> None:
    """Put folders, files, lines and links where they belong, all of them in one round trip.

    Raises:
        RemoteError: the machine does not answer, or the script failed there.
    """
    items = [c.item for c in changes if isinstance(c.item, Put)]
    if not items:
        return
    await _store(transport, [i for i in items if isinstance(i, Blob)])
    script = put_script(items)
    argv = ["sh", "-c", script]
    await run_checked(transport, argv, stdin=archive(items), timeout_s=PUSH_S)


def archive(items: Sequence[Put]) -> bytes:
    """Return a tar of the items under their new names, modes set, owners left to the script."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in _entries(items):
            member = tarfile.TarInfo((staged(entry.path) if entry.renamed else entry.path)[1:])
            member.type, member.mode, member.linkname = entry.type, entry.mode, entry.link
            member.size = len(entry.content)
            tar.addfile(member, io.BytesIO(entry.content))
    return buffer.getvalue()


def _entries(items: Sequence[Put]) -> list[Entry]:
    made = ((BY_TYPE[type(item)].entry, item) for item in items)
    return [entry(item) for entry, item in made if entry]


def put_script(items: Sequence[Put]) -> str:
    """Return the script that unpacks the archive on stdin and renames each item into place."""
    entries = _entries(items)
    renamed = [e.path for e in entries if e.renamed]
    stages = shlex.join(sorted({stage(path) for path in renamed}))
    lines = ["set -eu", "umask 022", "tar --extract --preserve-permissions --no-same-owner -C /"]
    # Users first, for the others' files may belong to them; made before the file that demands
    # them is in place, so that where it is, they are.
    users = [staged(path) for path in renamed if path.startswith(SYSUSERS)]
    lines += [f"systemd-sysusers {shlex.join(users)}"] if users else []
    lines += [_merge(e.path) for e in entries if e.merged]
    lines += _own(entries)
    lines += _rename(renamed)
    lines += [f"rmdir {stages}"] if stages else []
    return "\n".join(lines)


def _own(entries: Sequence[Entry]) -> list[str]:
    """Return a command for each owner of what was unpacked; folders may have had another before."""
    owned = defaultdict(list)
    for entry in entries:
        if not entry.renamed:
            owned[entry.owner].append(entry.path)
        elif entry.owner != ROOT:
            owned[entry.owner].append(staged(entry.path))
    return [f"chown {owner}:{owner} {shlex.join(paths)}" for owner, paths in owned.items()]


def _merge(path: str) -> str:
    """Return the command that makes of our lines the whole file, the others' lines before them."""
    there, new = shlex.quote(path), shlex.quote(staged(path))
    return f"""if [ -e {there} ]; then
    {{ sed '/^{BLOCK_BEGIN}$/,/^{BLOCK_END}$/d' {there}; cat {new}; }} >{new}.whole
    chmod --reference={there} {new}.whole
    chown --reference={there} {new}.whole
    mv -fT {new}.whole {new}
fi"""


def _rename(paths: Sequence[str]) -> list[str]:
    """Return a command for each folder: starting one for each path takes the longest there."""
    by_folder = defaultdict(list)
    for path in paths:
        by_folder[dirname(path)].append(staged(path))
    return [f"mv -f -t {shlex.quote(to)} {shlex.join(new)}" for to, new in by_folder.items()]


async def _store(transport: Transport, blobs: Sequence[Blob]) -> None:
    """Copy blobs to the machine's store unless they are there, whole; digests are checked there."""
    if not blobs:
        return
    seen = await transport.run(["stat", "-c", "%s %n", *(blob.stored for blob in blobs)])
    there = seen.stdout.decode().splitlines()
    for blob in blobs:
        if f"{blob.size_bytes} {blob.stored}" in there:
            continue
        stored, new = shlex.quote(blob.stored), shlex.quote(blob.stored + NEW)
        # openssl takes a seventh of the time that sha256sum does; ca-certificates brings it along.
        script = f"""set -eu; mkdir -p "$(dirname {stored})"; cat >{new}
came=$(openssl dgst -sha256 -r {new} | cut -d ' ' -f 1)
[ "$came" = {blob.sha256} ] || {{ echo "sent: sha256 {blob.sha256}, came: $came" >&2; exit 1; }}
chmod 0755 {new}; mv -fT {new} {stored}"""
        await run_checked(transport, ["sh", "-c", script], stdin=Path(blob.source), timeout_s=600)


async def start(transport: Transport, changes: Sequence[Change]) -> None:
    """Let systemd read the unit files again, start the wanted units now and at each boot.

    All together and without waiting: systemd knows which goes after which. Before them units are
    reloaded, and one that has ended meanwhile is started.

    Nothing is done where only files change that systemd does not read: to read all units again
    takes a machine more time than to put a file.
    """
    # A restart or a start is no such change: a killed run may have put the unit's file already.
    if all(isinstance(c.item, Put) and not c.item.path.startswith(UNIT_FILES) for c in changes):
        return
    enable = [c.path_or_unit for c in changes if c.kind is Kind.ENABLE]
    reload = [c.path_or_unit for c in changes if c.kind is Kind.RELOAD]
    units = shlex.join(c.path_or_unit for c in changes if c.kind is Kind.START)
    # Debian's scripts for init.d, where a service has one, would make systemd read all units again.
    lines = ["set -eu", "export SYSTEMCTL_SKIP_SYSV=1"]
    lines += [f"systemctl enable --quiet --no-reload {shlex.join(enable)}"] if enable else []
    lines += ["systemctl daemon-reload"]
    lines += [f"systemctl reload-or-restart {shlex.join(reload)}"] if reload else []
    lines += [f"systemctl reset-failed {units}"] if units else []
    lines += [f"systemctl start --no-block {units}"] if units else []
    await run_checked(transport, ["sh", "-c", "\n".join(lines)], timeout_s=START_S)


async def set_effects(transport: Transport, changes: Sequence[Change]) -> None:
    """Put right what others have undone, but for what units do that were just started."""
    begun = {c.path_or_unit for c in changes if c.kind in BEGINS}
    effects = [c.item for c in changes if isinstance(c.item, Effect)]
    fixes = dict.fromkeys(e.fix for e in effects if e.unit not in begun)
    if fixes:
        await run_checked(transport, ["sh", "-c", "\n".join(["set -e", *fixes])], timeout_s=FIX_S)


async def remove(transport: Transport, changes: Sequence[Change]) -> None:
    """Take away what is no longer wanted, and put back what was there before."""
    items = [c.item for c in changes if isinstance(c.item, Obsolete)]
    if items:
        await run_checked(transport, ["sh", "-c", obsolete.remove_script(items)],
                          timeout_s=STOPS_S)  # fmt: skip


async def started(transport: Transport, units: Sequence[Unit], *, timeout_s: float) -> None:
    """Wait until units that were started say that they are ready, have failed, or time is up.

    Whether they are well is for the step's checks to say; this only spares asking all the time.
    """
    names = [u.name for u in units]
    await transport.run(["timeout", f"{timeout_s:.0f}", "systemctl", "start", *names],
                        timeout_s=timeout_s + 10)  # fmt: skip


async def restart(
    transport: Transport, units: Sequence[Unit], *, wait: bool, settles_s: float
) -> None:
    """Restart units; with `wait` until they say that they are ready again."""
    names = [u.name for u in units]
    clients = [u.name for u in units if u.server]
    if clients and not wait:
        # Such a process serves nobody, and would call its server for half a minute before it ends:
        # a second signal, which comes with the restart, ends it at once.
        await transport.run(["systemctl", "kill", *clients])
    mode = [] if wait else ["--no-block"]
    await run_checked(transport, ["systemctl", "restart", *mode, *names],
                      timeout_s=STOPS_S + settles_s)  # fmt: skip
