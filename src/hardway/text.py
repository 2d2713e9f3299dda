"""Texts that people read: English where they are written, translated where they are shown.

The English text is the key of a message catalogue (`locale/<language>.po`). A text with values in
it remembers its template, so that it can pass through findings and journals as English and still
be translated at the edge.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

from hardway.particles import settled

ENGLISH = "en"
FOLDER = Path(__file__).parent / "locale"
FINISH = {"ko": settled}
"""What a language still needs when the values are in their places."""


class Text(str):
    """An English text that was made of a template and values."""

    __slots__ = ("most", "template", "values")
    template: str
    values: Mapping[str, object]
    most: int | None
    """So many characters of it are shown; None: all."""


def text(template: str, **values: object) -> Text:
    """Return the template with its `{holes}` filled; it can still be translated."""
    made = Text(template.format(**values))
    made.template = template
    made.values = values
    made.most = None
    return made


def joined(separator: str, texts: Iterable[str]) -> Text:
    """Return texts one after another; each of them can still be translated by itself."""
    values = {f"_{number}": said for number, said in enumerate(texts)}
    return text(separator.join(f"{{{hole}}}" for hole in values), **values)


def cut(said: str, most: int) -> str:
    """Return the beginning of a text, in whichever language it will be shown."""
    made = said[:most]
    if isinstance(said, Text):
        made = Text(made)
        made.template, made.values, made.most = said.template, said.values, most
    return made


def reason(error: Exception) -> str:
    """Return what an error says; `str()` of it could no longer be translated."""
    said = next(iter(error.args), None)
    return said if isinstance(said, Text) else str(error)


def languages() -> tuple[str, ...]:
    """Return the languages that there are texts in."""
    return (ENGLISH, *sorted(file.stem for file in FOLDER.glob("*.po")))


def language(asked: str | None = None) -> str:
    """Return the language to show: as asked, else HARDWAY_LANG's, else the locale's.

    Any other than `languages()` is English.
    """
    names = ("HARDWAY_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    said = asked or next((os.environ[name] for name in names if os.environ.get(name)), ENGLISH)
    code = said.partition(".")[0].partition("_")[0].lower()
    return code if code in languages() else ENGLISH


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """Return the translations into a language, by the English text; none of English."""
    if code == ENGLISH:
        return {}
    import polib  # type: ignore[import-untyped]  # noqa: PLC0415 - readers of English need none

    entries: Any = polib.pofile(str(FOLDER / f"{code}.po"))
    return {entry.msgid: entry.msgstr for entry in entries if entry.msgstr}


def translate(said: str, code: str) -> str:
    """Return a text in a language; in English where the catalogue lacks it."""
    known = catalogue(code)
    if isinstance(said, Text):
        values = {
            name: translate(value, code) if _is_text(value) else value
            for name, value in said.values.items()
        }
        made = known.get(said.template, said.template).format(**values)[: said.most]
        return FINISH.get(code, str)(made)
    return known.get(said, said)


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is one that can be translated: a plain word is a name."""
    return isinstance(value, Text) or (isinstance(value, str) and " " in value)


def cells(said: str) -> int:
    """Return how many columns of a terminal a text takes; Korean letters take two."""
    if said.isascii():
        return len(said)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in said)


def padded(said: str, width: int) -> str:
    """Return a text filled with blanks to that many columns."""
    return said + " " * (width - cells(said))


def wrapped(said: str, width: int) -> list[str]:
    """Return a text in lines of at most that many columns; no word is divided.

    Blanks within a line stay as they are: some texts have columns.
    """
    lines: list[str] = []
    for word in said.strip().split(" ") if said.strip() else ():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and cells(longer) <= width:
            lines[-1] = longer
        elif word:
            lines.append(word)
    return [line.rstrip() for line in lines]
