"""How a signal ends hardway: as Ctrl-C does, so that what hardway has started ends with it."""

import os
import select
import signal
import sys
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What a service manager, `timeout`, or a terminal that went away (a lost SSH session) sends."""


class Interruption:
    """Makes other signals that end a program do what Ctrl-C does, from now on."""

    def __init__(self) -> None:
        self._by = signal.SIGINT
        for number in ENDING:
            # One that is ignored stays so: `nohup hardway up`.
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._interrupt)

    @property
    def status(self) -> int:
        """What a shell has as the status of a program that the signal ended."""
        return 128 + self._by

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._by = signal.Signals(number)
        drop_unread()
        ctrl_c = signal.getsignal(signal.SIGINT)
        # Ctrl-C is ignored in what a shell runs in the background.
        interrupt = ctrl_c if callable(ctrl_c) else signal.default_int_handler
        interrupt(signal.SIGINT, frame)


def drop_unread() -> bool:
    """Write to nowhere what nobody can read any more; return whether that is so of any output.

    Its reader has ended, or its terminal is gone: to write there would be an error of its own.
    """
    output = select.poll()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        output.register(stream.fileno(), 0)
    unread = [number for number, _ in output.poll(0)]
    if unread:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in unread:
            os.dup2(nowhere, number)
    return bool(unread)


def end_at_once() -> None:
    """Let Ctrl-C and the other signals end this process without another word."""
    for number in (signal.SIGINT, *ENDING):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
