"""What a rule of the benchmark is: what should be so, where that is seen, and hardway's answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hardway.audit.evidence import Evidence
from hardway.model.checks import Check, Judgement
from hardway.model.resources import Severity, Verdict
from hardway.text import joined, text

BENCHMARK = "cis-1.12"
"""The benchmark's name in kube-bench."""


class Answer(StrEnum):
    """How hardway answers a rule, where all is as it should be."""

    HOLDS = "holds"
    """As the benchmark asks."""
    STRICTER = "stricter"
    """hardway does more than the rule asks, in another way."""
    DECLINED = "declined"
    """The rule would make things worse here."""
    NOT_APPLICABLE = "not applicable"
    """What the rule is about does not exist here."""
    YOURS = "yours"
    """For the cluster's operator to decide."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What evidence has to be like. Pure."""

    text: str
    """In words, as findings have it."""
    test: Callable[[str, tuple[str, ...]], bool]
    """Whether one thing, by its name and words, is so; no words: it is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the benchmark, in hardway's own words."""

    id: str
    title: str
    """What should be so, by the benchmark."""
    evidence: Evidence | None = None
    expect: Expect | None = None
    """By hardway's answer: of a declined rule, what is so in its place."""
    answer: Answer = Answer.HOLDS
    why: str
    """What happens to people without it; of other answers than `holds`, the reason for them."""

    @property
    def section(self) -> str:
        """The section's id."""
        return self.id.rpartition(".")[0]

    @property
    def check(self) -> Check | None:
        """The rule as a check that machines or the API can be asked; None without evidence."""
        if self.evidence is None:
            return None
        evidence = self.evidence
        return Check(
            name=self.id, step=self.section, scope=evidence.scope, ask=evidence.ask,
            judge=lambda _, answer: (
                (Judgement(Verdict.UNKNOWN, self._expected, answer.last_line),)
                if answer.status
                else (self.judge(evidence.said(answer.text)),)
            ),
            see=evidence.see, why=self.why,
        )  # fmt: skip

    def judge(self, items: Mapping[str, tuple[str, ...]]) -> Judgement:
        """Return whether all that was found is as it should be."""
        expect = self.expect
        unlike = {n: words for n, words in items.items() if not (expect and expect.test(n, words))}
        return Judgement(
            Verdict.WRONG if unlike else Verdict.HOLDS,
            self._expected,
            shown(unlike) if unlike else shown(items, EXAMPLES),
            severity=Severity.WARN if self.answer is Answer.YOURS else Severity.FAIL,
        )

    @property
    def _expected(self) -> str:
        return self.expect.text if self.expect else ""


EXAMPLES = 3
"""So many things that are as they should be are named; of the others their number is."""


def shown(items: Mapping[str, tuple[str, ...]], most: int | None = None) -> str:
    """Return what was found as one line; beyond `most` only how many there are."""
    each = [text("{name} {words}", name=name, words=joined(",", words) or text("absent"))
            for name, words in items.items()]  # fmt: skip
    more = [text("{count} more", count=len(each[most:]))] if most and each[most:] else []
    return joined("; ", (*each[:most], *more)) or text("none")


def equals(word: str) -> Expect:
    """Expect this value; of a flag that is given twice the last one counts."""
    return Expect(word, lambda _, words: words[-1:] == (word,))


def absent_or(expect: Expect) -> Expect:
    """Expect that, or nothing: the program's own default is as good."""
    return Expect(
        text("absent or {expected}", expected=expect.text),
        lambda name, words: not words or expect.test(name, words),
    )


def has(word: str) -> Expect:
    """Expect a list with this in it."""
    return Expect(text("has {word}", word=word), lambda _, words: word in listed(words))


def lacks(word: str) -> Expect:
    """Expect a list without this in it, or none."""
    return Expect(text("lacks {word}", word=word), lambda _, words: word not in listed(words))


def listed(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entries of values that are lists with commas."""
    return tuple(entry for word in words for entry in word.split(","))


def at_least(least: int) -> Expect:
    """Expect a number that is not smaller."""
    return Expect(text("at least {number}", number=least), lambda _, words: _number(words) >= least)


def _number(words: tuple[str, ...]) -> int:
    return int(words[-1]) if words and words[-1].lstrip("-").isdigit() else -1


def mode(most: int) -> Expect:
    """Expect files on which nobody has more rights than this mode gives."""
    return Expect(
        text("{mode} or less", mode=f"{most:o}"),
        lambda _, words: bool(words) and not int(words[0], 8) & ~most,
    )


PRESENT = Expect(text("set"), lambda _, words: any(words))
ABSENT = Expect(text("absent"), lambda _, words: not words)
NONE = Expect(text("none"), lambda _name, _words: False)
"""Of evidence that names only what is not as it should be."""
STRONG = Expect(
    text("suites with forward secrecy and authenticated encryption alone"),
    lambda _, words: bool(words) and all(map(_strong, listed(words))),
)


def _strong(suite: str) -> bool:
    exchanged = suite.startswith(("TLS_ECDHE_", "TLS_AES_", "TLS_CHACHA20_"))
    return exchanged and ("_GCM_" in suite or "CHACHA20_POLY1305" in suite)
