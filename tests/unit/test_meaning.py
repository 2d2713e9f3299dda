"""Files are compared by meaning: rewritten without a change of it, and with one, by chance."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests import support

from hardway.engine.kinds import effect, file
from hardway.engine.meaning import unit
from hardway.engine.meaning.base import Deviation
from hardway.engine.meaning.commands import flags, words
from hardway.engine.meaning.document import load_yaml, subset, toml_deviations
from hardway.engine.meaning.settings import route_deviations
from hardway.model.resources import Effect, File
from hardway.model.rows import Section, Setting
from hardway.render.systemd import DIGEST, MARKS

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

Line = tuple[str, str, str]


def sections(of: File) -> dict[str, list[Setting]]:
    return {
        row.name: [entry for entry in row.rows if isinstance(entry, Setting)]
        for row in of.rows
        if isinstance(row, Section)
    }


def lines(of: File) -> list[Line]:
    """The settings of a unit file but for its flags."""
    return [
        (section, row.name, str(row.value))
        for section, rows in sections(of).items()
        if section != "ExecStart"
        for row in rows
    ]


def mixed(items: list[Any], by: random.Random, key: Any) -> list[Any]:
    """The items in another order; those of one key stay in theirs."""
    order = [key(item) for item in items]
    by.shuffle(order)
    queues = {name: iter([i for i in items if key(i) == name]) for name in set(order)}
    return [next(queues[name]) for name in order]


def quoted(word: str, by: random.Random) -> str:
    text = word.replace("%", "%%").replace("$", "$$").replace("\\", "\\\\")
    if any(char in text for char in " \t;'") or by.random() < 0.3:
        return '"' + text.replace('"', '\\"') + '"'
    return text.replace('"', '\\"')


def command(start: str, said: list[tuple[str, str]], by: random.Random) -> str:
    """A command line with its flags, however one would write it."""
    parts = [start]
    for name, value in mixed(said, by, lambda pair: pair[0]):
        if by.random() < 0.5 and not value.startswith("-"):
            parts += [quoted(name, by), quoted(value, by) if value else '""']
        else:
            parts.append(quoted(f"{name}={value}", by))
    between = by.choice([" ", "  ", " \\\n", " \\\n\t# why\n   ; and why\n  "])
    return between.join(parts)


def written(
    of: File, said: list[tuple[str, str]], all_lines: list[Line], by: random.Random
) -> list[str]:
    """A unit and its drop-ins with these flags and lines."""
    start = next(line for line in all_lines if line[1] == "ExecStart")
    whole = (*start[:2], command(start[2], said, by))
    rewritten = [whole if line == start else line for line in all_lines]
    dropped = {line[1] for line in rewritten if by.random() < 0.2} - unit.DEPENDENCIES
    main, later = [], []
    for section, name, value in mixed(rewritten, by, lambda line: line[:2]):
        if name not in dropped:
            main.append((section, name, value))
            continue
        if not any(line[:2] == (section, name) for line in later):
            # The main file says otherwise, and the drop-in takes it back.
            main.append((section, name, by.choice(["other", "/bin/false", "7"])))
            later.append((section, name, ""))
        later.append((section, name, value))
    return [text(main, by), text(later, by)] if later else [text(main, by)]


def text(some: list[Line], by: random.Random) -> str:
    parts = []
    for section in by.sample(names := list(dict.fromkeys(line[0] for line in some)), len(names)):
        parts.append(f"{by.choice(['', chr(10)])}[{section}]\n")
        for _, name, value in [line for line in some if line[0] == section]:
            parts.append(by.choice(["", "# a reason\n", "  ; another\n", "\n"]))
            parts.append(f"{by.choice(['', '  '])}{name}{by.choice(['=', ' = '])}{value}\n")
    return "".join(parts)


def said_by(of: File) -> list[tuple[str, str]]:
    return [(row.name, str(row.value)) for row in sections(of).get("ExecStart", [])]


@given(of=st.sampled_from(UNITS), by=chance)
def test_a_unit_written_otherwise_means_the_same(of: File, by: random.Random) -> None:
    rewritten = written(of, said_by(of), lines(of), by)
    assert unit.deviations(of.content.decode(), *rewritten) == []


@given(of=st.sampled_from([f for f in UNITS if said_by(f)]), by=chance)
def test_another_flag_is_a_difference_of_that_flag(of: File, by: random.Random) -> None:
    said = said_by(of)
    number = by.randrange(len(said))
    name, value = said[number]
    said[number : number + 1] = by.choice([[], [(name, f"{value}x")], [(name, value), (name, "x")]])
    found = unit.deviations(of.content.decode(), *written(of, said, lines(of), by))
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
    found = unit.deviations(of.content.decode(), *written(of, said_by(of), those, by))
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


def shuffled(value: Any, by: random.Random) -> Any:
    """The same content in another order, and with entries of others."""
    if isinstance(value, dict):
        items = [(key, shuffled(entry, by)) for key, entry in value.items()]
        by.shuffle(items)
        return dict(items) | ({"ours": True} if by.random() < 0.5 else {})
    if isinstance(value, list):
        items = [shuffled(entry, by) for entry in value]
        if not any(isinstance(entry, dict | list) for entry in items):
            by.shuffle(items)
        return items
    return value


def dumped(value: Any, by: random.Random) -> bytes:
    style = by.choice([True, False, None])
    as_yaml = yaml.safe_dump(value, default_flow_style=style, width=by.choice([20, 1000]))
    return by.choice([json.dumps(value), "# a reason\n---\n" + as_yaml, as_yaml]).encode()


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The place, container and key of each entry that holds no others."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in pairs:
        place = f"{at}[{key}]" if isinstance(value, list) else f"{at}.{key}".lstrip(".")
        if isinstance(entry, dict | list) and entry:
            yield from leaves(entry, place)
        else:
            yield place, value, key


@given(of=st.sampled_from(YAML), by=chance)
def test_a_document_written_otherwise_means_the_same(of: File, by: random.Random) -> None:
    content = dumped(shuffled(load_yaml(of.content), by), by)
    assert file.deviations(of, content) == []


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
    found = file.deviations(of, dumped(content, by))
    # A list of words is one value.
    assert [d.at for d in found] in ([place], [place.rpartition("[")[0]]), found


def test_types_count_and_empty_is_empty() -> None:
    assert list(subset({"a": 1, "b": {}}, {"a": "1", "b": None})) == [Deviation("a", "1", "'1'")]
    assert list(subset({"a": True}, {"a": 1})) == [Deviation("a", "true", "1")]
    assert list(subset([1, {"a": 2}], [1])) == [Deviation("[1]", "{'a': 2}", "absent")]
    assert list(subset([{"a": 2}], [{"a": 2}, {}])) == [Deviation("[1]", "absent", "{}")]


@given(of=st.sampled_from(TOML), by=chance)
def test_toml_written_otherwise_means_the_same(of: File, by: random.Random) -> None:
    bare = re.sub(r"(?m)^ *#.*\n", "", of.content.decode())
    top, *tables = re.split(r"(?m)^(?=\[)", bare)
    by.shuffle(tables)
    other = top + "".join(tables).replace("'", '"' if "\\" not in bare else "'") + "[ours]\na = 1\n"
    assert file.deviations(of, other.encode()) == []
    entry = by.choice(re.findall(r"(?m)^ *([\w-]+) = ", bare))
    changed = re.sub(rf"(?m)^( *{entry} = ).*$", r"\1'another'", other)
    assert {d.at.split(".")[-1] for d in toml_deviations(of.content, changed.encode())} == {entry}


@given(of=st.sampled_from(SYSCTL + ENV), by=chance)
def test_settings_of_others_and_order_change_nothing(of: File, by: random.Random) -> None:
    bare = [line for line in of.content.decode().splitlines() if line and line[0] not in "#;"]
    other = [*bare, "x.y = 1", "; why", ""]
    by.shuffle(other)
    if of in SYSCTL:
        other = [by.choice([line, "-" + line.replace(" = ", "=")]) for line in other]
    assert file.deviations(of, "\n".join(other).encode()) == []
    gone = by.choice(bare)
    left = "\n".join(line for line in bare if line != gone)
    assert [d.at for d in file.deviations(of, left.encode())] == [re.split(" ?=", gone)[0]]


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
