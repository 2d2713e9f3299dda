"""One account in one region: its laws, what moto holds for it, and what the rules remember."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.aws.laws import Laws
from tests.aws.wire import Answer, Call
from tests.aws.world import World


@dataclass(slots=True)
class Hooks:
    """Where a lab says how things really are; without one, looks decide."""

    boots: Callable[[str], bool] | None = None
    """Whether an instance's machine answers."""
    ended: Callable[[str], bool] | None = None
    """Whether nothing of an instance's machine runs any more."""
    healthy: Callable[[str, int], bool] | None = None
    """Whether the target at an address and port passes its health check."""
    console: Callable[[str], bytes] | None = None
    """What an instance wrote on its console."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that the same call must get again."""

    parameters: Mapping[str, str]
    answer: Answer
    ids: frozenset[str]
    """What the call made."""


@dataclass(slots=True)
class Account:
    """What rules look at and remember."""

    laws: Laws
    world: World
    hooks: Hooks = field(default_factory=Hooks)
    looks: dict[str, int] = field(default_factory=dict)
    """For how many more looks a thing stays as it is."""
    unknown: dict[str, int] = field(default_factory=dict)
    """For how many more calls a new id is not found."""
    answered: dict[tuple[str, str], Answered] = field(default_factory=dict)
    """By action and token or name."""
    known: frozenset[str] = frozenset()
    """Ids there were before the call in hand."""
    addresses: int = 0
    """Public addresses given out so far."""
    problems: list[str] = field(default_factory=list)
    """What no test may leave: moto's failures, and calls it answers wrongly."""

    def settled(self, name: str) -> bool:
        """Look at a thing; say whether its time is over."""
        left = self.looks.get(name, 0)
        if left > 0:
            self.looks[name] = left - 1
        return left <= 0

    def public_address(self) -> str:
        """Return the next public address, of a range that leads nowhere (TEST-NET-2)."""
        self.addresses += 1
        return f"198.51.100.{self.addresses % 254 + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One behaviour of AWS that moto lacks."""

    actions: tuple[str, ...]
    """Calls it concerns, as `service:Action`; `*` stands for any ending."""
    why: str
    before: Callable[[Account, Call], Call | Answer | None] = lambda account, call: None
    """May refuse (by raising), answer, or change the call before moto gets it."""
    after: Callable[[Account, Call, Answer], Answer | None] = lambda account, call, answer: None
    """May change what a successful call left, or its answer."""

    def concerns(self, call: Call) -> bool:
        """Return whether a call is one of this rule's."""
        name = f"{call.service}:{call.action}"
        return any(name == a or (a.endswith("*") and name.startswith(a[:-1])) for a in self.actions)
