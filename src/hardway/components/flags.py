"""Which flags and feature gates a binary knows: it says so itself."""

import difflib
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hardway.components.stored import Stored
from hardway.errors import RefusedError
from hardway.model.options import Extra

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
        raise RefusedError("\n".join(lines), hint="see hardway.yaml, `components`")


def _unknown(component: str, extra: Extra, file: Stored) -> Iterator[str]:
    text = _help(file.path)
    label = f"{component} {file.version}"
    yield from _missing(extra.flags, FLAGS.findall(text), f"flag of {label}")
    yield from _missing(extra.gates, GATES.findall(text), f"feature gate of {label}")


def _missing(wanted: Iterable[str], known: list[str], what: str) -> Iterator[str]:
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield f"{name} is no {what}" + (f"; did you mean {close[0]}?" if close else "")


def _help(binary: Path) -> str:
    done = subprocess.run(
        [binary, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout
