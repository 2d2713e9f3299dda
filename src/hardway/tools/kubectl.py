"""kubectl on this host, of the cluster's own version: people can repeat what hardway does."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardway.errors import CommandError
from hardway.host import run
from hardway.model.resources import Manifest
from hardway.proxies import past_proxies
from hardway.transport.base import poll_until

FIELD_MANAGER = "hardway"
CUT = (
    "connection reset by peer",
    ": EOF",
    "broken pipe",
    "unexpected EOF",
    "client connection lost",
)
"""What kubectl says when its connection was ended half way."""
NO_ANSWER = (
    "dial tcp",
    "Unable to connect to the server",
    "Client.Timeout exceeded",
    "TLS handshake timeout",
    *CUT,
)
"""What kubectl says when the API did not refuse but was not reached, was too slow, or went away
half way."""

SERVER_SAID = "Error from server"
"""How it begins what the API itself says, also of a server that the API did not reach."""

WEBHOOK = "failed calling webhook"
"""What the API says of others' servers that it asks before it takes an object."""

POD_SAID = "command terminated with exit code"
"""What kubectl adds to the words of a command in a pod that failed, whatever that had asked."""

ANSWERS_S = 30.0
"""How long the API may be out of reach before an apply is given up."""


SPARING = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}
"""Lets Go look for garbage only where there is much: a fifth of a short command's CPU time."""


def unreached(output: str, said: Sequence[str] = NO_ANSWER) -> bool:
    """Return whether kubectl failed because the API did not answer, in one of some ways."""
    by_others = SERVER_SAID in output or POD_SAID in output
    return not by_others and any(text in output for text in said)


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the credentials of one kubeconfig."""

    binary: Path
    kubeconfig: Path
    server: str = ""
    """In place of the kubeconfig's, and over `proxy`: where this host does not reach the API."""
    proxy: str = ""
    direct: Sequence[str] = ()
    """Hosts and ranges for which no proxy of this process's environment is asked: the API's own."""

    def argv(self, *words: str) -> list[str]:
        """Return the command line for some words."""
        server = [f"--server={self.server}"] if self.server else []
        return [str(self.binary), f"--kubeconfig={self.kubeconfig}", *server, *words]

    @property
    def environment(self) -> dict[str, str]:
        """What is added to this process's own."""
        if self.proxy:
            return {"HTTPS_PROXY": self.proxy, "NO_PROXY": "", "no_proxy": ""}
        return past_proxies(self.direct)

    async def run(self, *words: str, stdin: bytes = b"", timeout_s: float = 60) -> str:
        """Run it and return what it printed.

        Raises:
            CommandError: its status was not 0.
        """
        env = SPARING | self.environment
        return await run(self.argv(*words), stdin=stdin, timeout_s=timeout_s, env=env)

    async def objects(self, *words: str) -> list[dict[str, Any]]:
        """Return the objects `kubectl get` finds; none where there are none."""
        text = await self.run("get", "--output=json", "--ignore-not-found", *words)
        return _items(text)

    async def live(self, manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
        """Return those of some objects that exist, as the API has them and with who set what."""
        words = ["get", "--output=json", "--show-managed-fields", "--ignore-not-found",
                 "--filename=-"]  # fmt: skip
        return _items(await self.run(*words, stdin=as_list(manifests)))

    async def apply(self, manifests: Sequence[Manifest]) -> None:
        """Make objects be as the manifests say, server-side; fields of others stay theirs.

        Tried again for `ANSWERS_S` where nobody answers: the endpoint's address may just be moving.

        Raises:
            CommandError: the API refused them, or still nobody answers.
        """
        # The API itself refuses unknown fields of a server-side apply. For kubectl to look for them
        # too, the API would have to put together the schema of all its types and send it.
        words = ["apply", "--server-side", "--validate=false",
                 f"--field-manager={FIELD_MANAGER}", "--force-conflicts"]  # fmt: skip

        async def refusal() -> CommandError | None:
            try:
                await self.run(*words, "--filename=-", stdin=as_list(manifests))
            except CommandError as error:
                return error
            return None

        def decided(refused: CommandError | None) -> bool:
            if refused is None or WEBHOOK in refused.output:
                return True
            # Also where an API server says that it does not reach its etcd.
            return not any(said in refused.output for said in NO_ANSWER)

        refused = await poll_until(refusal, decided, deadline_s=ANSWERS_S, interval_s=0.5)
        if refused is not None:
            raise refused

    async def delete(self, manifests: Sequence[Manifest]) -> None:
        """Delete objects, in their order, without waiting for what is deleted along with them.

        Raises:
            CommandError: the API refused, or nobody answers.
        """
        words = ["delete", "--ignore-not-found", "--wait=false", "--filename=-"]
        await self.run(*words, stdin=as_list(manifests))

    async def patch(self, manifest: Manifest) -> None:
        """Set the fields of one object that exists; nothing is made.

        Raises:
            CommandError: there is no such object, or the API refused.
        """
        meta = manifest["metadata"]
        words = ["patch", manifest["kind"].lower(), meta["name"], "--type=merge"]
        await self.run(*words, "--patch-file=/dev/stdin", stdin=json.dumps(manifest).encode())

    async def roll_out(self, manifest: Manifest) -> None:
        """Let a Deployment make its pods anew, one after another as its strategy says.

        Raises:
            CommandError: there is no such Deployment, or the API refused.
        """
        meta = manifest["metadata"]
        await self.run("rollout", "restart", f"deployment/{meta['name']}",
                       f"--namespace={meta['namespace']}")  # fmt: skip

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[int]:
        """Forward a free local port to a pod's port; yield the local one.

        Raises:
            CommandError: kubectl ended, or said nothing for 10 s.
        """
        argv = self.argv("port-forward", f"--namespace={namespace}", f"pod/{pod}", f":{port}")
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self.environment},
        )
        try:
            assert process.stdout is not None  # noqa: S101 - PIPE was asked for
            try:
                async with asyncio.timeout(10):
                    line = (await process.stdout.readline()).decode()
            except TimeoutError as error:
                raise CommandError("this host", argv, 124, "no answer in 10 s") from error
            local = line.partition("127.0.0.1:")[2].partition(" ")[0]
            if not local.isdigit():
                raise CommandError("this host", argv, process.returncode or 1, line)
            yield int(local)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def call(self, words: Sequence[str]) -> int:
        """Run it at this process's terminal and return its status."""
        process = await asyncio.create_subprocess_exec(
            *self.argv(*words), env={**os.environ, **self.environment}
        )
        try:
            return await process.wait()
        finally:
            # Interrupted: it was told by the terminal as well.
            await process.wait()

    def become(self, words: Sequence[str]) -> None:
        """Replace this process by kubectl; does not return."""
        argv = [str(self.binary), *words]
        env = {**os.environ, **self.environment, "KUBECONFIG": str(self.kubeconfig)}
        os.execve(self.binary, argv, env)  # noqa: S606 - becomes kubectl: its terminal is ours


def as_list(manifests: Sequence[Manifest]) -> bytes:
    """Return manifests as one JSON List, which kubectl takes on stdin."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}).encode()


def refusal(output: str) -> str:
    """Return what was wrong with the first object that was refused: later ones may need it."""
    lines = output.strip().splitlines() or ["no answer"]
    return next((line for line in lines if line.lower().startswith("error")), lines[-1])


def _items(text: str) -> list[dict[str, Any]]:
    if not text.strip():
        return []
    parsed = json.loads(text)
    items: list[dict[str, Any]] = parsed["items"] if parsed.get("kind") == "List" else [parsed]
    return items
