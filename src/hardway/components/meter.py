"""How far a run's downloads are, and when they will be done."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from hardway.text import text

TELL_EVERY_S = 5.0


@dataclass(slots=True)
class _File:
    began_at: int | None = None
    """Bytes that were there from a run before."""
    there: int = 0
    total: int | None = None


class Meter:
    """Adds up files that are downloaded at the same time, and tells of it every few seconds."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._began: float | None = None
        self._told = 0.0
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()

    def expect(self, name: str) -> None:
        """Add a file that will be downloaded."""
        with self._lock:
            self._files.setdefault(name, _File())

    def moved(self, name: str, there: int, total: int | None) -> None:
        """Note how much of a file is there by now."""
        with self._lock:
            now = self._clock()
            if self._began is None:
                self._began = self._told = now
            file = self._files.setdefault(name, _File())
            if file.began_at is None:
                file.began_at = there
            file.there, file.total = there, total
            if now - self._told < TELL_EVERY_S:
                return
            self._told = now
            so_far = self._words(now - self._began)
        self._tell(so_far)

    def _words(self, seconds: float) -> str:
        files = self._files.values()
        there = sum(f.there for f in files)
        moved = there - sum(f.began_at or 0 for f in files)
        speed = moved / seconds
        known = [f.total for f in files if f.total is not None]
        if not known or not speed:
            return text("downloading {count} files: {mb:.0f} MB, {speed:.1f} MB/s",
                        count=len(files), mb=there / 1e6, speed=speed / 1e6)  # fmt: skip
        # Files whose turn has not come are taken to be as long as the others.
        total = max(sum(known) / len(known) * len(files), there)
        return text(
            "downloading {count} files: {mb:.0f} MB of {total:.0f} MB, {speed:.1f} MB/s, "
            "about {seconds:.0f} s left" if len(known) == len(files) else
            "downloading {count} files: {mb:.0f} MB of about {total:.0f} MB, {speed:.1f} MB/s, "
            "about {seconds:.0f} s left",
            count=len(files), mb=there / 1e6, total=total / 1e6, speed=speed / 1e6,
            seconds=(total - there) / speed,
        )  # fmt: skip
