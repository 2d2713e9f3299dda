"""Rendered files as a person might have written them: with the same meaning, and with another."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import yaml

from hardway.meaning import unit
from hardway.meaning.document import load_yaml
from hardway.model.resources import File
from hardway.model.rows import Section, Setting

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


def with_flags(said: list[tuple[str, str]], all_lines: list[Line], by: random.Random) -> list[Line]:
    """The lines with the flags in their command, in another order."""
    start = next(line for line in all_lines if line[1] == "ExecStart")
    whole = (*start[:2], command(start[2], said, by))
    return mixed(
        [whole if line == start else line for line in all_lines], by, lambda line: line[:2]
    )


def written(said: list[tuple[str, str]], all_lines: list[Line], by: random.Random) -> list[str]:
    """A unit and its drop-ins with these flags and lines."""
    rewritten = with_flags(said, all_lines, by)
    dropped = {line[1] for line in rewritten if by.random() < 0.2} - unit.DEPENDENCIES
    main, later = [], []
    for section, name, value in rewritten:
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


def shuffled(value: Any, by: random.Random, *, more: bool = False) -> Any:
    """The same content in another order, and with entries of others where there may be more."""
    if isinstance(value, dict):
        items = [(key, shuffled(entry, by, more=more)) for key, entry in value.items()]
        by.shuffle(items)
        return dict(items) | ({"ours": True} if more and by.random() < 0.5 else {})
    if isinstance(value, list):
        items = [shuffled(entry, by, more=more) for entry in value]
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


def toml(of: File, by: random.Random) -> str:
    """The same tables in another order."""
    bare = re.sub(r"(?m)^ *#.*\n", "", of.content.decode())
    top, *tables = re.split(r"(?m)^(?=\[)", bare)
    by.shuffle(tables)
    return top + "".join(tables).replace("'", '"' if "\\" not in bare else "'")


def bare_lines(of: File) -> list[str]:
    return [line for line in of.content.decode().splitlines() if line and line[0] not in "#;"]


def same(of: File, by: random.Random) -> bytes:
    """The file written otherwise, by its format."""
    match of.path.rpartition(".")[2]:
        case "service":
            return text(with_flags(said_by(of), lines(of), by), by).encode()
        case "yaml" | "json" | "conflist":
            return dumped(shuffled(load_yaml(of.content), by), by)
        case "kubeconfig":
            return dumped(shuffled(_renamed(load_yaml(of.content), f"-{by.random()}"), by), by)
        case "toml":
            return toml(of, by).encode()
        case "env":
            return "\n".join(by.sample(bare_lines(of), len(bare_lines(of)))).encode()
        case _:
            return by.choice([b"# a reason\n", b"  # a reason\n"]) + of.content


def _renamed(kubeconfig: Any, end: str) -> Any:
    """A kubeconfig whose cluster, user and context are called otherwise."""
    for entry in (*kubeconfig["clusters"], *kubeconfig["users"], *kubeconfig["contexts"]):
        entry["name"] += end
    for entry in kubeconfig["contexts"]:
        entry["context"] = {key: name + end for key, name in entry["context"].items()}
    kubeconfig["current-context"] += end
    return kubeconfig


def other(of: File, by: random.Random) -> bytes:
    """The file written otherwise, and with one entry that means something else."""
    match of.path.rpartition(".")[2]:
        case "service":
            said = [*said_by(of), ("--another", "1")]
            return text(with_flags(said, lines(of), by), by).encode()
        case "yaml" | "json" | "conflist":
            content = load_yaml(of.content)
            _, holder, key = by.choice(list(leaves(content)))
            holder[key] = f"{holder[key]}!"
            return dumped(shuffled(content, by), by)
        case "kubeconfig":
            content = _renamed(load_yaml(of.content), "-other")
            content["clusters"][0]["cluster"] |= {"insecure-skip-tls-verify": True}
            return dumped(content, by)
        case "toml":
            return f"{toml(of, by)}\n[another]\na = 1\n".encode()
        case "env":
            return b"ANOTHER=1\n" + same(of, by)
        case _:
            return same(of, by) + b"another = 1\n"
