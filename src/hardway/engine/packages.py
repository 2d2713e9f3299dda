"""Installing packages: from the machine's own sources, or from a bundle; one apt after another."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hardway.engine import ledger, offline
from hardway.errors import CommandError
from hardway.text import text
from hardway.transport.base import Transport, poll_until, run_checked

INSTALL_S = 900.0
WAITS_S = 900.0
"""How long another apt is waited for: unattended upgrades after a first boot take minutes."""
AGAIN_S = 3.0
LOCKED = re.compile(r"Could not get lock (?P<file>[\w/-]+)(?:.* held by (?P<by>.*))?")
"""What apt says. Its own DPkg::Lock::Timeout does not wait for the lock on package lists
(apt 2.6: rc 100 after 0.03 s), and says nothing while it waits for the other."""
INTERRUPTED = "dpkg was interrupted"


async def install(
    transport: Transport, names: Sequence[str], bundled: Path | None, doing: Callable[[str], None]
) -> None:
    """Install packages, once no other apt is at work on the machine.

    `bundled` is the folder of a bundle's packages; without one they come from the machine's own
    sources. `doing` is told whom we wait for.

    Raises:
        CommandError: apt could not, or another one held its lock for `WAITS_S`.
    """

    async def refusal() -> CommandError | None:
        try:
            if bundled:
                await offline.install(transport, names, bundled)
            else:
                await run_checked(transport, ledger.install(names), timeout_s=INSTALL_S)
        except CommandError as error:
            if INTERRUPTED in error.output:
                raise _explained(error, "dpkg --configure -a") from error
            if not (holder := lock_holder(error.output)):
                raise
            doing(text("waiting for another apt: {holder}", holder=holder))
            return error
        return None

    refused = await poll_until(
        refusal, lambda error: error is None, deadline_s=WAITS_S, interval_s=AGAIN_S
    )
    if refused is not None:
        raise _explained(refused, "ps -ef --forest")


def lock_holder(output: str) -> str:
    """Return which lock of apt's is held, and by whom as far as apt knows; empty if none is."""
    found = LOCKED.search(output)
    return f"{found['file']}, {found['by'] or 'unknown'}" if found else ""


def _explained(error: CommandError, command: str) -> CommandError:
    hint = text("hardway ssh {machine} -- {command}; then: hardway up", machine=error.where,
                command=command)  # fmt: skip
    return CommandError(error.where, error.argv, error.status, error.output, hint=hint)
