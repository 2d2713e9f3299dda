"""How a login's commands become root's: as they are, or by sudo. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

BEGINS = "hardway-begins"
MARK = f"{BEGINS}\n".encode()
START = f'umask 022; echo {BEGINS}; exec "$@"'
"""Starts a command the same way whatever the login is like: other users can read the folders that
it makes, and what a `.bashrc` printed before the mark is no part of its output."""
SKIP = f'while IFS= read -r line && [ "$line" != {BEGINS} ]; do :; done; {START}'
"""Leaves a command what follows the mark: sudo does not take the password where it needs none."""

PROBE = 'id -u; [ "$(id -u)" = 0 ] || LC_ALL=C sudo -n true'
"""Says who we are, and asks once whether sudo wants a password."""
PASSWORD_WANTED = ("password is required", "authentication is required")
"""What sudo says then: Debian's, and the one rewritten in Rust."""

ONCE = ("sudo", "-k", "-S", "-p", "")
"""The password from stdin, no prompt, and no use of what an earlier login left."""


@dataclass(frozen=True, slots=True)
class Become:
    """What a command is wrapped in, and what goes before its input."""

    sudo: bool = False
    password: str | None = field(default=None, repr=False)

    def command(self, argv: Sequence[str]) -> str:
        """Return the line for the login's shell. A password is never in it."""
        plain = ["sh", "-c", START, "sh", *argv]
        if not self.sudo:
            return shlex.join(plain)
        if self.password is None:
            return shlex.join(["sudo", "-n", "--", *plain])
        return shlex.join([*ONCE, "--", "sh", "-c", SKIP, "sh", *argv])

    def before(self) -> bytes:
        """Return what stands on stdin before the command's own input."""
        return b"" if self.password is None else f"{self.password}\n".encode() + MARK


def begun(stdout: bytes) -> bytes | None:
    """Return what a command itself printed; None where the login never came to start it."""
    _, mark, output = stdout.partition(MARK)
    return output if mark else None
