"""What a machine answers to the audit's questions that runs just what is rendered."""

import json

from hardway.audit import Rule
from hardway.audit.evidence import Entries, Files, Flags
from hardway.model.resources import Desired
from hardway.model.rows import Row, Section, Setting
from hardway.render.systemd import UNITS


def rows_of(desired: Desired, path: str) -> tuple[Row, ...]:
    return next(file.rows for file in desired.files if file.path == path)


def answered(rule: Rule, desired: Desired) -> str:
    """Return what a machine with that says to the rule's question."""
    match rule.evidence:
        case Flags(unit):
            rows = rows_of(desired, f"{UNITS}/{unit}")
            flags = [row for section in rows if isinstance(section, Section)
                     and section.name == "ExecStart" for row in section.rows]  # fmt: skip
            words = [f"{flag.name}={flag.value}" for flag in flags if isinstance(flag, Setting)]
            return "\n".join(("/usr/local/bin/it", *words))
        case Entries(document):
            rows = rows_of(desired, document.path)
            entries = {row.name: row.value for row in rows if isinstance(row, Setting)}
            return json.dumps({document.root: entries} if document.root else entries)
        case Files() as files:
            found = (*desired.files, *desired.folders)
            named = [f for f in found if f.path in files.rendered(desired, ())]
            return "".join(f"{f.mode:o} {f.owner}:{f.owner} {f.path}\n" for f in named)
    raise AssertionError(rule.evidence)
