"""What became of each rule: its answer, or what is wrong, from findings on all machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hardway.atlas.atlas import Atlas
from hardway.audit import BENCHMARK, RULES, Answer, Rule
from hardway.engine.render import merged
from hardway.model.checks import Check, Judgement, Subject
from hardway.model.resources import Desired, Finding, Verdict


class Outcome(StrEnum):
    """What became of a rule: wrong, unknown, or one of the answers."""

    WRONG = "wrong"
    UNKNOWN = "unknown"
    HOLDS = Answer.HOLDS.value
    STRICTER = Answer.STRICTER.value
    DECLINED = Answer.DECLINED.value
    NOT_APPLICABLE = Answer.NOT_APPLICABLE.value
    YOURS = Answer.YOURS.value


@dataclass(frozen=True, slots=True)
class Result:
    """A rule with all that was found about it."""

    rule: Rule
    findings: tuple[Finding, ...]
    """One for each machine, or one for the cluster; none where nothing was asked."""

    @property
    def outcome(self) -> Outcome:
        """What became of the rule."""
        answer = self.rule.answer
        if any(f.fails for f in self.findings):
            return Outcome.WRONG
        if any(f.verdict is Verdict.UNKNOWN for f in self.findings):
            return Outcome.UNKNOWN
        if self.rule.evidence and not self.findings and answer is not Answer.YOURS:
            # No machine of the cluster has what the rule is about.
            return Outcome.NOT_APPLICABLE
        if answer is Answer.YOURS and self.findings and all(f.ok for f in self.findings):
            return Outcome.HOLDS
        return Outcome(answer.value)

    @property
    def amiss(self) -> tuple[Finding, ...]:
        """The findings that are not as the rule expects."""
        return tuple(f for f in self.findings if not f.ok)


def results(findings: Sequence[Finding]) -> tuple[Result, ...]:
    """Return what became of each rule, in the benchmark's order."""
    by_rule: dict[str, list[Finding]] = {rule.id: [] for rule in RULES}
    for each in findings:
        by_rule[each.check].append(each)
    return tuple(Result(rule, tuple(by_rule[rule.id])) for rule in RULES)


def counts(of: Sequence[Result]) -> dict[Outcome, int]:
    """Return how many rules have each outcome that any has."""
    counted = Counter(result.outcome for result in of)
    return {outcome: counted[outcome] for outcome in Outcome if counted[outcome]}


def finding(check: Check, subject: Subject, judgement: Judgement) -> Finding:
    """Return a judgement as a finding that names all it found; without the answer itself.

    Of answers nothing more is kept: a pod's environment may hold secrets.
    """
    return replace(check.finding(subject, judgement), found=judgement.found)


def planned(atlas: Atlas) -> tuple[Result, ...]:
    """Judge what would be rendered, without a machine."""
    wanted = {name: merged(by_step.values()) for name, by_step in atlas.rendered.items()}
    own = [item for items in atlas.objects.values() for item in items]
    return results([
        finding(check, subject, rule.judge(items))
        for rule in RULES
        if rule.evidence and (check := rule.check)
        for subject in check.scope.subjects(atlas.cluster)
        if (items := rule.evidence.rendered(wanted.get(subject.name, Desired()), own)) is not None
    ])  # fmt: skip


SHOWN = ("machine", "subject", "verdict", "expected", "found", "see")
"""What programs are told of a finding; the rest is the rule's."""


def described(found: Sequence[Result]) -> dict[str, object]:
    """Return results for programs; see docs/output.md."""
    return {
        "benchmark": BENCHMARK,
        "counts": counts(found),
        "rules": [
            {
                "id": result.rule.id,
                "section": result.rule.section,
                "title": result.rule.title,
                "outcome": result.outcome,
                "evidence": str(result.rule.evidence or ""),
                "why": result.rule.why,
                "findings": [
                    {name: getattr(each, name) for name in SHOWN} for each in result.findings
                ],
            }
            for result in found
        ],
    }
