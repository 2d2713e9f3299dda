"""SSH keys of machines and of their operator, made before the first connection.

Files in the cluster's `ssh` folder: `operator` and `<machine>` (private, 0600) with `.pub`
beside each, and `known_hosts`. Where others can read what a machine is made with, it begins with
`<machine>.first`, a key for the first login only.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hardway.files import write
from hardway.model.cluster import Cluster, Machine
from hardway.model.names import OPERATOR

FIRST = ".first"


def ensure(keys: Path, cluster: Cluster) -> None:
    """Make the keys that are missing and write `known_hosts`."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (OPERATOR, *(m.name for m in cluster.machines)):
        ensure_pair(keys / name)
    write(keys / "known_hosts", known_hosts(keys, cluster.machines))


def forget(keys: Path, machine: str) -> None:
    """Delete a machine's keys."""
    for file in (machine, f"{machine}.pub"):
        (keys / file).unlink(missing_ok=True)


def known_hosts(
    keys: Path, machines: Sequence[Machine], others: Mapping[str, str] | None = None
) -> bytes:
    """Return the lines by which ssh(1) and asyncssh know the machines, by name and address.

    `others` has the address by which this host reaches a machine, where that is another.
    """
    lines = []
    for machine in machines:
        called = [machine.name, str(machine.address), (others or {}).get(machine.name, "")]
        for file in (f"{machine.name}.pub", f"{machine.name}{FIRST}.pub"):
            if (keys / file).exists():
                public = (keys / file).read_text().strip()
                lines.append(f"{','.join(filter(None, called))} {public}\n")
    return "".join(lines).encode()


def host_key(keys: Path, machine: str) -> bytes:
    """Return a machine's private host key."""
    return (keys / machine).read_bytes()


def operator_key(keys: Path) -> bytes:
    """Return the line of the operator's public key for authorized_keys."""
    return (keys / f"{OPERATOR}.pub").read_bytes()


def ensure_pair(path: Path) -> None:
    """Make a key pair, unless it is there."""
    public = path.with_name(f"{path.name}.pub")
    if path.exists() and public.exists():
        return
    # Loaded where keys are made, once in a cluster's life: the import takes a tenth of a second.
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    private_bytes = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()
    )
    public_bytes = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    write(path, private_bytes, mode=0o600)
    write(public, public_bytes + b" hardway\n")
