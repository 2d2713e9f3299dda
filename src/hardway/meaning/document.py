"""Documents of mappings, lists and scalars: YAML, JSON and TOML.

Each wanted entry has to be there with its value and its type, `1` not being `"1"`; entries beyond
these are the other's own business.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from hardway.meaning.base import ABSENT, Comparator, Deviation
from hardway.text import text

MISSING = object()
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def subset(wanted: Any, found: Any, at: str = "") -> Iterator[Deviation]:
    """Yield the wanted entries that are not there, or not so.

    A list is one value: lists of scalars have the same members in any order, all others the same
    length and members that are there one for one. Texts of several lines are named by the lines
    that differ.
    """
    if isinstance(wanted, Mapping) and (isinstance(found, Mapping) or (not wanted and not found)):
        for key, value in wanted.items():
            there = found.get(key, MISSING)
            yield from subset(value, there, f"{at}.{key}" if at else str(key))
    elif isinstance(wanted, list) and isinstance(found, list) and not _plain(wanted, found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from subset(one, other, f"{at}[{index}]")
        for index in range(len(found), len(wanted)):
            yield Deviation(f"{at}[{index}]", _shown(wanted[index]), ABSENT)
        for index in range(len(wanted), len(found)):
            yield Deviation(f"{at}[{index}]", ABSENT, _shown(found[index]))
    elif isinstance(wanted, str) and isinstance(found, str) and "\n" in wanted + found:
        yield from _lines(wanted, found, at)
    elif not _same(wanted, found):
        yield Deviation(at, _shown(wanted), _shown(found))


def _lines(wanted: str, found: str, at: str) -> Iterator[Deviation]:
    ours, theirs = Counter(wanted.splitlines()), Counter(found.splitlines())
    missing, more = (
        ", ".join(_shown(line.strip()) for line in lines.elements())
        for lines in (ours - theirs, theirs - ours)
    )
    if missing != more:
        yield Deviation(at, missing or ABSENT, more or ABSENT)
    elif wanted != found:
        yield Deviation(at, _shown(wanted), _shown(found))


def _plain(*lists: list[Any]) -> bool:
    return not any(isinstance(item, Mapping | list) for values in lists for item in values)


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, list) and isinstance(found, list):
        return Counter(map(_typed, wanted)) == Counter(map(_typed, found))
    return _typed(wanted) == _typed(found)


def _typed(value: Any) -> tuple[type, str]:
    return type(value), repr(value)


def _shown(value: Any) -> str:
    if value is MISSING:
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else repr(value)


def load_all(content: bytes) -> tuple[Any, ...]:
    """Return the documents of a YAML or JSON text.

    Raises:
        ValueError: it is none.
    """
    try:
        return tuple(yaml.load_all(content, Loader=LOADER))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def load_yaml(content: bytes) -> Any:
    """Return the first document of a YAML or JSON text.

    Raises:
        ValueError: it is none.
    """
    return next(iter(load_all(content)), None)


def mapping(content: bytes | None) -> dict[str, Any]:
    """Return a YAML or JSON text's mapping; an empty one of any other text."""
    try:
        found = load_yaml(content or b"")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def at(document: Any, *keys: str | int) -> Any:
    """Return the value at a place in a document; None where there is none."""
    for key in keys:
        held = isinstance(document, dict) if isinstance(key, str) else isinstance(document, list)
        if not held or (isinstance(key, int) and key >= len(document)):
            return None
        document = document.get(key) if isinstance(key, str) else document[key]
    return document


def load_toml(content: bytes) -> Any:
    """Return a TOML text's content.

    Raises:
        ValueError: it is none.
    """
    return tomllib.loads(content.decode())


def comparator(load: Callable[[bytes], Any]) -> Comparator:
    """Return what compares texts of a format."""

    def compare(wanted: bytes, found: bytes) -> list[Deviation]:
        try:
            theirs = load(found)
        except ValueError as error:
            return [Deviation(text("the file"), text("text that can be read"), str(error))]
        return list(subset(load(wanted), theirs))

    return compare


yaml_deviations = comparator(load_yaml)
toml_deviations = comparator(load_toml)
