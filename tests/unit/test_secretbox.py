"""Which key sealed a value: judged by the vector in "Cryptography in NaCl" (Bernstein, 2009)."""

import pytest

from hardway.pki.secretbox import sealed_by

KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
BOX = bytes.fromhex(
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4"
    "476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738"
    "b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de"
    "56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
)


def test_the_key_that_sealed_it() -> None:
    assert sealed_by(KEY, NONCE + BOX)


@pytest.mark.parametrize("at", [0, 15, 16, 23, 24, 39, 40, 80, -1])
def test_any_other_byte_is_noticed(at: int) -> None:
    value = bytearray(NONCE + BOX)
    value[at] ^= 1
    assert not sealed_by(KEY, bytes(value))


@pytest.mark.parametrize("at", [0, 31])
def test_any_other_key_is_noticed(at: int) -> None:
    key = bytearray(KEY)
    key[at] ^= 0x80
    assert not sealed_by(bytes(key), NONCE + BOX)


@pytest.mark.parametrize("length", [0, 24, 39])
def test_what_is_too_short_was_sealed_by_nobody(length: int) -> None:
    assert not sealed_by(KEY, (NONCE + BOX)[:length])
