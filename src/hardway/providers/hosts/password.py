"""The password for sudo: from the environment, a file descriptor, or the person at the terminal."""

import getpass
import os
import signal
import sys

from hardway.errors import ConnectError
from hardway.text import language, text, translate

VARIABLE = "HARDWAY_SUDO_PASSWORD"
DESCRIPTOR = "HARDWAY_SUDO_PASSWORD_FD"


class Password:
    """Got when it is first needed, and once; never printed, written or passed on by a command."""

    def __init__(self) -> None:
        self._word = ""

    def __call__(self) -> str:
        """Return it.

        Raises:
            ConnectError: nobody has said it, and there is no terminal to ask at.
        """
        if not self._word:
            self._word = _given() or _asked()
        return self._word


def _given() -> str:
    if DESCRIPTOR in os.environ:
        try:
            with os.fdopen(int(os.environ[DESCRIPTOR])) as file:
                return file.readline().rstrip("\n")
        except (OSError, ValueError) as error:
            raise ConnectError(
                text(
                    "{name}={value} cannot be read: {error}",
                    name=DESCRIPTOR,
                    value=os.environ[DESCRIPTOR],
                    error=error,
                ),
                hint=text("{variable}=3 hardway … 3<FILE", variable=DESCRIPTOR),
            ) from error
    return os.environ.get(VARIABLE, "")


def _asked() -> str:
    if not sys.stdin.isatty():
        raise ConnectError(
            "sudo wants a password, and there is no terminal to ask at",
            hint=text("set {variable}, or {descriptor} to a descriptor that it can be read from",
                      variable=VARIABLE, descriptor=DESCRIPTOR),
        )  # fmt: skip
    # asyncio would note Ctrl-C and wait for the terminal all the same.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass.getpass(translate("password for sudo on the machines: ", language()))
    finally:
        signal.signal(signal.SIGINT, before)
