"""Certificates and keys as values; nothing here reads, makes or writes one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PROVIDER = "secretbox"
"""What encrypts at rest: authenticated, and safe with random nonces."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A bare key pair, PEM."""

    key: bytes = field(repr=False)
    public: bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """A CA: the generation that signs, and all generations that are trusted."""

    signer: Pair
    trusted: tuple[bytes, ...]

    @property
    def bundle(self) -> bytes:
        """All trusted certificates as one PEM file."""
        return b"".join(self.trusted)


@dataclass(frozen=True, slots=True)
class ServiceAccountKeys:
    """The key pair that signs pods' tokens, and all public keys that tokens are checked with."""

    signing: KeyPair
    verifying: tuple[bytes, ...]

    @property
    def bundle(self) -> bytes:
        """All verifying keys as one PEM file."""
        return b"".join(self.verifying)


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key for encryption at rest. Its provider and name stand before each value in etcd."""

    name: str
    secret: bytes = field(repr=False)
    provider: str = PROVIDER


@dataclass(frozen=True, slots=True)
class Secrets:
    """All of a cluster's secrets."""

    cas: Mapping[str, Trust]
    certificates: Mapping[tuple[str, str], Pair]
    """By row and machine; see `Wanted.id`."""
    service_account: ServiceAccountKeys
    encryption_keys: tuple[NamedKey, ...]
    """The first encrypts what is written; all of them decrypt."""
