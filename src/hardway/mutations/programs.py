"""Shell that leaves a program of others running on a machine, and ends it."""

PROGRAM = "theirs.service"
STOP_PROGRAM = f"systemctl stop {PROGRAM}"
NO_PROGRAM = f"{STOP_PROGRAM} 2>/dev/null || :"


def running(command: str) -> str:
    """Return the shell that starts a command as a service of others; no file is left of it."""
    return f"systemd-run --quiet --collect --unit={PROGRAM} {command}"
