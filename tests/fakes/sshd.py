"""A real SSH server in this process, whose commands are run by a shell in a folder of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

SUDO = r"""#!/bin/sh
# Takes -n, or -k -S -p PROMPT, and reads the password as sudo does: a byte at a time, three tries.
here=$(dirname "$0")
echo "$*" >>"$here/sudo.log"
ask=
while [ "$#" -gt 0 ]; do case $1 in
  -n) never=1; shift ;;
  -S) ask=1; shift ;;
  -k) shift ;;
  -p) shift 2 ;;
  --) shift; break ;;
  *) break ;;
esac; done
if [ -e "$here/denied" ]; then echo "sudo: ops is not in the sudoers file." >&2; exit 1; fi
if [ -e "$here/password" ]; then
  [ -n "$ask" ] || { echo "sudo: a password is required" >&2; exit 1; }
  tries=0
  while IFS= read -r word; do
    [ "$word" = "$(cat "$here/password")" ] && { HARDWAY_ROOT=1 exec "$@"; }
    tries=$((tries + 1)); [ $tries -lt 3 ] || break
  done
  echo "sudo: 1 incorrect password attempt" >&2; exit 1
fi
exec "$@"
"""
ID = """#!/bin/sh
cat "$(dirname "$0")/uid"
"""


@dataclass(frozen=True)
class Sshd:
    """Where it listens, and its files."""

    folder: Path
    port: int
    host_key: asyncssh.SSHKey

    @property
    def bin(self) -> Path:
        """Commands that stand before the system's; `password` and `denied` steer sudo.

        `bashrc` is what the login's shell reads before each command.
        """
        return self.folder / "bin"

    def line(self, host: str = "127.0.0.1") -> str:
        """Its line of known_hosts."""
        return f"[{host}]:{self.port} {self.host_key.export_public_key().decode().strip()}\n"

    def sudo_log(self) -> str:
        """The words sudo was called with."""
        log = self.bin / "sudo.log"
        return log.read_text() if log.exists() else ""


class _Server(asyncssh.SSHServer):
    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        return True


@asynccontextmanager
async def serving(
    folder: Path, client: asyncssh.SSHKey, *, uid: int = 0, kind: str = "ssh-ed25519"
) -> AsyncIterator[Sshd]:
    """Serve logins by one key; `uid` is what `id -u` says there."""
    (folder / "bin").mkdir(parents=True)
    for name, text in (("sudo", SUDO), ("id", ID)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "bin/uid").write_text(f"{uid}\n")
    (folder / "bin/bashrc").touch()
    host_key = asyncssh.generate_private_key(kind)

    async def process(asked: "asyncssh.SSHServerProcess[bytes]") -> None:
        env = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", f". {folder}/bin/bashrc\n{asked.command}", cwd=folder, env=env,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await shell.communicate(await asked.stdin.read())
        asked.stdout.write(out)
        asked.stderr.write(err)
        asked.exit(shell.returncode or 0)

    server = await asyncssh.create_server(
        _Server, "127.0.0.1", 0, server_host_keys=[host_key], process_factory=process,
        authorized_client_keys=asyncssh.import_authorized_keys(
            client.export_public_key().decode()), encoding=None,
    )  # fmt: skip
    try:
        yield Sshd(folder, server.get_port(), host_key)
    finally:
        server.close()
        await server.wait_closed()
