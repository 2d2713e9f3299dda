"""Which flags and feature gates a binary knows: it says so itself."""

import difflib
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hardway.components.stored import Stored
from hardway.errors import RefusedError
from hardway.model.options import Extra
from hardway.text import joined, text

FLAGS = re.compile(r"^\s+(?:-\w, )?--([a-z0-9][\w-]*)", re.MULTILINE)
GATES = re.compile(r"(?:^|\s|\|)(?:\w+:)?([A-Z]\w+)=true\|false", re.MULTILINE)


def refuse_unknown(extras: Mapping[str, Extra], files: Mapping[str, Stored]) -> None:
    """Compare what is wanted of components with their `--help`, where this host has them.

    Raises:
        RefusedError: naming each flag and feature gate that one does not know.
    """
    lines = [
        line
        for component, extra in extras.items()
        if component in files and files[component].path.exists()
        for line in _unknown(component, extra, files[component])
    ]
    if lines:
        raise RefusedError(joined("\n", lines), hint="see hardway.yaml, `components`")


def _unknown(component: str, extra: Extra, file: Stored) -> Iterator[str]:
    printed = _help(file.path)
    what = {"component": component, "version": file.version}
    for name, near in _missing(extra.flags, FLAGS.findall(printed)):
        yield _guessed(text("{component} {version} has no flag {name}", name=name, **what), near)
    for name, near in _missing(extra.gates, GATES.findall(printed)):
        no_gate = text("{component} {version} has no feature gate {name}", name=name, **what)
        yield _guessed(no_gate, near)


def _missing(wanted: Iterable[str], known: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what a binary does not know, each with the nearest of what it does, if any is near."""
    for name in wanted:
        if name not in known:
            yield name, next(iter(difflib.get_close_matches(name, known, n=1)), "")


def _guessed(missing: str, near: str) -> str:
    return text("{missing}; did you mean {near}?", missing=missing, near=near) if near else missing


def _help(binary: Path) -> str:
    done = subprocess.run(
        [binary, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout
