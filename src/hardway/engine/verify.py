"""Making a step's checks, once or until they hold. Reads only."""

from collections.abc import Collection, Sequence

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


def wrong(
    findings: Sequence[Finding], live: Live, machines: Collection[str] | None = None
) -> list[Finding]:
    """Return the checks that do not hold, of the cluster and of its machines, or of some machines.

    Of silent machines nothing is known, so that nothing is wrong there.
    """
    others = {m.name for m in live.cluster.machines}
    others -= live.fleet.keys() if machines is None else live.fleet.keys() & set(machines)
    return [f for f in findings if not f.ok and f.machine not in others]


async def settle(step: Step, live: Live, machines: Collection[str] | None = None) -> list[Finding]:
    """Make a step's checks until they hold on all machines that answer, or on some of them.

    Raises:
        StepError: they did not within `step.settles_s`, and what the cluster adds to it.
    """
    deadline_s = step.settles_s + step.settles_more_s(live.cluster)
    findings = await poll_until(
        lambda: check(step, live),
        lambda found: not wrong(found, live, machines),
        deadline_s=deadline_s,
    )
    if unsettled := wrong(findings, live, machines):
        outcomes: dict[str, str] = {}
        for f in unsettled:
            line = f"{f.check}: expected {f.expected}, found {f.found} (see: {f.see})"
            outcomes[f.machine] = "; ".join(filter(None, [outcomes.get(f.machine), line]))
        raise StepError(step.name, outcomes)
    return findings
