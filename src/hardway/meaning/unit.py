"""systemd units: their settings by systemd's own rules, whatever the files look like.

Comments, order, quoting, continued lines, repeated settings, resets by an empty assignment and
drop-ins are read as systemd reads them (systemd.syntax(7), systemd.unit(5)).
"""

import re
from collections.abc import Iterator, Mapping

from hardway.meaning.base import Deviation, shown
from hardway.meaning.commands import flags, words

DIGEST = "HARDWAY_DIGEST"
"""The variable with the digest of what a process was started with (docs/adr/0003)."""
MARKS = "/run/hardway"
"""Where units note until the next boot what no process can be asked about: oneshot units their
digest, others what they last read of the files that they can be told to read again."""
DEPENDENCIES = frozenset({"After", "BindsTo", "Before", "Conflicts", "OnFailure", "PartOf",
                          "Requires", "Requisite", "Wants"})  # fmt: skip
"""Sets of units, to which a drop-in can only add."""
SETS = frozenset({
    "Alias", "AmbientCapabilities", "CapabilityBoundingSet", "InaccessiblePaths", "ReadOnlyPaths",
    "ReadWritePaths", "RequiredBy", "RestrictAddressFamilies", "SupplementaryGroups",
    "SystemCallArchitectures", "SystemCallFilter", "WantedBy",
})  # fmt: skip
"""Sets of words; an empty assignment begins them anew."""
SEQUENCES = frozenset({"EnvironmentFile", "OnActiveSec", "OnBootSec", "OnCalendar",
                       "OnUnitActiveSec", "OnUnitInactiveSec"})  # fmt: skip
"""Repeated settings whose order counts."""
PROSE = frozenset({"Description", "Documentation"})
"""Settings that no process acts on."""
RESET = "CapabilityBoundingSet"
"""The one set of which empty is not the same as absent: no capability, or all of them."""
BOOLEAN = re.compile(r"(Private|Protect|Restrict|Lock|NoNew|RemainAfterExit|Delegate|Persistent)")
WORDS = {"yes": "yes", "true": "yes", "on": "yes", "no": "no", "false": "no", "off": "no"}
NUMBERS = {"1": "yes", "0": "no"}
SECONDS = {"us": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0,
           "h": 3600.0, "d": 86400.0, "w": 604800.0}  # fmt: skip
TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")

Meaning = Mapping[str, tuple[str, ...]]
"""Values by entry: `[Service] User`, `[Service] ExecStart --config`."""


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, name and value of each line of a unit file."""
    section, held = "", ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            # Also within a continued line.
            continue
        if (len(line) - len(line.rstrip("\\"))) % 2:
            held += line[:-1] + " "
            continue
        whole, held = (held + line).strip(), ""
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif "=" in whole:
            name, _, value = whole.partition("=")
            yield section, name.strip(), value.strip()


def parse(*files: str) -> Meaning:
    """Return what a unit file and its drop-ins, in the order in which systemd reads them, mean."""
    raw: dict[tuple[str, str], list[str]] = {}
    for text in files:
        for section, name, value in settings(text):
            values = raw.setdefault((section, name), [])
            if not value and name not in DEPENDENCIES:
                values.clear()
            if value or name == RESET:
                values.append(value)
    found: dict[str, tuple[str, ...]] = {}
    for (section, name), values in raw.items():
        if values and name not in PROSE:
            found |= _entries(f"[{section}] {name}", name, values)
    return found


def _entries(at: str, name: str, values: list[str]) -> dict[str, tuple[str, ...]]:
    if name.startswith("Exec"):
        commands = [value for value in values if f"{MARKS}/" not in value]
        numbered = enumerate(map(words, commands), start=1)
        return {
            entry: said
            for number, argv in numbered
            for entry, said in _command(at + (f"[{number}]" if number > 1 else ""), argv)
        }
    if name == "Environment":
        pairs = [word.partition("=") for value in values for word in words(value)]
        return {f"{at} {key}": (value,) for key, _, value in pairs if key != DIGEST}
    if name in DEPENDENCIES | SETS:
        return {at: tuple(sorted({word for value in values for word in value.split()}))}
    if name in SEQUENCES:
        return {at: tuple(_plain(name, value) for value in values)}
    return {at: (_plain(name, values[-1]),)}


def _command(at: str, argv: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    plain, said = flags(argv)
    yield at, plain
    for flag, values in said.items():
        yield f"{at} {flag}", values


def _plain(name: str, value: str) -> str:
    """Return a value in the one form that all with its meaning have."""
    if name.endswith("Sec"):
        return _seconds(value)
    if BOOLEAN.match(name) and value in NUMBERS:
        return NUMBERS[value]
    return WORDS.get(value.lower(), value)


def _seconds(value: str) -> str:
    parts = TIME.findall(value)
    whole = "".join(number + unit for number, unit in parts) == "".join(value.split())
    if parts and whole and all(unit in SECONDS for _, unit in parts):
        return f"{sum(float(number) * SECONDS[unit] for number, unit in parts):g}s"
    return value


def deviations(wanted: str, *found: str) -> list[Deviation]:
    """Return how a unit file with its drop-ins deviates from the wanted one."""
    ours, theirs = parse(wanted), parse(*found)
    return [
        Deviation(at, shown(ours.get(at)), shown(theirs.get(at)))
        for at in dict.fromkeys((*ours, *theirs))
        if ours.get(at) != theirs.get(at)
    ]
