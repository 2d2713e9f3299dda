"""Certificates: each machine gets the ones its services present, and the CAs they trust."""

import asyncio
from datetime import UTC, datetime, timedelta

from hardway.model.cluster import Machine
from hardway.model.resources import Desired, Finding, Folder
from hardway.pki import inventory as pki
from hardway.pki.inspect import read
from hardway.steps.base import Check, Given, Inventory, Live, Step

NAME = "certificates"


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return the certificates and keys of a machine."""
    files = pki.files_for(given.cluster, machine, given.secrets)
    parents = sorted({f.path.rsplit("/", 1)[0] for f in files})
    # Entered by several users; each key in it is its owner's alone.
    folders = tuple(Folder(path=p, why="keys and certificates of one service") for p in parents)
    return Desired(folders=folders, files=files)


EXPIRY = Check(
    "certificates-valid", NAME, "an expired certificate stops whoever presents it",
    "hardway certs",
)  # fmt: skip
KEYS = Check(
    "keys-private", NAME, "a key that others can read is everyone's identity",
    "hardway ssh MACHINE -- find /etc/kubernetes /etc/etcd -name '*.key' -perm /077",
)  # fmt: skip

SCRIPT = """
for file in $(find /etc/kubernetes/pki /etc/etcd/pki -name '*.crt' 2>/dev/null); do
  printf '@ %s\\n' "$file"
  cat "$file"
done
find /etc/kubernetes /etc/etcd \\( -name '*.key' -o -name '*.kubeconfig' \\) -perm /077 \
  -printf '! %p\\n' 2>/dev/null
"""


async def verify(live: Live) -> list[Finding]:
    """Look whether certificates are good for another day and keys are their owner's alone."""

    async def one(machine: Machine) -> list[Finding]:
        transport = live.fleet.get(machine.name)
        if transport is None:
            return [EXPIRY.found(machine.name, "all", "no answer")]
        text = (await transport.run(["sh", "-c", SCRIPT])).stdout.decode(errors="replace")
        files, open_keys = _parse(text)
        bad = [path for path, pem in files.items() if not _good_tomorrow(pem)]
        missing = [p for p in pki.certificate_paths(machine.role) if p not in files]
        found = ", ".join([*bad, *(f"{path} is absent" for path in missing)])
        return [
            EXPIRY.found(machine.name, "all", found or "all"),
            KEYS.found(machine.name, "none", ", ".join(open_keys) or "none"),
        ]

    found = await asyncio.gather(*(one(m) for m in live.cluster.machines))
    return [finding for findings in found for finding in findings]


def _parse(text: str) -> tuple[dict[str, str], list[str]]:
    """Return certificates by path, and the paths of keys that others can read."""
    body, *found = text.split("\n! ")
    files = {}
    for part in body.split("@ ")[1:]:
        path, _, pem = part.partition("\n")
        files[path] = pem
    return files, [path.strip() for path in found]


def _good_tomorrow(pem: str) -> bool:
    try:
        said = read(pem.encode())
    except ValueError:
        return False
    now = datetime.now(UTC)
    return said.not_before <= now and now + timedelta(days=1) < said.not_after


STEP = Step(
    name=NAME,
    title="Three CAs and a certificate for every role",
    why="every connection of the cluster is TLS, and each end knows who the other is",
    render=render,
    verify=verify,
)
