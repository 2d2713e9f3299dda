"""Making a step's checks, once or until they hold. Writes nothing but what its trial declares."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from hardway.checks import trial
from hardway.checks.crash_loops import watched
from hardway.checks.last_words import last_words
from hardway.checks.live import Live
from hardway.checks.run import Wait, cases, look, look_again, of_silent, settled, silent
from hardway.checks.trial import PATIENT, Patience
from hardway.errors import StepError
from hardway.model.checks import Check, Occasion
from hardway.model.names import ENDPOINT
from hardway.model.resources import Finding, Severity, Verdict
from hardway.steps.base import Step
from hardway.text import joined, text


async def check_all(
    steps: Sequence[Step],
    live: Live,
    *,
    trials: bool = True,
    again: bool = False,
    patience: Patience = PATIENT,
) -> list[list[Finding]]:
    """Make the checks of several steps and their trials; one round trip to each machine.

    With `again` there is a second one where something is wrong; see `look_again`.
    """
    checks = [check for step in steps for check in step.checks]
    tries = [_tried(step, live, patience) if trials else _nothing() for step in steps]
    looks = look_again if again else look
    found, *tried = await asyncio.gather(looks(cases(checks, live), live), *tries)
    return [
        of_silent([*(f for f in found if f.step == step.name), *own], live)
        for step, own in zip(steps, tried, strict=True)
    ]


async def check(step: Step, live: Live) -> list[Finding]:
    """Make a step's checks, and its trial."""
    (found,) = await check_all([step], live)
    return found


async def _tried(step: Step, live: Live, patience: Patience) -> list[Finding]:
    return await trial.run(step.trial, live, patience) if step.trial else []


async def _nothing() -> list[Finding]:
    return []


def due(check: Check, steps: Sequence[Step]) -> bool:
    """Return whether a check can hold once these steps do."""
    return check.brought_by in {"", *(step.name for step in steps)}


def right_here(finding: Finding, steps: Sequence[Step]) -> Finding:
    """Return a finding as what it is in a cluster that has come so far: later steps are missing."""
    rows = {check.name: check for step in steps for check in step.checks}
    check = rows.get(finding.check)
    if check is None or finding.ok or due(check, steps):
        return finding
    return replace(finding, ok=True, verdict=Verdict.HOLDS, due=check.brought_by)


def holds(findings: Sequence[Finding]) -> bool:
    """Return whether all checks hold; warnings do not count."""
    return all(f.ok or f.severity is Severity.WARN for f in findings)


def wrong(
    findings: Sequence[Finding], live: Live, machines: Collection[str] | None = None
) -> list[Finding]:
    """Return the checks that do not hold, of the cluster and of its machines, or of some machines.

    Of silent machines nothing is known, so that nothing is wrong there.
    """
    others = _others(live, machines)
    return [f for f in findings if not holds([f]) and f.machine not in others]


def _others(live: Live, machines: Collection[str] | None) -> set[str]:
    """Return whom nobody waits for: silent machines, and all but some of them and the endpoint."""
    names = {ENDPOINT, *(m.name for m in live.cluster.machines)}
    return silent(live) | (set() if machines is None else names - set(machines))


async def settle(
    step: Step,
    live: Live,
    machines: Collection[str] | None = None,
    *,
    patience: Patience = PATIENT,
) -> list[Finding]:
    """Make a step's checks until they hold on all machines that answer, or on some of them.

    Raises:
        StepError: some did not hold when the step's time was up, or when a unit had ended again
            and again; or its trial failed.
    """
    async with watched(live, live.fleet.keys() - _others(live, machines)) as hopeless:
        return await _settle(step, live, machines, hopeless, patience)


async def _settle(
    step: Step,
    live: Live,
    machines: Collection[str] | None,
    hopeless: Callable[[], bool],
    patience: Patience = PATIENT,
) -> list[Finding]:
    deadline_s = step.settles_s + step.settles_more_s(live.cluster)
    rows = [check for check in step.checks if check.when is not Occasion.ASKED]
    wait = Wait(deadline_s, _others(live, machines), hopeless=hopeless)
    found = await settled(cases(rows, live), live, wait)
    if wrong(found, live, machines):
        # All of them once more: one that held at first may by now be the cause of the others.
        found = await look(cases(rows, live), live)
    tried = [] if wrong(found, live, machines) else await _tried(step, live, patience)
    unsettled = [*wrong(found, live, machines), *(f for f in of_silent(tried, live) if f.fails)]
    if unsettled:
        raise StepError(step.name, await _outcomes(unsettled, live))
    return of_silent([*found, *tried], live)


def _always(step: Step) -> Step:
    """Return a step with the checks alone that are made at each `up`."""
    rows = tuple(check for check in step.checks if check.when is Occasion.ALWAYS)
    return replace(step, checks=rows, trial=None)


async def _outcomes(unsettled: Sequence[Finding], live: Live) -> dict[str, str]:
    """Return what its units that do not run said last on each machine, and what is wrong there.

    Checks that found the same there stand in one line.
    """
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for f in unsettled:
        alike.setdefault((f.machine, f.expected, f.found), []).append(f)
    outcomes: dict[str, list[str]] = {}
    for (machine, expected, found), own in alike.items():
        line = text("{check}: expected {expected}, found {found} (see: {see})",
                    check=", ".join(f.check for f in own), expected=expected, found=found,
                    see=own[0].see)  # fmt: skip
        outcomes.setdefault(machine, []).append(line)
    # First, since the rest most often follows from it.
    for machine, said in (await last_words(live, outcomes)).items():
        outcomes.setdefault(machine, []).insert(0, said)
    return {machine: joined("; ", lines) for machine, lines in outcomes.items()}


async def settle_all(steps: Sequence[Step], live: Live) -> list[Finding]:
    """Look at all steps at once, as at each `up`; what does not hold is looked at until it does.

    Raises:
        StepError: with all steps that did not come to hold.
    """
    steps = [_always(step) for step in steps]
    seen = await check_all(steps, live)
    again = [step for step, found in zip(steps, seen, strict=True) if wrong(found, live)]
    async with watched(live, live.fleet) as hopeless:
        waits = (_settle(step, live, None, hopeless) for step in again)
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in errors:
        if not isinstance(error, StepError):
            raise error
    if errors:
        raise StepError.of([error for error in errors if isinstance(error, StepError)])
    settled = {s.name: o for s, o in zip(again, outcomes, strict=True) if isinstance(o, list)}
    return [f for s, found in zip(steps, seen, strict=True) for f in settled.get(s.name, found)]
