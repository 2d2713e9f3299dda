"""Texts are English until they are shown."""

import json

import pytest

from hardway import text as module
from hardway.particles import settled
from hardway.text import Text, catalogue, joined, language, languages, text, translate

CATALOGUE = r"""
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\n"

msgid "{unit} of {machine}"
msgstr "{machine}의 {unit}"

msgid "the machine"
msgstr "머신"
"""


@pytest.fixture
def korean(tmp_path, monkeypatch):
    (tmp_path / "ko.po").write_text(CATALOGUE)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


def test_a_text_is_english_for_programs() -> None:
    said = text("{unit} of {machine}", unit="etcd", machine="a")
    assert said == "etcd of a"
    assert json.loads(json.dumps(said)) == "etcd of a"


def test_values_are_translated_too(korean: None) -> None:
    said = text("{unit} of {machine}", unit="etcd", machine="the machine")
    assert translate(said, "ko") == "머신의 etcd"
    assert translate(said, "en") == "etcd of the machine"


def test_what_the_catalogue_lacks_stays_english(korean: None) -> None:
    assert translate("never translated", "ko") == "never translated"
    assert translate(text("on {machine}", machine="the machine"), "ko") == "on 머신"


def test_a_plain_word_among_the_values_is_a_name(korean: None) -> None:
    assert translate(text("on {machine}", machine="machine"), "ko") == "on machine"


@pytest.mark.parametrize(
    ("word", "particles"),
    [
        ("파드", "는 가 를 와 로"),
        ("노드 셋", "은 이 을 과 으로"),
        ("파일", "은 이 을 과 로"),
        ("etcd", "는 가 를 와 로"),
        ("kubelet", "은 이 을 과 으로"),
        ("kube-apiserver", "는 가 를 와 로"),
        ("/etc/etcd/pki/ca.crt", "는 가 를 와 로"),
        ("hardway.yaml", "은 이 을 과 로"),
        ("controller-0", "은 이 을 과 으로"),
        ("10.240.0.11", "은 이 을 과 로"),
        ('"CA"', "는 가 를 와 로"),
        ("root", "은(는) 이(가) 을(를) 과(와) (으)로"),
        ("?", "은(는) 이(가) 을(를) 과(와) (으)로"),
        ("", "은(는) 이(가) 을(를) 과(와) (으)로"),
    ],
)
def test_a_particle_follows_the_sound_of_its_word(word: str, particles: str) -> None:
    both = ("은(는)", "이(가)", "을(를)", "과(와)", "(으)로")
    assert [settled(word + pair) for pair in both] == [word + one for one in particles.split()]


def test_joined_texts_are_translated_each_by_itself(korean: None) -> None:
    etcd = text("{unit} of {machine}", unit="etcd", machine="a")
    said = joined("; ", [etcd, "{x}", "the machine"])
    assert said == "etcd of a; {x}; the machine"
    assert translate(said, "ko") == "a의 etcd; {x}; 머신"
    assert joined(", ", []) == ""


def test_a_value_may_have_braces() -> None:
    assert translate(text("found {found}", found="{x}"), "en") == "found {x}"


@pytest.mark.parametrize(
    ("environment", "asked", "expected"),
    [
        ({}, None, "en"),
        ({"LANG": "ko_KR.UTF-8"}, None, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, None, "en"),
        ({"LANG": "ko_KR.UTF-8", "HARDWAY_LANG": "en"}, None, "en"),
        ({"LANG": "en_US.UTF-8"}, "ko", "ko"),
        ({"LANG": "eo"}, None, "en"),
    ],
)
def test_the_language_is_the_first_that_is_asked_for(
    korean: None, monkeypatch, environment, asked, expected
) -> None:
    for name in ("HARDWAY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language(asked) == expected


def test_english_needs_no_catalogue() -> None:
    assert languages()[0] == "en"
    assert catalogue("en") == {}
    assert isinstance(text("a {b}", b=1), Text)
