"""Every text that people read has its translation, whole and no other."""

import re
import string

import polib
import pytest
from tests.messages import (
    PO,
    glued,
    is_prose,
    is_untranslated,
    messages,
    sentences,
    unsaid,
    written,
)

FIELDS = string.Formatter()


@pytest.fixture(scope="module")
def korean() -> dict[str, polib.POEntry]:
    return {entry.msgid: entry for entry in polib.pofile(str(PO))}


def holes(text: str) -> list[str]:
    """Return the names of a template's holes, with their formats."""
    return sorted(f"{name}:{spec}" for _, name, spec, _ in FIELDS.parse(text) if name)


def test_every_text_has_a_translation(korean: dict[str, polib.POEntry]) -> None:
    missing = {said: where for said, where in messages().items()
               if said not in korean or not korean[said].msgstr}  # fmt: skip
    assert not missing, "python -m tests.messages write; then translate them in locale/ko.po"


def test_every_sentence_is_a_text_or_a_part_of_one() -> None:
    known = "\n".join(messages())
    assert [said for said in sentences() if said not in known] == [], "say it with text()"


def test_no_text_is_glued_together() -> None:
    assert not list(glued()), "give the values to text(): a translation may have them elsewhere"


def test_judges_say_texts() -> None:
    assert not list(unsaid()), "what is expected and found is made by text(), joined by joined()"


def test_no_translation_is_of_a_text_that_nobody_says(korean: dict[str, polib.POEntry]) -> None:
    assert not set(korean) - set(messages()), "python -m tests.messages write"


def test_the_catalogue_is_as_it_is_written(korean: dict[str, polib.POEntry]) -> None:
    assert str(written(korean)) == PO.read_text(), "python -m tests.messages write"


def test_a_translation_has_the_holes_of_its_text(korean: dict[str, polib.POEntry]) -> None:
    for entry in korean.values():
        if "{" in entry.msgid:
            assert holes(entry.msgid) == holes(entry.msgstr), entry.msgid


def test_sentences_are_in_korean(korean: dict[str, polib.POEntry]) -> None:
    for entry in korean.values():
        words = re.findall(r"\b[a-z]{3,} [a-z]{2,} [a-z]{2,}\b", entry.msgid)
        if words and not re.search(r"[가-힣]", entry.msgstr):
            pytest.fail(f"not translated: {entry.msgid}")


@pytest.mark.parametrize(
    ("text", "untranslated"),
    [
        ("hardway node remove {machine} --lost", True),
        ("{machine}: {why}", True),
        ("hardway up makes it, then: hardway verify", False),
        ("hardway up makes it", False),
        ("hardway sets these flags itself", False),
        ("hardway", False),
    ],
)
def test_commands_are_the_same_in_all_languages(text: str, untranslated: bool) -> None:
    assert is_untranslated(text) is untranslated


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("Data is lost.", True),
        ("no TLS", True),
        ("etcd", False),
        ("$ nft list ruleset", False),
        ("controller-0, 10.240.0.10, localhost", False),
        ("server.key (0600 etcd)", False),
        ("O=system:nodes, CN=system:node:a", False),
    ],
)
def test_prose_is_told_from_names(text: str, prose: bool) -> None:
    assert is_prose(text) is prose
