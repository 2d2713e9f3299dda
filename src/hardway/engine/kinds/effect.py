"""What files cause on a running machine: routes, rules, kernel settings, users, images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hardway.engine.kinds.base import Difference, ItemKind, Question, Sections, Stale, section
from hardway.engine.kinds.file import text_diff
from hardway.meaning import settings
from hardway.meaning.base import Comparator, Deviation
from hardway.model.resources import Effect, Kind, Observed
from hardway.steps.machines import KERNEL_SETTINGS
from hardway.steps.network import ROUTES

EFFECT_SECTION = "effect "
"""And the name: how the sections are called."""


def _question(effect: Effect) -> Question:
    def lines(_names: Sequence[str]) -> str:
        # A section begins a line, wherever the one before it ends.
        return f"{section(EFFECT_SECTION + effect.name)}\n(\n{effect.see}\n)\necho"

    return lines


def _read(sections: Sections, seen: Observed) -> Observed:
    effects = {
        name.removeprefix(EFFECT_SECTION): "\n".join(lines).strip() + "\n"
        for name, lines in sections.items()
        if name.startswith(EFFECT_SECTION)
    }
    return replace(seen, effects=effects)


FORMATS: Mapping[str, Comparator] = {
    KERNEL_SETTINGS: settings.sysctl_deviations,
    ROUTES: settings.route_deviations,
}
"""What compares effects by meaning, by their names; others are compared word by word."""


def deviations(effect: Effect, seen: bytes) -> list[Deviation]:
    """Return how an effect that others brought about deviates in meaning from the wanted one."""
    wanted = effect.value.encode()
    if compare := FORMATS.get(effect.name):
        return compare(wanted, seen)
    same = seen.split() == wanted.split()
    return [] if same else [Deviation(effect.name, effect.value.strip(), seen.decode().strip())]


def _differs(effect: Effect, observed: Observed, _stale: Stale) -> Iterator[Difference]:
    seen = observed.effects.get(effect.name, "")
    # Programs of other versions indent and wrap otherwise.
    if effect.fix and seen.split() != effect.value.split():
        lines = text_diff(effect.name, seen.encode(), effect.value.encode())
        yield Kind.SET, effect.name, "\n".join(lines)


EFFECT = ItemKind(
    type=Effect,
    asks=lambda effect: [(_question(effect), effect.name)],
    read=_read,
    differs=_differs,
    by_hand=lambda effects: list(dict.fromkeys(effect.fix for effect in effects if effect.fix)),
)
