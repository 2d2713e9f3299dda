"""How a login's commands become root's: as they are, or by sudo. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

BEGINS = "hardway-begins"
SKIP = f'while IFS= read -r line && [ "$line" != {BEGINS} ]; do :; done; exec "$@"'
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
        if not self.sudo:
            return shlex.join(argv)
        if self.password is None:
            return shlex.join(["sudo", "-n", "--", *argv])
        return shlex.join([*ONCE, "--", "sh", "-c", SKIP, "sh", *argv])

    def before(self) -> bytes:
        """Return what stands on stdin before the command's own input."""
        return b"" if self.password is None else f"{self.password}\n{BEGINS}\n".encode()
