"""Configuration files whose every entry says why it is there."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of a configuration file, or one flag of a command."""

    name: str
    value: object
    why: str


def comment(text: str, *, indent: str = "") -> str:
    """Return a text as lines that start with `#`."""
    lines = textwrap.wrap(text, WIDTH - len(indent) - 2)
    return "".join(f"{indent}# {line}\n" for line in lines)


def yaml_text(header: str, settings: Sequence[Setting]) -> bytes:
    """Return a YAML mapping of the settings in their order, each under its reason."""
    parts = [comment(header)]
    for setting in settings:
        if setting.why:
            parts.append(comment(setting.why))
        parts.append(dump({setting.name: setting.value}))
    return "".join(parts).encode()


def dump(value: Mapping[str, object]) -> str:
    """Return a mapping as YAML in the order it has."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, sort_keys=False, default_flow_style=False)
    return text


def key_values(header: str, settings: Sequence[Setting], *, between: str = " = ") -> bytes:
    """Return `name = value` lines, each under its reason (sysctl.d and environment files)."""
    parts = [comment(header)]
    for setting in settings:
        parts.append(comment(setting.why) if setting.why else "")
        parts.append(f"{setting.name}{between}{setting.value}\n")
    return "".join(parts).encode()
