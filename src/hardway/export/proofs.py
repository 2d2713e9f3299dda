"""What is looked at after each step: checks and effects, in words that need no hardway."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from hardway.export.model import Cause, Judge, Proof
from hardway.model.checks import Ask, Check, Kubectl, LastLine, Occasion, Sh, Subject, Where
from hardway.model.cluster import Cluster
from hardway.model.resources import Effect, Severity
from hardway.steps.base import Step
from hardway.steps.index import STEPS

SSH = re.compile(r"hardway ssh (\S+) -- ")
CHECKS = {check.name: check for step in STEPS for check in step.checks}
Script = tuple[str, str]
"""On which machine, or nothing for this host, and what is run there."""


def of_step(step: Step, cluster: Cluster) -> Iterator[tuple[str, Proof]]:
    """Yield the proofs of a step's checks, each after the step that has to be done for it.

    Left out are warnings, trials, and checks that only a program can judge.
    """
    for check in step.checks:
        if check.severity is Severity.FAIL and check.when is not Occasion.ASKED:
            for subject in check.scope.subjects(cluster):
                for proof in _proofs(check, subject):
                    yield check.after or step.name, proof


def _proofs(check: Check, subject: Subject) -> Iterator[Proof]:
    words = check.words(subject)
    if check.test:
        yield _proof(check, subject, by_hand(subject.fill(check.test, words)))
    elif isinstance(check.judge, LastLine) and (asked := _asked(check.ask, subject)):
        machine, script = asked
        yield replace(
            _proof(check, subject, (machine, subject.fill(script, words))),
            judge=Judge.SAYS,
            expected=subject.fill(check.judge.expected, words),
        )


def by_hand(command: str) -> Script:
    """Return where a command that a check shows to people is run, and what, without hardway."""
    first = SSH.match(command)
    if first and len(SSH.findall(command)) == 1:
        # As ssh does with its words.
        return first[1], " ".join(shlex.split(command[first.end() :]))
    return "", here(command)


def here(command: str) -> str:
    """Return such a command as it is run on this host."""
    return SSH.sub(r"on \1 ", command).replace("hardway kubectl", "kubectl")


def _asked(ask: Ask, subject: Subject) -> Script | None:
    """Return a question as a command; None where it is asked by several."""
    match ask:
        case Sh(text, Where.SUBJECT):
            return subject.machine.name, text.strip()
        case Kubectl(words, as_admin):
            return "", f"{'kubectl_admin' if as_admin else 'kubectl'} {shlex.join(words)}"
    return None


def _proof(check: Check, subject: Subject, script: Script) -> Proof:
    machine, text = script
    return Proof(
        check=check.name, subjects=(subject.name,), machines=(machine,) if machine else (),
        script=text, why=check.why, causes=tuple(causes(check, subject)),
    )  # fmt: skip


def causes(check: Check, subject: Subject) -> Iterator[Cause]:
    """Yield what to look at first: of the same subject, or of the first that a cause is about."""
    for cause in filter(None, map(CHECKS.get, check.causes)):
        subjects = cause.scope.subjects(subject.cluster)
        same = [other for other in subjects if other.name == subject.name]
        for about in (same or subjects)[:1]:
            machine, script = by_hand(about.fill(cause.see, cause.words(about)))
            if "hardway " not in script:
                yield Cause(check=cause.name, machine=machine, script=script)


def of_effect(effect: Effect, machine: str) -> Proof:
    """Return the look at an effect."""
    return Proof(
        check=effect.name, subjects=(machine,), machines=(machine,), script=effect.see,
        judge=Judge.SAME, expected=" ".join(effect.value.split()), why=effect.why,
        otherwise=effect.fix,
    )  # fmt: skip


def folded(proofs: Iterable[Proof]) -> tuple[Proof, ...]:
    """Return proofs with those made one that do the same on several machines."""
    found: dict[Proof, list[Proof]] = {}
    for proof in proofs:
        alike = replace(proof, subjects=(), machines=(), causes=()) if proof.machines else proof
        found.setdefault(alike, []).append(proof)
    return tuple(
        replace(
            own[0],
            subjects=tuple(name for proof in own for name in proof.subjects),
            machines=tuple(name for proof in own for name in proof.machines),
        )
        for own in found.values()
    )
