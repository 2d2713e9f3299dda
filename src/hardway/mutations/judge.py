"""What verify has to make of a mutation: its check red and first, and nothing else by itself."""

from collections.abc import Sequence

from hardway.checks.causes import causes_of
from hardway.model.checks import Check
from hardway.model.resources import Finding, Verdict
from hardway.mutations.row import Mutation
from hardway.steps import file_checks
from hardway.steps.index import STEPS
from hardway.text import Text, text

CHECKS: tuple[Check, ...] = tuple(
    check for step in STEPS for check in (*step.checks, *(step.trial.checks if step.trial else ()))
)
"""All checks of a living cluster."""


def consequences(check: str) -> frozenset[str]:
    """Return the checks that may be wrong because one is, over any number of others."""
    reached = {check}
    while (
        more := {c.name for c in CHECKS if reached.intersection((*c.causes, *c.anywhere))} - reached
    ):
        reached |= more
    return frozenset(reached - {check})


def judge(
    mutation: Mutation, before: Sequence[Finding], found: Sequence[Finding]
) -> tuple[Text, ...]:
    """Return what is not as it should be while a mutation is there; nothing where all is.

    What was wrong before is not its doing.
    """
    # A file that it edits is named too: what is wrong by the edit may follow from that.
    edits = {file_checks.NAME} if mutation.keeps else set()
    already = {(f.check, f.subject) for f in before if f.verdict is Verdict.WRONG}
    red = [f for f in found if f.verdict is Verdict.WRONG and (f.check, f.subject) not in already]
    names = dict.fromkeys(f.check for f in red)
    first = dict.fromkeys(
        f.check for f in red if {cause.check for cause in causes_of(f, found)} <= edits
    )
    allowed = {mutation.check, *consequences(mutation.check), *edits}
    return (
        *(text("{check} is not named as a cause", check=name)
          for name in (mutation.check,) if name not in first),
        *(text("{check} is not wrong", check=name) for name in mutation.also if name not in names),
        *(text("{check} is wrong and is no consequence of it", check=name)
          for name in names if name not in allowed),
        *(text("{check} is named as a cause beside it", check=name)
          for name in first if name in allowed - edits and name != mutation.check),
    )  # fmt: skip
