"""What hardway writes down of a cluster on AWS, before it asks for things: aws.json, 0600.

What exists is on AWS, found by tags. Here is only what cannot be found there: the id that those
tags bear, the tokens that make a second RunInstances give the first one's instance, what was
asked for in the last minute, and what was chosen once (images, zones).
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hardway.errors import RefusedError
from hardway.files import write
from hardway.text import text

FILE = "aws.json"
BEGUN_S = 3600
"""By then AWS shows whatever was asked for."""


@dataclass(frozen=True, slots=True)
class Token:
    """A ClientToken: for one machine, one attempt and one set of parameters."""

    nonce: str
    digest: str
    """Of the parameters it was made for."""


@dataclass(slots=True)
class Records:
    """The content of aws.json; each method that changes it writes it."""

    folder: Path
    id: str
    account: str
    region: str
    images: dict[str, str] = field(default_factory=dict)
    """By what was asked for (`images.pin`): what each machine, also a later one, starts from."""
    zones: tuple[str, ...] = ()
    endpoint: str = ""
    """The load balancer's DNS name."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Machines' public addresses, as last seen."""
    begun: dict[str, float] = field(default_factory=dict)
    """When each thing was asked for: AWS may not show it yet. Seconds since 1970."""
    tokens: dict[str, Token] = field(default_factory=dict)

    def save(self) -> None:
        """Write it all down, on the disk when this returns."""
        rows = {key: value for key, value in asdict(self).items() if key != "folder"}
        content = json.dumps(rows, indent=2) + "\n"
        write(self.folder / FILE, content.encode(), mode=0o600, durable=True)

    def choose(self, images: Mapping[str, str], zones: tuple[str, ...]) -> None:
        """Note what was chosen."""
        before = (dict(self.images), self.zones)
        self.images.update(images)
        self.zones = zones
        if before != (self.images, self.zones):
            self.save()

    def begin(self, role: str) -> None:
        """Note that a thing is asked for now."""
        now = time.time()
        self.begun = {known: at for known, at in self.begun.items() if now - at < BEGUN_S}
        self.begun[role] = now
        self.save()

    def forget(self, role: str) -> None:
        """Note that a thing was not made after all."""
        if self.begun.pop(role, None) is not None:
            self.save()

    def lately(self, within_s: float) -> set[str]:
        """Return the roles of what was asked for so lately that AWS may not show it yet."""
        return {role for role, at in self.begun.items() if time.time() - at < within_s}

    def token(self, machine: str, digest: str) -> str:
        """Return the token for a machine with these parameters; the same until `renew`."""
        known = self.tokens.get(machine)
        if known is None or known.digest != digest:
            known = Token(secrets.token_hex(16), digest)
            self.tokens[machine] = known
            self.save()
        return known.nonce

    def renew(self, machine: str) -> None:
        """Let the next token of a machine be another: its instance is gone."""
        if self.tokens.pop(machine, None) is not None:
            self.save()

    def saw(self, endpoint: str, addresses: Mapping[str, str]) -> None:
        """Note how the cluster is reached; empty values are not known yet."""
        before = (self.endpoint, dict(self.addresses))
        self.endpoint = endpoint or self.endpoint
        self.addresses.update({name: at for name, at in addresses.items() if at})
        if before != (self.endpoint, self.addresses):
            self.save()


def load(folder: Path) -> Records | None:
    """Return what was written down; None where nothing was.

    Raises:
        RefusedError: the file is not what hardway writes.
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        row = json.loads(file.read_text())
        tokens = {name: Token(**token) for name, token in row.pop("tokens").items()}
        zones = tuple(row.pop("zones"))
        return Records(folder=folder, zones=zones, tokens=tokens, **row)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError(
            text("{file} is not as hardway wrote it: {error}", file=file, error=error),
            hint="restore it from a copy, or move it away and run: hardway aws list",
        ) from error
