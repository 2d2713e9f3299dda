"""Configuration files, each entry under the reason for it."""

import textwrap
from collections.abc import Mapping, Sequence
from functools import cache

import yaml

from hardway.model.resources import File, Manifest
from hardway.model.rows import Row, Section, Setting

WIDTH = 100


@cache  # Machines of a role have the same reasons.
def comment(text: str, *, indent: str = "") -> str:
    """Return a text as lines that start with `#`."""
    lines = textwrap.wrap(text, WIDTH - len(indent) - 2)
    return "".join(f"{indent}# {line}\n" for line in lines)


def reason(row: Row, *, indent: str = "") -> str:
    """Return a row's reason as a comment; empty for a quiet row."""
    return "" if row.quiet else comment(row.why, indent=indent)


def yaml_file(path: str, header: str, settings: Sequence[Setting], *, why: str) -> File:
    """Return a YAML file of the settings."""
    text = yaml_text(header, settings)
    return File(path=path, content=text, rows=tuple(settings), why=why)


def yaml_text(header: str, settings: Sequence[Setting]) -> bytes:
    """Return a YAML mapping of the settings in their order, each under its reason."""
    parts = [reason(row) + dump({row.name: row.value}) for row in settings]
    return (comment(header) + "".join(parts)).encode()


def dump(value: Mapping[str, object]) -> str:
    """Return a mapping as YAML in the order it has."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, sort_keys=False, default_flow_style=False)
    return text


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Readable.add_representer(str, _text)


def object_text(manifest: Manifest) -> str:
    """Return an object of the API as YAML."""
    text: str = yaml.dump(manifest, Dumper=_Readable, sort_keys=False)
    return text


def key_values(header: str, settings: Sequence[Setting], *, between: str = " = ") -> bytes:
    """Return `name = value` lines, each under its reason (sysctl.d and environment files)."""
    parts = [f"{reason(row)}{row.name}{between}{row.value}\n" for row in settings]
    return (comment(header) + "".join(parts)).encode()


def toml_text(header: str, rows: Sequence[Row]) -> bytes:
    """Return TOML: settings first, then tables by their full names."""
    parts = [comment(header)]
    for row in rows:
        if isinstance(row, Section):
            lines = [reason(entry, indent="  ") + f"  {_toml(entry)}" for entry in row.rows
                     if isinstance(entry, Setting)]  # fmt: skip
            parts += ["\n", reason(row), f"[{row.name}]\n", *lines]
        elif isinstance(row, Setting):
            parts += [reason(row), _toml(row)]
    return "".join(parts).encode()


def _toml(row: Setting) -> str:
    match row.value:
        case bool(value):
            text = str(value).lower()
        case list(values):
            text = "[" + ", ".join(f"'{value}'" for value in values) + "]"
        case int(value):
            text = str(value)
        case value:
            text = f"'{value}'"
    return f"{row.name} = {text}\n"


def braces(rows: Sequence[Row], *, indent: str = "") -> str:
    """Return `name value` lines, sections in braces (keepalived, nft)."""
    parts = []
    for row in rows:
        parts.append(reason(row, indent=indent))
        if isinstance(row, Section):
            inner = braces(row.rows, indent=f"{indent}    ")
            parts.append(f"{indent}{row.name} {{\n{inner}{indent}}}\n")
        elif isinstance(row, Setting):
            parts.append(f"{indent}{_words(row)}\n")
    return "".join(parts)


def indented(rows: Sequence[Section]) -> str:
    """Return sections whose entries are indented below their names (haproxy)."""
    parts = []
    for section in rows:
        lines = [reason(row, indent="    ") + f"    {_words(row)}\n" for row in section.rows
                 if isinstance(row, Setting)]  # fmt: skip
        parts.append("\n" + reason(section) + f"{section.name}\n" + "".join(lines))
    return "".join(parts)


def _words(row: Setting) -> str:
    return f"{row.name} {row.value}".rstrip()
