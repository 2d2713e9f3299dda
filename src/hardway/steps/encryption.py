"""Encryption at rest: the API server encrypts Secrets before etcd sees them."""

import asyncio
from base64 import b64encode

from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired, File, Finding
from hardway.pki.values import NamedKey
from hardway.render.config import Setting, yaml_text
from hardway.steps.base import Check, Given, Inventory, Live, Step

NAME = "encryption"
PATH = "/etc/kubernetes/encryption.yaml"


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return a control plane's encryption configuration."""
    if machine.role is not Role.CONTROL_PLANE:
        return Desired()
    providers = [*map(_provider, given.secrets.encryption_keys), {"identity": {}}]
    settings = (
        Setting("apiVersion", "apiserver.config.k8s.io/v1", ""),
        Setting("kind", "EncryptionConfiguration", ""),
        Setting(
            "resources",
            [{"resources": ["secrets"], "providers": providers}],
            "The first provider writes; all of them read, so that what was written before "
            "encryption was on is still readable. secretbox: authenticated, and safe with random "
            "nonces. The key is the same on all control planes: each must read what another wrote.",
        ),
    )
    text = yaml_text("What kube-apiserver encrypts before it goes to etcd.", settings)
    file = File(
        path=PATH, content=text, mode=0o600, owner="kube-apiserver", secret=True, commented=True,
        why="Secrets are ciphertext in etcd, its snapshots and its disks",
    )  # fmt: skip
    return Desired(files=(file,))


def _provider(key: NamedKey) -> dict[str, object]:
    return {key.provider: {"keys": [{"name": key.name, "secret": b64encode(key.secret).decode()}]}}


SAME = Check(
    "encryption-key-same", NAME, "a Secret written by one API server must be readable by all",
    f"hardway ssh MACHINE -- sha256sum {PATH}",
)  # fmt: skip


async def verify(live: Live) -> list[Finding]:
    """Look whether all control planes have the same encryption configuration."""

    async def digest(machine: str) -> str:
        transport = live.fleet.get(machine)
        if transport is None:
            return "no answer"
        done = await transport.run(["sha256sum", PATH])
        return done.stdout.decode().partition(" ")[0][:12] or "no file"

    names = [m.name for m in live.cluster.control_planes]
    digests = await asyncio.gather(*(digest(name) for name in names))
    expected = next((d for d in digests if d not in {"no answer", "no file"}), "a digest")
    return [SAME.found(name, expected, found) for name, found in zip(names, digests, strict=True)]


STEP = Step(
    name=NAME,
    title="Encryption at rest",
    why="who reads etcd's disk or its snapshots does not read Secrets",
    render=render,
    verify=verify,
)
