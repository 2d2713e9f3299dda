"""What SSH's errors mean, and what to do: one row for each kind of exception."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncssh

from hardway.errors import ConnectError

RUNS = "see whether it runs: hardway machine list"
KEYS = (
    "does this log in: ssh USER@HOST? a key with a passphrase is used through the agent: "
    "ssh-add KEY; user and key are set under `ssh:` in hardway.yaml or in ~/.ssh/config"
)
CONFIG = "correct ~/.ssh/config or the `ssh:` section of hardway.yaml"
SERVER = "see the server's log there: journalctl --unit ssh"
UNUSED = "hardway does not do that over SSH: report it"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of error says to people; `{}` stands for its own words."""

    text: str
    hint: str


REFUSALS: Mapping[type[BaseException], Meaning] = {
    asyncssh.HostKeyNotVerifiable: Meaning("{}", "do not go on before you know why"),
    asyncssh.PermissionDenied: Meaning("it does not let us in: {}", KEYS),
    asyncssh.KeyExchangeFailed: Meaning(
        "no common method: {}",
        "where its host key is of another kind than the known one, it was made anew: accept it "
        "by `ssh HOST`; else its SSH server is too old",
    ),
    asyncssh.ConnectionLost: Meaning("the connection broke: {}", RUNS),
    asyncssh.CompressionError: Meaning("the connection is garbled: {}", SERVER),
    asyncssh.MACError: Meaning("the connection is garbled: {}", SERVER),
    asyncssh.ProtocolError: Meaning("the server does not keep to the protocol: {}", SERVER),
    asyncssh.ProtocolNotSupported: Meaning("the server is of another protocol: {}", SERVER),
    asyncssh.ServiceNotAvailable: Meaning("the server offers no login: {}", SERVER),
    asyncssh.IllegalUserName: Meaning("the user's name cannot be: {}", CONFIG),
    asyncssh.PasswordChangeRequired: Meaning("it wants a new password first: {}", KEYS),
    asyncssh.DisconnectError: Meaning("the server ended the connection: {}", SERVER),
    asyncssh.ChannelOpenError: Meaning(
        "the server does not open what was asked for: {}",
        "MaxSessions and AllowTcpForwarding in sshd_config(5) say what it allows",
    ),
    asyncssh.ChannelListenError: Meaning("no port on this host: {}", SERVER),
    asyncssh.ConfigParseError: Meaning("{}", CONFIG),
    asyncssh.KeyImportError: Meaning("the key cannot be read: {}", KEYS),
    asyncssh.KeyEncryptionError: Meaning("the key cannot be read: {}", KEYS),
    asyncssh.KeyGenerationError: Meaning("{}", UNUSED),
    asyncssh.KeyExportError: Meaning("{}", UNUSED),
    # Events of sessions, raised where a program of ours asks for them: none does.
    asyncssh.BreakReceived: Meaning("{}", UNUSED),
    asyncssh.SignalReceived: Meaning("{}", UNUSED),
    asyncssh.TerminalSizeChanged: Meaning("{}", UNUSED),
    asyncssh.ProcessError: Meaning("{}", UNUSED),
    asyncssh.SFTPError: Meaning("{}", UNUSED),
    # Of the system: no route, no such name, a refusal, a file that cannot be read.
    OSError: Meaning("{}", RUNS),
    # A line of known_hosts that cannot be read, and the like.
    ValueError: Meaning("{}", CONFIG),
}
CAUGHT = tuple(REFUSALS)


def meaning(error: BaseException) -> Meaning | None:
    """Return the row of the nearest of an error's classes."""
    return next((REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS), None)


def connect_error(where: str, error: BaseException) -> ConnectError:
    """Return an error of SSH as one of ours."""
    row = meaning(error) or Meaning("{}", RUNS)
    text = row.text.format(str(error) or type(error).__name__)
    return ConnectError(f"{where}: {text}", hint=row.hint)
