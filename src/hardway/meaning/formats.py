"""What files mean, by their paths: one notion for restarts, for the plan and for verify.

Each format reads a text into what a process makes of it: texts with the same meaning are read
into the same. A digest of that is part of what a running process carries (docs/adr/0003), and a
file whose text differs while its meaning does not is written again and restarts nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from hardway.meaning import document, pem, settings, unit
from hardway.meaning.base import ABSENT, Comparator, Deviation
from hardway.meaning.comments import without_comments
from hardway.meaning.contexts import current
from hardway.model.resources import hexdigest
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Format:
    """How files of a kind are read and compared."""

    read: Callable[[bytes], Any]
    """Returns what a process makes of a text; ValueError where it is none of this format."""
    deviations: Comparator
    """Names the wanted entries that are missing or otherwise."""


def _whole(wanted: bytes, found: bytes) -> list[Deviation]:
    ours, theirs = (hexdigest(without_comments(text))[:12] for text in (wanted, found))
    return [] if ours == theirs else [Deviation(text("the file"), ours, theirs)]


def _kubeconfig(text: bytes) -> Mapping[str, Any]:
    # By path and embedded are not the same here: only what has a path is read again (ADR 25).
    return dict(zip(("cluster", "user"), current(document.load_yaml(text)), strict=True))


LINES = Format(without_comments, _whole)
"""What has no format of its own: a line that starts with `#` is a comment."""
UNIT = Format(lambda text: unit.parse(text.decode()),
              lambda ours, theirs: unit.deviations(ours.decode(), theirs.decode()))  # fmt: skip
YAML = Format(document.load_all, document.yaml_deviations)
FORMATS = (
    ("/etc/systemd/system/*", UNIT),
    ("*.yaml", YAML),
    ("*.json", YAML),
    ("*.conflist", YAML),
    ("*.kubeconfig", Format(_kubeconfig, document.comparator(_kubeconfig))),
    ("*.toml", Format(document.load_toml, document.toml_deviations)),
    ("*.env", Format(settings.environment, settings.environment_deviations)),
    ("/etc/sysctl.d/*", Format(settings.sysctls, settings.sysctl_deviations)),
    *((f"*.{end}", Format(pem.blocks, _whole)) for end in ("crt", "key", "pub")),
)
"""By patterns of paths; the first that fits."""


def of(path: str) -> Format:
    """Return the format of the file at a path."""
    return next((row for pattern, row in FORMATS if fnmatchcase(path, pattern)), LINES)


@lru_cache(4096)  # Machines of a role have many files in common.
def meaning(path: str, content: bytes) -> str:
    """Return the digest of what a process acts on; texts that mean the same have the same one."""
    read = LINES.read(content)
    with suppress(ValueError):
        read = of(path).read(content)
    return hexdigest(json.dumps(_form(read)).encode())


def _form(value: Any) -> Any:
    """Return a value in the one form that all with its meaning have (see `document.subset`)."""
    match value:
        case Mapping() if value:
            return sorted(([_form(key), _form(entry)] for key, entry in value.items()), key=repr)
        case tuple():
            return list(map(_form, value))
        case list():
            forms = list(map(_form, value))
            return forms if any(isinstance(one, Mapping | list) for one in value) else sorted(forms)
    # Programs written in Go take `a: {}` and `a:` for the same.
    return f"{type(value).__name__} {value!r}" if value != {} else _form(None)


def differences(path: str, wanted: bytes, found: bytes) -> list[Deviation]:
    """Return all that a file means otherwise than the wanted one, additional entries too."""
    if meaning(path, wanted) == meaning(path, found):
        return []
    compare = of(path).deviations
    named = [*compare(wanted, found), *_additional(compare, wanted, found)]
    return list(dict.fromkeys(named)) or _whole(wanted, found)


def _additional(compare: Comparator, wanted: bytes, found: bytes) -> Iterator[Deviation]:
    with suppress(ValueError):
        for entry in compare(found, wanted):
            if entry.found == ABSENT:
                yield Deviation(entry.at, ABSENT, entry.expected)
