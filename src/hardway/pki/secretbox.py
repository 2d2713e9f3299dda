"""Which key sealed a value: NaCl's secretbox (XSalsa20 and Poly1305), as far as its tag.

Two keys of one name cannot be told apart in etcd by their prefix. Nothing is decrypted here.
"""

from struct import pack, unpack

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

NONCE, TAG = 24, 16
CONSTANT = unpack("<4I", b"expand 32-byte k")
DOUBLE_ROUNDS = 10
QUARTERS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
    (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip
"""Columns, then rows of Salsa20's state."""
STEPS = ((1, 0, 3, 7), (2, 1, 0, 9), (3, 2, 1, 13), (0, 3, 2, 18))
"""Of a quarter round: which word changes, by the sum of which, turned how far."""


def sealed_by(key: bytes, value: bytes) -> bool:
    """Return whether a value (nonce, tag, ciphertext) was sealed with a key."""
    nonce, tag, ciphertext = value[:NONCE], value[NONCE : NONCE + TAG], value[NONCE + TAG :]
    if len(tag) < TAG:
        return False
    try:
        Poly1305.verify_tag(_one_time_key(key, nonce), ciphertext, tag)
    except InvalidSignature:
        return False
    return True


def _one_time_key(key: bytes, nonce: bytes) -> bytes:
    """Return the beginning of XSalsa20's stream."""
    mixed = _mixed(_state(key, nonce[:16]))
    subkey = pack("<8I", *(mixed[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))
    state = _state(subkey, nonce[16:] + bytes(8))
    words = (a + b & 0xFFFFFFFF for a, b in zip(state, _mixed(state), strict=True))
    return pack("<16I", *words)[:32]


def _state(key: bytes, block: bytes) -> list[int]:
    k, n, c = unpack("<8I", key), unpack("<4I", block), CONSTANT
    return [c[0], *k[:4], c[1], *n, c[2], *k[4:], c[3]]


def _mixed(state: list[int]) -> list[int]:
    words = list(state)
    for _ in range(DOUBLE_ROUNDS):
        for quarter in QUARTERS:
            for changed, one, other, by in STEPS:
                total = words[quarter[one]] + words[quarter[other]] & 0xFFFFFFFF
                words[quarter[changed]] ^= (total << by | total >> 32 - by) & 0xFFFFFFFF
    return words
