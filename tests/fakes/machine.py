"""A machine without a kernel of its own: real tools in a folder as root; small systemctl, apt."""

import asyncio
import os
import shlex
import shutil
import subprocess
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import pytest

from hardway.errors import ConnectError
from hardway.transport.base import Completed

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: gives files to other users in a folder of its own"
)

SYSTEMCTL = r"""#!/bin/sh
# Keeps in /run/fake/UNIT.{active,enabled,started} what systemd would know.
[ -d /run/fake ] && [ -d /run/hardway ] || mkdir -p /run/fake /run/hardway
verb=; units=; now=$(date -u '+%a %Y-%m-%d %H:%M:%S.%6N UTC')
for word; do case $word in
  --*) ;;
  *.service|*.timer) units="$units $word" ;;
  *) verb=$word ;;
esac; done
[ "$verb" != disable ] || for unit in $units; do
  [ -e /etc/systemd/system/$unit ] ||
    { echo "Failed to disable unit: Unit file $unit does not exist." >&2; exit 1; }
done
for unit in $units; do
  file=/etc/systemd/system/$unit
  case $verb in
  enable) : >/run/fake/$unit.enabled ;;
  disable) rm -f /run/fake/$unit.enabled ;;
  stop) rm -f /run/fake/$unit.active ;;
  start) [ -e /run/fake/$unit.active ] || set -- restart ;;
  esac
  if [ "$verb" = reload-or-restart ]; then
    # What it would run but for the check and the signal, which need a process.
    sed -n 's|^ExecReload=+||p' $file >/run/fake/reload
    sh -e /run/fake/reload
    echo "reload $unit" >>/run/fake/log
  fi
  if [ "$verb" = restart ] || { [ "$verb" = start ] && [ ! -e /run/fake/$unit.active ]; }; then
    [ -e $file ] || { echo "Unit $unit not found." >&2; exit 5; }
    echo "$now" >/run/fake/$unit.active
    # A oneshot unit's command notes the digest itself. One sed: to start programs takes longest.
    sed -n -e 's/^Environment=HARDWAY_DIGEST=//p' -e 's/.*echo \([0-9a-f]*\) *>.*/\1/p' \
        -e 's|^ExecStartPre=+||w /run/fake/before' $file >/run/hardway/$unit
    [ ! -s /run/fake/before ] || sh -e /run/fake/before
    echo "$verb $unit" >>/run/fake/log
  fi
  if [ "$verb" = show ]; then
    started=; active=inactive; enabled=
    [ -e /run/fake/$unit.active ] && { active=active; read -r started </run/fake/$unit.active; }
    [ -e /run/fake/$unit.enabled ] && enabled=enabled
    printf 'Id=%s\nMainPID=0\nActiveState=%s\nUnitFileState=%s\nNeedDaemonReload=no\n' \
        "$unit" "$active" "$enabled"
    printf 'ActiveEnterTimestamp=%s\nExecMainStartTimestamp=%s\n\n' "$started" "$started"
  fi
done
"""
DPKG_QUERY = r"""#!/bin/sh
# Knows what the apt-get beside it has installed.
for word; do case $word in --*) ;; *)
  grep -qx "$word" /run/fake/packages 2>/dev/null && printf 'installed %s\n' "$word" ;;
esac; done
exit 0
"""
APT_GET = r"""#!/bin/sh
mkdir -p /run/fake
after=; simulate=
for word; do case $word in
  --simulate) simulate=yes ;;
  install) after=yes ;;
  *) [ -n "$after" ] || continue
     if [ -n "$simulate" ]; then echo "Inst $word (1.0 Debian:12/stable [amd64])"
     else echo "$word" >>/run/fake/packages; echo "install $word" >>/run/fake/log; fi ;;
esac; done
"""
DOUBLES = {"systemctl": SYSTEMCTL, "dpkg-query": DPKG_QUERY, "apt-get": APT_GET}

OWN = "/usr/local"
"""The rest of /usr is the host's, read-only."""
LINKS = ("bin", "sbin", "lib", "lib64")


class FakeMachine:
    """Runs what it is told by chroot in a folder; the k-th command can be made to fail."""

    def __init__(self, machine: str, root: Path) -> None:
        self.machine = machine
        self.root = root
        self.commands = 0
        self.fails_at = 0
        """Which command the connection breaks at: before it has run, or in the middle of it."""
        self.in_the_middle = False
        for name in (
            "usr",
            "proc",
            "dev",
            "local/bin",
            "etc",
            "run",
            "tmp",
            "var/lib",
            "opt/bin",
            "root",
        ):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name in LINKS:
            if Path("/", name).is_symlink():
                (root / name).symlink_to(Path("/", name).readlink())
            else:
                shutil.copytree(Path("/", name), root / name, symlinks=True)
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        for name, text in DOUBLES.items():
            (root / "opt/bin" / name).write_text(text)
            (root / "opt/bin" / name).chmod(0o755)

    @cached_property
    def _mounts(self) -> int:
        """The process that holds the machine's mounts: to make them takes longer than a command."""
        root = shlex.quote(str(self.root))
        script = (
            f"set -e; mount --bind /usr {root}/usr; mount -o remount,bind,ro {root}/usr; "
            f"mount --bind {root}/local {root}{OWN}; mount --rbind /dev {root}/dev; "
            "echo; exec cat"
        )
        holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        weakref.finalize(self, holder.communicate)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        return holder.pid

    @property
    def log(self) -> list[str]:
        """What systemctl started and restarted so far."""
        log = self.root / "run/fake/log"
        return log.read_text().splitlines() if log.exists() else []

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        """Run a command; see `Transport.run`."""
        self.commands += 1
        if self.commands == self.fails_at:
            if self.in_the_middle:
                await self._run(argv, stdin, kill_after_s=0.01)
            raise ConnectError("the connection broke", where=self.machine)
        return await self._run(argv, stdin)

    async def _run(
        self, argv: Sequence[str], stdin: bytes | Path, *, kill_after_s: float | None = None
    ) -> Completed:
        content = stdin.read_bytes() if isinstance(stdin, Path) else stdin
        inner = "PATH=/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; exec " + shlex.join(argv)
        process = await asyncio.create_subprocess_exec(
            "nsenter", f"--mount=/proc/{self._mounts}/ns/mnt",
            "unshare", "--pid", "--fork", "--kill-child", f"--mount-proc={self.root}/proc",
            "chroot", self.root, "/bin/sh", "-c", inner,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        talk = asyncio.ensure_future(process.communicate(content))
        if kill_after_s is not None:
            await asyncio.wait([talk], timeout=kill_after_s)
            if process.returncode is None:
                process.kill()
        out, err = await talk
        if process.stdin is not None:
            # What a killed command left unread is given up before the loop ends.
            with suppress(OSError):
                await process.stdin.wait_closed()
        return Completed(process.returncode or 0, out, err)
