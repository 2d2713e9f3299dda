"""Why findings are wrong: which follow from which, and what is wrong by itself. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardway.model.resources import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Cause:
    """A check that is wrong by itself, and all that follows from it."""

    roots: tuple[Finding, ...]
    """What it found: one or several findings, on one machine or on several."""
    follows: tuple[Finding, ...]
    """What is wrong because of it, or unknown, in the order of the steps."""

    @property
    def fails(self) -> bool:
        """Return whether anything of it is wrong and no mere warning."""
        return any(f.fails for f in (*self.roots, *self.follows))


def causes_of(finding: Finding, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return what a finding follows from at once, in the order of its check's causes."""
    if finding.ok:
        return ()
    return tuple(
        cause
        for name in dict.fromkeys((*finding.causes, *finding.anywhere))
        for cause in _wrong(name, finding, found)
    )


def _wrong(name: str, of: Finding, found: Sequence[Finding]) -> list[Finding]:
    """Return where a check is wrong, as far as that makes a finding wrong.

    One control plane's API server is nothing to another; for a worker, which has none, there is
    an API until none of them answers.
    """
    made = [f for f in found if f.check == name]
    wrong = [f for f in made if f.verdict is Verdict.WRONG]
    if name in of.anywhere:
        return wrong
    if any(f.machine == of.machine for f in made):
        return [f for f in wrong if f.machine == of.machine]
    return wrong if not any(f.ok for f in made) else []


def grouped(found: Sequence[Finding]) -> tuple[Cause, ...]:
    """Return the causes of all that is wrong, warnings too, each with what follows from it.

    Each finding that is wrong is in one of them, and once; so is each unknown one that follows
    from something wrong.
    """
    roots: dict[str, list[Finding]] = {}
    follows: dict[str, list[Finding]] = {}
    for finding in found:
        root = _root(finding, found)
        if root is not finding:
            follows.setdefault(root.check, []).append(finding)
        elif finding.verdict is Verdict.WRONG:
            roots.setdefault(finding.check, []).append(finding)
    return tuple(Cause(tuple(own), tuple(follows.get(name, ()))) for name, own in roots.items())


def _root(finding: Finding, found: Sequence[Finding]) -> Finding:
    """Return the first of what a finding follows from that follows from nothing."""
    while causes := causes_of(finding, found):
        finding = causes[0]
    return finding
