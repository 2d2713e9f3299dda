"""Making a step's checks, once or until they hold. Reads only."""

from collections.abc import Sequence

from hardway.errors import RemoteError, StepError
from hardway.model.resources import Finding
from hardway.steps.base import Check, Live, Step
from hardway.transport.base import poll_until


async def check(step: Step, live: Live) -> list[Finding]:
    """Make a step's checks; one that cannot be made is a finding too."""
    possible = Check(
        "can-be-checked", step.name, "what nobody can look at may be anything", "hardway status"
    )
    if not live.fleet:
        # Nor is the API asked: without machines its address leads out of this host.
        return [possible.found("every machine", "answers", "no machine answers")]
    try:
        return await step.verify(live)
    except RemoteError as error:
        return [possible.found("endpoint", "an answer", str(error))]


def holds(findings: Sequence[Finding]) -> bool:
    """Return whether all checks hold."""
    return all(f.ok for f in findings)


async def settle(step: Step, live: Live) -> list[Finding]:
    """Make a step's checks until they hold.

    Raises:
        StepError: they did not within `step.settles_s`, and what the cluster adds to it.
    """
    deadline_s = step.settles_s + step.settles_more_s(live.cluster)
    findings = await poll_until(lambda: check(step, live), holds, deadline_s=deadline_s)
    wrong = [f for f in findings if not f.ok]
    if wrong:
        outcomes: dict[str, str] = {}
        for f in wrong:
            line = f"{f.check}: expected {f.expected}, found {f.found} (see: {f.see})"
            outcomes[f.machine] = "; ".join(filter(None, [outcomes.get(f.machine), line]))
        raise StepError(step.name, outcomes)
    return findings
