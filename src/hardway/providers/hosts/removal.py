"""Taking a cluster off machines that stay: what hardway put there goes, what was there is back."""

import asyncio
import shlex
from importlib.resources import files

from hardway.errors import ProviderError, RemoteError
from hardway.model.paths import MOUNTED
from hardway.model.users import USERS
from hardway.providers.base import Progress
from hardway.steps.network import BRIDGE, KUBE_PROXY_TABLE, PROTOCOL, TABLE
from hardway.steps.probe import NAMESPACE
from hardway.text import joined, text
from hardway.transport.base import Fleet, Transport, run_checked

REMOVAL_S = 600.0


def script() -> str:
    """Return the shell script that does it on one machine; it prints what is left."""
    words = {
        "users": " ".join(user.name for user in USERS),
        "mounted": "|".join(MOUNTED),
        "bridge": BRIDGE,
        "probe": NAMESPACE,
        "tables": f"{TABLE}|{KUBE_PROXY_TABLE}",
        "protocol": str(PROTOCOL),
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())
    return head + files("hardway.providers.hosts").joinpath("removal.sh").read_text()


async def remove(fleet: Fleet, progress: Progress) -> None:
    """Take hardway off all machines of a fleet, from whatever state, and prove it.

    Raises:
        ProviderError: naming what is left on which machine.
    """
    outcomes = await asyncio.gather(*(_one(transport, progress) for transport in fleet.values()))
    left = [line for lines in outcomes for line in lines]
    if left:
        raise ProviderError(
            text("left after the removal:\n  {things}", things=joined("\n  ", left)),
            hint="run `hardway down` again; report it if the same lines come back",
        )


async def _one(transport: Transport, progress: Progress) -> list[str]:
    progress(transport.machine, text("removing what hardway put there"))
    try:
        said = await run_checked(transport, ["sh", "-c", script()], timeout_s=REMOVAL_S)
    except RemoteError as error:
        return [error.message]
    progress(transport.machine, "")
    return [f"{transport.machine}: {line}" for line in said.splitlines()]
