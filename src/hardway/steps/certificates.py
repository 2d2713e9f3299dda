"""Certificates: each machine gets the ones its services present, and the CAs they trust."""

import asyncio

from hardway.model.cluster import Machine
from hardway.model.resources import Desired, Finding, Folder
from hardway.pki import inventory as pki
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

SCRIPT = """set -u
for c in $(find /etc/kubernetes/pki /etc/etcd/pki -name '*.crt' 2>/dev/null); do
  openssl x509 -checkend 86400 -noout -in "$c" >/dev/null || echo "expires $c"
done
find /etc/kubernetes /etc/etcd \\( -name '*.key' -o -name '*.kubeconfig' \\) -perm /077 \\
  -printf 'open %p\\n' 2>/dev/null
"""


async def verify(live: Live) -> list[Finding]:
    """Look whether certificates are good for another day and keys are their owner's alone."""

    async def one(machine: str) -> list[Finding]:
        transport = live.fleet.get(machine)
        if transport is None:
            return [EXPIRY.found(machine, "none expires today", "no answer")]
        lines = (await transport.run(["sh", "-c", SCRIPT])).stdout.decode().splitlines()
        expiring = [line.removeprefix("expires ") for line in lines if line.startswith("expires ")]
        open_keys = [line.removeprefix("open ") for line in lines if line.startswith("open ")]
        return [
            EXPIRY.found(machine, "none expires today", ", ".join(expiring) or "none expires today"),
            KEYS.found(machine, "none", ", ".join(open_keys) or "none"),
        ]

    found = await asyncio.gather(*(one(m.name) for m in live.cluster.machines))
    return [finding for findings in found for finding in findings]


STEP = Step(
    name=NAME,
    title="Three CAs and a certificate for every role",
    why="every connection of the cluster is TLS, and each end knows who the other is",
    render=render,
    verify=verify,
)
