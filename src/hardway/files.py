"""Files of this host: a kill at any moment leaves the old or the new one, and no lock."""

import fcntl
import os
from pathlib import Path
from typing import IO

AGAIN_S = 0.2
"""How long to wait before a lock that another process has is asked for again."""


def write(path: Path, content: bytes, *, mode: int = 0o644, durable: bool = False) -> None:
    """Write a file whole or not at all, never readable by more than `mode` allows.

    With `durable` it is on the disk when this returns: for what cannot be made again.
    """
    if path.exists() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)


def try_lock(lock: IO[str]) -> bool:
    """Lock an open file, and return whether that was possible: another process may have it.

    The lock ends when the file is closed. To wait in flock(2) would keep Ctrl-C waiting too.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
