"""Files are compared by meaning: rewritten without a change of it, and with one, by chance."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import support
from tests.rewriting import (
    bare_lines,
    dumped,
    leaves,
    lines,
    other,
    said_by,
    same,
    shuffled,
    toml,
    written,
)

from hardway.engine.kinds import effect
from hardway.meaning import formats, unit
from hardway.meaning.base import Deviation
from hardway.meaning.commands import flags, words
from hardway.meaning.document import load_yaml, subset, toml_deviations
from hardway.meaning.settings import route_deviations
from hardway.meaning.unit import DIGEST, MARKS
from hardway.model.resources import Effect, File

DESIRED = [
    wanted
    for topology in ("3+3", "options", "host-cgroup-v1", "endpoint-proxy")
    for wanted in support.wanted(topology).values()
]
FILES = list({(f.path, f.content): f for d in DESIRED for f in d.files}.values())
UNITS = [f for f in FILES if f.path.endswith(".service") and f.rows]
YAML = [f for f in FILES if f.path.endswith((".yaml", ".json", ".conflist"))]
TOML = [f for f in FILES if f.path.endswith(".toml")]
SYSCTL = [f for f in FILES if f.path.startswith("/etc/sysctl.d/")]
ENV = [f for f in FILES if f.path.endswith(".env")]
chance = st.randoms(use_true_random=False)


def deviations(of: File, found: bytes) -> list[Deviation]:
    return formats.of(of.path).deviations(of.content, found)


@given(of=st.sampled_from(UNITS), by=chance)
def test_a_unit_written_otherwise_means_the_same(of: File, by: random.Random) -> None:
    rewritten = written(said_by(of), lines(of), by)
    assert unit.deviations(of.content.decode(), *rewritten) == []


@given(of=st.sampled_from([f for f in UNITS if said_by(f)]), by=chance)
def test_another_flag_is_a_difference_of_that_flag(of: File, by: random.Random) -> None:
    said = said_by(of)
    number = by.randrange(len(said))
    name, value = said[number]
    said[number : number + 1] = by.choice([[], [(name, f"{value}x")], [(name, value), (name, "x")]])
    found = unit.deviations(of.content.decode(), *written(said, lines(of), by))
    assert [d.at for d in found] == [f"[Service] ExecStart {name}"]


@given(of=st.sampled_from(UNITS), by=chance)
def test_another_setting_is_a_difference_of_that_setting(of: File, by: random.Random) -> None:
    those = lines(of)
    skipped = {"Environment", "Description", "Documentation", "ExecStartPost"}
    # Nor are hardway's own notes of what a process reads anything that the service means.
    able = [n for n, line in enumerate(those) if line[1] not in skipped and MARKS not in line[2]]
    number = by.choice(able)
    section, name, value = those[number]
    those[number] = (section, name, f"{value}x")
    found = unit.deviations(of.content.decode(), *written(said_by(of), those, by))
    assert len(found) == 1
    assert re.match(rf"\[{section}\] {name}\b", found[0].at)


def test_a_drop_in_adds_to_lists_takes_the_place_of_values_and_resets() -> None:
    base = "[Unit]\nAfter=a\n[Service]\nUser=x\nExecStart=/bin/a --b=c\nReadWritePaths=/a /b\n"
    more = "[Unit]\nAfter=\nAfter=b\n[Service]\nUser=y\nExecStart=\nExecStart=/bin/a --b d\n"
    last = "[Service]\nReadWritePaths=\nReadWritePaths=/c\nReadWritePaths=/d\n"
    assert unit.deviations(base, base, more, last) == [
        # Dependencies cannot be taken back.
        Deviation("[Unit] After", "a", "a b"),
        Deviation("[Service] User", "x", "y"),
        Deviation("[Service] ExecStart --b", "c", "d"),
        Deviation("[Service] ReadWritePaths", "/a /b", "/c /d"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RestartSec=2", "RestartSec=2000ms"),
        ("TimeoutStopSec=1min 30s", "TimeoutStopSec=90"),
        ("NoNewPrivileges=yes", "NoNewPrivileges=1"),
        ('Environment=A="b c" D=e', "Environment='A=b c'\nEnvironment=D=e"),
        (f"Environment={DIGEST}=1", f"Environment={DIGEST}=2"),
        ("Wants=b a", "Wants=a\nWants=b"),
        (r"ExecStart=/bin/x 'a b' c\x20d", r'ExecStart=/bin/x "a b" "c d"'),
        ("ExecStart=/bin/x -name=a --yes", "ExecStart=/bin/x --yes=true --name a"),
    ],
)
def test_forms_of_one_value_are_the_same(one: str, other: str) -> None:
    assert unit.deviations(f"[Service]\n{one}\n", f"[Service]\n{other}\n") == []


def test_no_capability_is_not_every_capability() -> None:
    none, every = "[Service]\nCapabilityBoundingSet=\n", "[Service]\n"
    assert unit.deviations(none, every) == [
        Deviation("[Service] CapabilityBoundingSet", "empty", "absent")
    ]


def test_words_and_flags_are_split_as_the_programs_do() -> None:
    assert words("a 'b \"c' \"d\\\"e\" '' f\\tg") == ["a", 'b "c', 'd"e', "", "f\tg"]
    plain, found = flags(["/bin/x", "sub", "--a", "--b", "c", "-d=e", "--a=false", "rest"])
    assert plain == ("/bin/x", "sub", "rest")
    assert found == {"--a": ("true", "false"), "--b": ("c",), "--d": ("e",)}


@given(of=st.sampled_from(YAML), by=chance)
def test_a_document_written_otherwise_means_the_same(of: File, by: random.Random) -> None:
    content = dumped(shuffled(load_yaml(of.content), by, more=True), by)
    assert deviations(of, content) == []


@given(of=st.sampled_from(YAML), by=chance)
def test_another_entry_is_a_difference_of_that_entry(of: File, by: random.Random) -> None:
    content = load_yaml(of.content)
    place, holder, key = by.choice(list(leaves(content)))
    changes = [f"{holder[key]!r}!", None if holder[key] != {} else 7]
    if isinstance(holder[key], int):
        changes.append(str(holder[key]))
    if isinstance(holder, dict) and by.random() < 0.3:
        del holder[key]
    else:
        holder[key] = by.choice(changes)
    found = deviations(of, dumped(content, by))
    # A list of words is one value.
    assert [d.at for d in found] in ([place], [place.rpartition("[")[0]]), found


def test_types_count_and_empty_is_empty() -> None:
    assert list(subset({"a": 1, "b": {}}, {"a": "1", "b": None})) == [Deviation("a", "1", "'1'")]
    assert list(subset({"a": True}, {"a": 1})) == [Deviation("a", "true", "1")]
    assert list(subset([1, {"a": 2}], [1])) == [Deviation("[1]", "{'a': 2}", "absent")]
    assert list(subset([{"a": 2}], [{"a": 2}, {}])) == [Deviation("[1]", "absent", "{}")]


@given(of=st.sampled_from(TOML), by=chance)
def test_toml_written_otherwise_means_the_same(of: File, by: random.Random) -> None:
    other = toml(of, by) + "[ours]\na = 1\n"
    assert deviations(of, other.encode()) == []
    entry = by.choice(re.findall(r"(?m)^ *([\w-]+) = ", toml(of, by)))
    changed = re.sub(rf"(?m)^( *{entry} = ).*$", r"\1'another'", other)
    assert {d.at.split(".")[-1] for d in toml_deviations(of.content, changed.encode())} == {entry}


@given(of=st.sampled_from(SYSCTL + ENV), by=chance)
def test_settings_of_others_and_order_change_nothing(of: File, by: random.Random) -> None:
    bare = bare_lines(of)
    other = [*bare, "x.y = 1", "; why", ""]
    by.shuffle(other)
    if of in SYSCTL:
        other = [by.choice([line, "-" + line.replace(" = ", "=")]) for line in other]
    assert deviations(of, "\n".join(other).encode()) == []
    gone = by.choice(bare)
    left = "\n".join(line for line in bare if line != gone)
    assert [d.at for d in deviations(of, left.encode())] == [re.split(" ?=", gone)[0]]


def test_routes_are_the_same_by_where_they_lead() -> None:
    wanted = b"10.200.1.0/24 via 10.240.0.21\n10.200.2.0/24 via 10.240.0.22\n"
    found = b"default via 10.0.0.1 dev eth0\n10.200.2.0/24 via 10.240.0.22 dev eth0 proto static\n"
    assert route_deviations(wanted, found + b"10.200.1.0/24 via 10.240.0.21 metric 5\n") == []
    assert route_deviations(wanted, found) == [Deviation("10.200.1.0/24", "10.240.0.21", "absent")]
    refused = found + b"unreachable 10.200.1.0/24 metric 9\n"
    assert route_deviations(wanted, refused) == [
        Deviation("10.200.1.0/24", "10.240.0.21", "unreachable")
    ]


EFFECTS = [e for d in DESIRED for e in d.effects]


@given(of=st.sampled_from(EFFECTS), by=chance)
def test_effects_are_compared_by_meaning(of: Effect, by: random.Random) -> None:
    seen = of.value.splitlines()
    if of.name in effect.FORMATS:
        by.shuffle(seen)
    assert effect.deviations(of, "\n".join(f" {line}" for line in seen).encode()) == []
    if seen:
        assert effect.deviations(of, "\n".join(seen[1:]).encode())


WRITTEN = [f for f in FILES if f.rows and not f.path.endswith(".timer")]


@given(of=st.sampled_from(WRITTEN), by=chance)
def test_one_notion_of_meaning_for_digests_and_for_what_is_named(
    of: File, by: random.Random
) -> None:
    meaning = formats.meaning(of.path, of.content)
    rewritten, changed = same(of, by), other(of, by)
    assert formats.meaning(of.path, rewritten) == meaning
    assert formats.differences(of.path, of.content, rewritten) == []
    assert formats.meaning(of.path, changed) != meaning
    assert formats.differences(of.path, of.content, changed)


@given(of=st.sampled_from(YAML), by=chance)
def test_in_a_file_of_hardways_own_an_additional_entry_is_a_difference(
    of: File, by: random.Random
) -> None:
    content = load_yaml(of.content) | {"another": 1}
    assert formats.differences(of.path, of.content, dumped(content, by)) == [
        Deviation("another", "absent", "1")
    ]


def test_what_stands_around_a_certificate_means_nothing() -> None:
    pem = b"-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"
    told = b"subject=CN = a\n" + pem.replace(b"AAAA\nBBBB", b"AAAABBBB").replace(b"\n", b"\r\n")
    assert formats.differences("/a.crt", pem, told) == []
    assert formats.differences("/a.crt", pem, pem.replace(b"BBBB", b"BBBC"))


def test_what_cannot_be_read_means_itself() -> None:
    assert formats.differences("/a.yaml", b"a: 1\n", b"a: [\n")[0].at == "the file"
    assert formats.differences("/a.yaml", b"a: [\n", b"# why\na: [\n") == []


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ("a\nb\n", []),
        ("a\nc\n", ["text: expected 'b', found 'c'"]),
        ("a\n", ["text: expected 'b', found absent"]),
        ("a\nb\nc\n", ["text: expected absent, found 'c'"]),
        ("b\na\n", ["text: expected 'a\\nb\\n', found 'b\\na\\n'"]),
        ("a\n  b\n", ["text: expected 'a\\nb\\n', found 'a\\n  b\\n'"]),
        (None, ["text: expected 'a\\nb\\n', found None"]),
    ],
)
def test_texts_are_compared_by_lines(found: str | None, named: list[str]) -> None:
    assert list(map(str, subset({"text": "a\nb\n"}, {"text": found}))) == named
