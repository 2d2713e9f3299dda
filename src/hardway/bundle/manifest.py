"""What is in a bundle: its first member, `hardway-bundle.json`, which has a digest of each other.

A bundle is a plain tar. The members follow in the order of the manifest:

objects/<sha256>/<file>                     components, as in the cache
base/<suite>-<key>-<architecture>.tar       the root that local machines share
packages/<suite>-<architecture>/<file>      Debian packages for hosts reached by SSH
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from hardway.components.lock import Lock, parse
from hardway.components.stored import DIGEST
from hardway.errors import ComponentError
from hardway.text import text

NAME = "hardway-bundle.json"
FORMAT = 1
MEMBER = re.compile(r"(objects|base|packages)(/[A-Za-z0-9][A-Za-z0-9._+~%:-]*){1,2}")
"""Members' names; they become paths below the cache."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a bundle."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a bundle holds, and for what it was made."""

    hardway: str
    kubernetes: str
    provider: str
    architectures: tuple[str, ...]
    files: Lock
    """The components' files; nothing else may be used with this bundle."""
    packages: Mapping[str, tuple[str, ...]]
    """Debian packages with their versions, by `<suite>-<architecture>`."""
    lacking: tuple[str, ...]
    """What it should have and could not be had where it was made, in words."""
    members: tuple[Member, ...]

    @property
    def size_bytes(self) -> int:
        """How long all members are together."""
        return sum(m.size_bytes for m in self.members)

    def encoded(self) -> bytes:
        """Return the manifest; the same contents give the same bytes."""
        content = {
            "format": FORMAT,
            "hardway": self.hardway,
            "kubernetes": self.kubernetes,
            "provider": self.provider,
            "architectures": self.architectures,
            "files": [row.row for row in self.files.rows],
            "packages": dict(sorted(self.packages.items())),
            "lacking": self.lacking,
            "members": [asdict(m) for m in self.members],
        }
        return (json.dumps(content, indent=1) + "\n").encode()

    @property
    def identity(self) -> str:
        """The manifest's digest, by which two bundles of the same contents are the same."""
        return sha256(self.encoded()).hexdigest()


def decoded(written: bytes, name: str) -> Contents:
    """Return what a manifest says; `name` is the bundle's, for messages.

    Raises:
        ComponentError: it is no manifest of this format.
    """
    try:
        content = json.loads(written)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, this hardway knows {FORMAT}")  # noqa: TRY301 - one place for what is wrong with it
        return Contents(
            hardway=str(content["hardway"]),
            kubernetes=str(content["kubernetes"]),
            provider=str(content["provider"]),
            architectures=tuple(content["architectures"]),
            files=Lock(name, parse(content["files"])),
            packages={k: tuple(v) for k, v in content["packages"].items()},
            lacking=tuple(content["lacking"]),
            members=tuple(_member(row) for row in content["members"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ComponentError(
            text("{bundle}: its manifest cannot be read: {kind}: {error}",
                 bundle=name, kind=type(error).__name__, error=error),
            hint="a newer hardway may have made it; make it again with this one: "
            "hardway bundle create",
        ) from error  # fmt: skip


def _member(row: Mapping[str, Any]) -> Member:
    member = Member(**row)
    if not MEMBER.fullmatch(member.name) or not DIGEST.fullmatch(member.sha256):
        raise ValueError(f"no name or no digest of a member: {member}")
    return member
