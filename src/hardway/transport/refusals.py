"""What SSH's errors mean, and what to do: one row for each kind of exception."""

from collections.abc import Mapping
from dataclasses import dataclass

from hardway.errors import ConnectError
from hardway.text import text
from hardway.transport.lean import asyncssh

RUNS = "see whether it runs: hardway machine list"
KEYS = (
    "see whether this logs in: ssh USER@HOST; a key with a passphrase is used through the agent: "
    "ssh-add KEY; user and key are set under `ssh:` in hardway.yaml or in ~/.ssh/config"
)
CONFIG = "correct ~/.ssh/config or the `ssh:` section of hardway.yaml"
SERVER = "see the server's log there: journalctl --unit ssh"
UNUSED = "hardway does not do that over SSH: report it"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of error says to people; `{said}` stands for its own words."""

    says: str
    hint: str


REFUSALS: Mapping[type[BaseException], Meaning] = {
    asyncssh.HostKeyNotVerifiable: Meaning("{said}", "do not go on before you know why"),
    asyncssh.PermissionDenied: Meaning("it refuses the login: {said}", KEYS),
    asyncssh.KeyExchangeFailed: Meaning(
        "no common method: {said}",
        "where its host key is of another kind than the known one, somebody has made it again: "
        "accept it by `ssh HOST`; otherwise its SSH server is too old",
    ),
    asyncssh.ConnectionLost: Meaning("the connection broke: {said}", RUNS),
    asyncssh.CompressionError: Meaning("the connection is garbled: {said}", SERVER),
    asyncssh.MACError: Meaning("the connection is garbled: {said}", SERVER),
    asyncssh.ProtocolError: Meaning("the server does not keep to the protocol: {said}", SERVER),
    asyncssh.ProtocolNotSupported: Meaning("the server speaks another protocol: {said}", SERVER),
    asyncssh.ServiceNotAvailable: Meaning("the server offers no login: {said}", SERVER),
    asyncssh.IllegalUserName: Meaning("the user's name is not valid: {said}", CONFIG),
    asyncssh.PasswordChangeRequired: Meaning("it wants a new password first: {said}", KEYS),
    asyncssh.DisconnectError: Meaning("the server ended the connection: {said}", SERVER),
    asyncssh.ChannelOpenError: Meaning(
        "the server refuses to open a channel: {said}",
        "MaxSessions and AllowTcpForwarding in sshd_config(5) say what it allows",
    ),
    asyncssh.ChannelListenError: Meaning("no port can be opened on this host: {said}", SERVER),
    asyncssh.ConfigParseError: Meaning("{said}", CONFIG),
    asyncssh.KeyImportError: Meaning("the key cannot be read: {said}", KEYS),
    asyncssh.KeyEncryptionError: Meaning("the key cannot be read: {said}", KEYS),
    asyncssh.KeyGenerationError: Meaning("{said}", UNUSED),
    asyncssh.KeyExportError: Meaning("{said}", UNUSED),
    # Events of sessions, raised where a program of ours asks for them: none does.
    asyncssh.BreakReceived: Meaning("{said}", UNUSED),
    asyncssh.SignalReceived: Meaning("{said}", UNUSED),
    asyncssh.TerminalSizeChanged: Meaning("{said}", UNUSED),
    asyncssh.ProcessError: Meaning("{said}", UNUSED),
    asyncssh.SFTPError: Meaning("{said}", UNUSED),
    # Of the system: no route, no such name, a refusal, a file that cannot be read.
    OSError: Meaning("{said}", RUNS),
    # A line of known_hosts that cannot be read, and the like.
    ValueError: Meaning("{said}", CONFIG),
}
CAUGHT = tuple(REFUSALS)


def meaning(error: BaseException) -> Meaning | None:
    """Return the row of the nearest of an error's classes."""
    return next((REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS), None)


def connect_error(where: str, error: BaseException) -> ConnectError:
    """Return an error of SSH as one of ours."""
    row = meaning(error) or Meaning("{said}", RUNS)
    said = str(error) or type(error).__name__
    return ConnectError(text(row.says, said=said), where=where, hint=row.hint)
