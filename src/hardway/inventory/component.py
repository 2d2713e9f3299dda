"""A component that others run, beside hardway's: flag by flag, and setting by setting."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hardway.atlas.atlas import Atlas
from hardway.atlas.entries import Entry
from hardway.atlas.material import Material
from hardway.inventory import rules
from hardway.inventory.judged import Judged, Severity
from hardway.inventory.look import Process
from hardway.inventory.wanted import said
from hardway.meaning.base import ABSENT
from hardway.meaning.document import at as held
from hardway.meaning.document import mapping, subset
from hardway.model.resources import File
from hardway.render.systemd import UNITS
from hardway.steps import encryption
from hardway.text import text

KUBECONFIG = ".kubeconfig"
NAMING = frozenset({"--config", "--kubeconfig"})
"""Flags that name a file in which hardway's flags may stand too."""
IN_CONFIG = {
    "--kubeconfig": ("clientConnection", "kubeconfig"),
    "--leader-elect": ("leaderElection", "leaderElect"),
}
"""Flags of hardway's that may stand in a configuration file."""
DEFAULT = text("{value} (the default)", value="")
"""Of a value that is not said."""
DURATION = re.compile(r"(\d+)(h|m|s|ms)")
NOTHING = text("none")
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, slots=True)
class Named:
    """A file that an entry of hardway's names, and the path that the same entry has there."""

    component: str
    at: str
    """The entry."""
    why: str
    material: Material | None
    """What hardway's file is: a certificate, a key, a CA; None of a kubeconfig."""
    path: str
    """Hardway's."""
    theirs: str
    """Empty where they have no such entry."""


@dataclass(frozen=True, slots=True)
class Component:
    """A component on one machine, as it runs and as hardway would run it."""

    atlas: Atlas = field(repr=False)
    machine: str
    process: Process
    flags: Mapping[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """The program's name."""
        return self.process.name

    def judged(self, at: str, expected: str, found: str, why: str, **more: Any) -> Judged:
        """Return a judgement of an entry: unsafe where a rule says so, else that it differs."""
        severity = Severity.SAME if expected == found else Severity.DIFFERS
        return Judged(machine=self.machine, component=self.name, at=at, expected=expected,
                      found=found, **({"severity": severity, "why": why} | more))  # fmt: skip


def of(atlas: Atlas, machine: str, process: Process) -> Component:
    """Return a component with the flags that it runs with, and what stands in their place."""
    given = dict(said(process))
    for path in given.get("--config", ()):
        config = mapping(process.read(path))
        for flag, place in IN_CONFIG.items():
            if (value := held(config, *place)) is not None:
                given.setdefault(flag, (_shown(value),))
    return Component(atlas, machine, process, given)


def entries(component: Component) -> list[Entry]:
    """Return the entries of hardway's unit of a component; none where it would have none."""
    path = f"{UNITS}/{component.name}.service"
    own = [e for e in component.atlas.entries if e.file.path == path]
    here = [e for e in own if e.machine == component.machine]
    # kubeadm's control planes are nodes too: hardway's are not, and a worker's unit is compared.
    return here or [e for e in own if e.machine == own[0].machine]


def judge(component: Component) -> tuple[list[Judged], list[Named]]:
    """Return what is to be said of a component, and the files to be looked at by what they are."""
    found: list[Judged] = []
    named: list[Named] = []
    ours: dict[str, list[Entry]] = {}
    for entry in entries(component):
        if entry.is_flag:
            ours.setdefault(entry.name, []).append(entry)
        elif entry.sections == ("Service",) and entry.name == "User":
            found.append(component.judged("user", str(entry.row.value), component.process.user,
                                          entry.row.why))  # fmt: skip
    for name, group in ours.items():
        one, other = _flag(component, name, group)
        found += one
        named += other
    return [*found, *_beyond(component, frozenset(ours))], named


def _flag(component: Component, name: str, group: list[Entry]) -> tuple[list[Judged], list[Named]]:
    entry, theirs = group[0], component.flags.get(name)
    value = str(entry.row.value)
    if rules.FOLLOWS.get(name, name) not in {name, *component.flags}:
        return [], []
    material = component.atlas.materials[entry.machine].get(value)
    if material or value.endswith(KUBECONFIG):
        path = theirs[0] if theirs else ""
        return [], [Named(component.name, name, entry.row.why, material, value, path)]
    if file := _file(component.atlas, entry.machine, value):
        if theirs:
            return _config(component, file, theirs[0])
        return [component.judged(name, value, ABSENT, entry.row.why)], []
    wanted = tuple(str(each.row.value) for each in group)
    default = rules.DEFAULTS.get((component.name, name))
    there = theirs or ((default,) if default else None)
    shown = ABSENT if there is None else ",".join(there) if theirs else _default(",".join(there))
    paths = bool(theirs) and value.startswith("/") and shown.startswith("/")
    free = rules.CHOICES | (rules.VALUES if theirs else frozenset())
    key = (component.name, name)
    same = key in free or paths or (there is not None and _mean_same(key, wanted, there))
    severity = Severity.SAME if same else Severity.DIFFERS
    return [component.judged(name, ",".join(wanted), shown, entry.row.why, severity=severity)], []


def _default(value: str) -> str:
    return text(DEFAULT.template, value=value)


def _mean_same(key: tuple[str, str], wanted: tuple[str, ...], there: tuple[str, ...]) -> bool:
    ours, theirs = plain(wanted), plain(there)
    return {*ours} <= {*theirs} if key in rules.ADDED else ours == theirs


def plain(values: tuple[str, ...]) -> list[str]:
    """Return values without what does not count: the order of a list, the form of a time."""
    words = sorted(word for value in values for word in value.split(","))
    return [_seconds(word) for word in words]


def _seconds(word: str) -> str:
    if re.fullmatch(rf"({DURATION.pattern})+", word):
        parts = DURATION.findall(word)
        return f"{sum(int(number) * SECONDS[unit] for number, unit in parts):g}s"
    return word


def _file(atlas: Atlas, machine: str, path: str) -> File | None:
    try:
        return atlas.file(machine, path)
    except KeyError:
        return None


def _config(component: Component, file: File, path: str) -> tuple[list[Judged], list[Named]]:
    """Compare a configuration file setting by setting."""
    content = component.process.read(path)
    if not content:
        return [component.judged(path, file.path, text("nothing that can be read"), file.why)], []
    if file.path in rules.OWN_CONTENT:
        return [component.judged(path, text("a file"), text("a file"), file.why, where=path)], []
    if file.path == encryption.PATH:
        return [_encryption(component, mapping(content), path, file.why)], []
    found: list[Judged] = []
    named: list[Named] = []
    theirs = mapping(content)
    for entry in (e for e in component.atlas.entries if e.file is file):
        if entry.name in {"apiVersion", "kind"}:
            continue
        for at, value in _leaves(entry.name, entry.row.value):
            there = held(theirs, *at.split("."))
            material = component.atlas.materials[entry.machine].get(str(value))
            if material or str(value).endswith(KUBECONFIG):
                named.append(Named(component.name, at, entry.row.why, material, str(value),
                                   str(there or "")))  # fmt: skip
            else:
                judged = _setting(component, at, value, there)
                found.append(replace(judged, why=entry.row.why, where=path))
    return found, named


def _leaves(at: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{at}.{key}", inner)
    else:
        yield at, value


def _setting(component: Component, at: str, value: object, there: Any) -> Judged:
    default = rules.DEFAULTS.get((component.name, at))
    if there is None or there == "":
        found = _default(default) if default else ABSENT
        same = default == _shown(value)
    else:
        found = _shown(there)
        same = not any(True for _ in subset(value, there))
    same = same or (component.name, at) in rules.CHOICES
    severity = Severity.SAME if same else Severity.DIFFERS
    return component.judged(at, _shown(value), found, "", severity=severity)


def _shown(value: object) -> str:
    if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
        return ",".join(map(str, value)) or text("none")
    return str(value).lower() if isinstance(value, bool) else str(value)


ALL_SECRETS = frozenset({"secrets", "*.*", "*."})
"""How a file of encryption at rest calls Secrets."""


def _encryption(component: Component, theirs: dict[str, Any], path: str, why: str) -> Judged:
    """Judge by the provider that writes: what it writes is what lies in etcd."""
    said = theirs.get("resources")
    groups = said if isinstance(said, list) else []
    covers = (
        group
        for group in groups
        if any(name in ALL_SECRETS for name in held(group, "resources") or ())
    )
    provider = held(next(covers, None), "providers", 0)
    first = next(iter(provider), NOTHING) if isinstance(provider, dict) else NOTHING
    at = text("what encrypts Secrets")
    if first in {"secretbox", "kms"}:
        return component.judged(at, first, first, why, where=path)
    if first in {"identity", NOTHING}:
        return component.judged(at, "secretbox", first, why, where=path, severity=Severity.UNSAFE)
    more = text("secretbox is authenticated; aescbc is not, and aesgcm is unsafe with many "
                "writes.")  # fmt: skip
    return component.judged(at, "secretbox", first, more, where=path)


def _beyond(component: Component, ours: frozenset[str]) -> Iterator[Judged]:
    """Yield the flags that hardway does not set."""
    for name, values in component.flags.items():
        key = (component.name, name)
        if name in {*ours, *NAMING} or key in rules.CHOICES:
            continue
        if plain((rules.DEFAULTS.get(key, ""),)) == plain(values):
            continue
        why = rules.BEYOND.get(name, rules.BEYOND_WHY)
        yield component.judged(name, ABSENT, ",".join(values), why)


def with_rules(component: Component, found: list[Judged]) -> list[Judged]:
    """Return a component's judgements with those that a rule calls unsafe as such."""
    by_entry = {one.at: one for one in found}
    for rule in rules.UNSAFE:
        one = by_entry.get(rule.entry)
        if rule.component != component.name or (one is None and _unasked(component, rule)):
            continue
        if rule.when(_values(component, rule, one)):
            one = one or component.judged(rule.entry, ABSENT, _joined(component, rule), "")
            by_entry[rule.entry] = replace(one, severity=Severity.UNSAFE, why=rule.why)
    return list(by_entry.values())


def _unasked(component: Component, rule: rules.Unsafe) -> bool:
    """Return whether nothing is said of an entry, here and by hardway."""
    return rule.entry not in component.flags


def _values(component: Component, rule: rules.Unsafe, one: Judged | None) -> rules.Values:
    if rule.entry.startswith("--"):
        return component.flags.get(rule.entry)
    return None if one is None or one.found == ABSENT else (one.found.removesuffix(DEFAULT),)


def _joined(component: Component, rule: rules.Unsafe) -> str:
    return ",".join(component.flags.get(rule.entry, ())) or ABSENT
