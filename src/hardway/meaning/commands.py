"""A command line: its program, and its flags by name."""

from collections.abc import Iterable, Mapping, Sequence

TRUE = "true"
"""What a flag without a value means."""


def words(line: str) -> list[str]:
    """Return the words of a line as systemd splits it: quotes and C escapes (systemd.syntax(7))."""
    found: list[str] = []
    word: str | None = None
    quote = ""
    rest = iter(line)
    for char in rest:
        if char == "\\":
            word = (word or "") + _escaped(next(rest, ""), rest)
        elif quote:
            quote, word = ("", word or "") if char == quote else (quote, (word or "") + char)
        elif char in "\"'":
            quote, word = char, word or ""
        elif char.isspace():
            found += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + char
    return [*found, *([] if word is None else [word])]


ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
DIGITS = {"x": 2, "u": 4, "U": 8}
"""Hexadecimal digits that follow."""


def _escaped(char: str, rest: Iterable[str]) -> str:
    if char in DIGITS:
        digits = [digit for _, digit in zip(range(DIGITS[char]), rest, strict=False)]
        try:
            return chr(int("".join(digits), 16))
        except (ValueError, OverflowError):
            return "".join((char, *digits))
    return ESCAPES.get(char, char)


def flags(argv: Sequence[str]) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """Return a command's words that are no flags, and the values of each flag in their order.

    `--a=b`, `--a b` and `-a=b` mean the same to programs written in Go; `--a` alone is `--a=true`.
    """
    plain: list[str] = []
    found: dict[str, tuple[str, ...]] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word.strip("-") == "" or not plain:
            plain.append(word)
            continue
        name, is_given, value = word.lstrip("-").partition("=")
        if not is_given:
            value = TRUE if not rest or rest[0].startswith("-") else rest.pop(0)
        found[f"--{name}"] = (*found.get(f"--{name}", ()), value)
    return tuple(plain), found
