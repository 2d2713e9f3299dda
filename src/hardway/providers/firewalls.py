"""Firewalls as `nft list ruleset` prints them: chains that drop what no rule lets through."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LIST = "nft --stateless list ruleset"
DROPS = re.compile(r"(counter )?(log .*)?(drop|reject)\b")
"""A rule without a condition: nothing passes it. firewalld's chains end so, under `accept`."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A base chain that ends in a drop."""

    table: str
    """Family and name, e.g. `inet filter`."""
    name: str
    hook: str
    rules: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table} {self.name}"

    def mentions(self, *words: str) -> bool:
        """Return whether a rule names one of these, so that somebody has thought of it."""
        return any(word in rule for rule in self.rules for word in words)

    def accept(self, match: str) -> str:
        """Return the command that lets something through."""
        return f"nft insert rule {self} {match} accept"


def dropping(ruleset: Iterable[str], *hooks: str) -> Iterator[Chain]:
    """Yield the chains at some hooks that drop by policy or by their last rule."""
    table, name, hook, policy = "", "", "", ""
    rules: list[str] = []
    for line in map(str.strip, ruleset):
        if line.startswith("table "):
            table = line.removeprefix("table ").removesuffix(" {")
        elif line.startswith("chain "):
            name, hook, rules = line.split()[1], "", []
        elif found := re.match(r"type \w+ hook (\w+) .*policy (\w+);", line):
            hook, policy = found.groups()
        elif line == "}" and hook:
            if hook in hooks and (policy == "drop" or (rules and DROPS.match(rules[-1]))):
                yield Chain(table, name, hook, tuple(rules))
            hook = ""
        elif hook:
            rules.append(line)
