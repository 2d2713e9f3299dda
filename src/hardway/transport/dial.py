"""From a target to an open connection: settings, keys, known hosts, and hosts in between.

What ~/.ssh/config and the agent say counts for machines that exist already; for machines that
hardway made nothing of the operator's does.
"""

import asyncio
import getpass
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

from hardway.errors import ConnectError, RefusedError
from hardway.text import text
from hardway.transport.lean import SSHClientConfig, SSHConfig, asyncssh
from hardway.transport.refusals import CAUGHT, connect_error
from hardway.transport.target import Target, bastion, login

KEEPALIVE_S = 5
CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""Before the others: a component's 100 MB take half a second of this host's, in place of one."""
SSH = Path("~/.ssh")
CONFIGS = (SSH / "config", Path("/etc/ssh/ssh_config"))
KNOWN = (SSH / "known_hosts", SSH / "known_hosts2",
         Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))  # fmt: skip
"""Where ssh(1) looks; what stands first counts."""


Dialled = tuple[asyncssh.SSHClientConnection, bool]
"""A connection, and whether it is a detour: over another host, or by a name that only
~/.ssh/config can read."""


class _Client(asyncssh.SSHClient):
    """Keeps the host key that was not accepted, to say what it is."""

    def __init__(self) -> None:
        self.offered: asyncssh.SSHKey | None = None

    def validate_host_public_key(
        self,
        host: str,  # noqa: ARG002 - asyncssh's signature
        addr: str,  # noqa: ARG002
        port: int,  # noqa: ARG002
        key: asyncssh.SSHKey,
    ) -> bool:
        """Note a key that is not among the known ones; it is never accepted."""
        self.offered = key
        return False


class Dialer:
    """Opens connections; one to a host in between is shared by all that lie behind it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._hops: dict[Target, asyncio.Task[Dialled]] = {}
        # A file is parsed once, not for each of a hundred machines.
        self._read_known = cache(asyncssh.read_known_hosts)

    async def dial(self, target: Target, *, passed: frozenset[str] = frozenset()) -> Dialled:
        """Connect to a host whose key is known.

        Raises:
            ConnectError: it does not answer, is not the one we know, or does not let us in.
        """
        client = _Client()
        known = asyncssh.SSHKnownHosts()
        try:
            config = _config(target)
            known = self._read_known(_known_files(target, config))
            between = _between(target, config, passed)
            tunnel = await self._hop(*between) if between else None
            connection = await asyncssh.connect(
                target.host,
                port=target.port or (),
                username=target.user or (),
                config=_config_files(target),
                tunnel=tunnel,
                known_hosts=known,
                keepalive_interval=KEEPALIVE_S,
                # Files are pushed once, over a LAN: compression costs more than it saves.
                compression_algs=None,
                encryption_algs=config.get("Ciphers") or CIPHERS,
                client_factory=lambda: client,
                **_keys(target),
            )
        except CAUGHT as error:
            if client.offered is not None:
                raise _stranger(target, config, known, client.offered) from error
            raise connect_error(target.where, error) from error
        self._stack.callback(connection.close)
        return connection, _detour(target, config)

    async def _hop(self, via: Target, passed: frozenset[str]) -> asyncssh.SSHClientConnection:
        if via not in self._hops:
            self._hops[via] = asyncio.ensure_future(self.dial(via, passed=passed))
        return (await asyncio.shield(self._hops[via]))[0]


def _between(
    target: Target, config: SSHConfig, passed: frozenset[str] = frozenset()
) -> tuple[Target, frozenset[str]] | None:
    """Return the last of the hosts in between, and what is passed once we are there.

    One that is passed already is not jumped over again: `Host *` with a ProxyJump means it too.
    """
    hops = str(target.bastion or config.get("ProxyJump") or "none")
    before, _, last = hops.rpartition(",")
    if last in {*passed, "none"}:
        return None
    via = bastion(target, last, before or None)
    return via, passed | {last, via.host}


def detour(target: Target) -> bool:
    """Return whether a host's own address may be out of our reach; reads ~/.ssh/config."""
    return _detour(target, _config(target))


def _detour(target: Target, config: SSHConfig) -> bool:
    renamed = config.get("Hostname", target.host) != target.host
    return renamed or bool(_between(target, config) or config.get("ProxyCommand"))


def way_in(target: Target, passed: frozenset[str] = frozenset()) -> str:
    """Return whom this host dials for a host: it, or the first in between; reads ~/.ssh/config.

    Raises:
        RefusedError: a program dials, and only that knows whom.
    """
    config = _config(target)
    if between := _between(target, config, passed):
        return way_in(*between)
    if command := config.get("ProxyCommand"):
        raise RefusedError(
            text(
                "{where}: hardway cannot know whom its ProxyCommand dials ({command})",
                where=target.where,
                command=command,
            ),
            hint="reach it by ProxyJump, or by `bastion:` in hardway.yaml",
        )
    return str(config.get("Hostname", target.host))


def _config_files(target: Target) -> list[Path]:
    if target.known_hosts is not None:
        return []
    files = CONFIGS if target.config is None else (target.config,)
    readable = [path.expanduser() for path in files]
    return [path for path in readable if path.is_file() or path == target.config]


def _config(target: Target) -> SSHConfig:
    """Return what ~/.ssh/config says of a host.

    Raises:
        ConnectError: it cannot be read.
    """
    user, port = target.user or (), target.port or ()
    try:
        return SSHClientConfig.load(None, _config_files(target), False, False, False,
                                    getpass.getuser(), user, target.host, port)  # fmt: skip
    except CAUGHT as error:
        raise connect_error(target.where, error) from error


def _known_files(target: Target, config: SSHConfig) -> tuple[str, ...]:
    """Return the files of known hosts that count. `UserKnownHostsFile none` knows nobody.

    (asyncssh by itself would take it for a wish not to check.)
    """
    if target.known_hosts is not None:
        files: Sequence[Path] = [target.known_hosts]
    else:
        own = config.get("UserKnownHostsFile", [str(path) for path in KNOWN[:2]])
        everybodys = config.get("GlobalKnownHostsFile", [str(path) for path in KNOWN[2:]])
        files = [Path(name).expanduser() for name in (*_words(own), *_words(everybodys))]
    return tuple(str(path) for path in files if path.is_file())


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list | tuple) else []


def _keys(target: Target) -> Mapping[str, Any]:
    """Return by which keys we log in: one that is named alone, else the agent's and the usual."""
    if target.key is None:
        return {}
    path = target.key.expanduser()
    try:
        return {"client_keys": [asyncssh.read_private_key(path)], "agent_path": None}
    except asyncssh.KeyImportError:
        # It has a passphrase: the agent has it without, and only that one of the agent's is meant.
        public = asyncssh.read_public_key(path.with_name(f"{path.name}.pub"))
        return {"client_keys": [], "agent_identities": [public.public_data]}


def _stranger(
    target: Target, config: SSHConfig, known: asyncssh.SSHKnownHosts, key: asyncssh.SSHKey
) -> ConnectError:
    """Return the error for a host key that is not the known one."""
    kind = key.get_algorithm().removeprefix("ssh-")
    print_ = f"{kind} {key.get_fingerprint()}"
    if target.known_hosts is not None:
        return ConnectError(
            text("its host key {key} is not the one it was made with", key=print_),
            where=target.where,
            hint="this is not the machine that hardway made; do not go on before you know why",
        )
    port = target.port or config.get("Port", asyncssh.DEFAULT_PORT)
    name = str(config.get("HostKeyAlias") or config.get("Hostname", target.host))
    at = name if port == asyncssh.DEFAULT_PORT else f"[{name}]:{port}"
    if any(known.match(name, "", None if port == asyncssh.DEFAULT_PORT else int(str(port)))[:2]):
        return ConnectError(
            text("its host key has CHANGED: it shows {key}, and known_hosts has another one; the "
                 "host was installed again, or somebody is in between", key=print_),
            where=target.where,
            hint=text("only if you know why it changed: ssh-keygen -R {host}; then accept the new "
                      "one: {login} true", host=shlex.quote(at), login=shlex.join(login(target))),
        )  # fmt: skip
    return ConnectError(
        text("its host key is not known: {key}", key=print_),
        where=target.where,
        hint=text("compare it with the key that its console shows (ssh-keygen -lf "
                  "/etc/ssh/ssh_host_{kind}_key.pub), then accept it: {login} true",
                  kind=kind.partition("-")[0], login=shlex.join(login(target))),
    )  # fmt: skip
