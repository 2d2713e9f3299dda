"""Issuing what is missing or due, by a clock that the machines agree with, and saying so."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hardway.pki import store
from hardway.pki.decide import Issue, decide
from hardway.pki.values import NamedKey, Secrets
from hardway.project import Project
from hardway.providers.clocks import Clock, clock
from hardway.render.kubeconfig import host_kubeconfigs
from hardway.report import Event, Happened, Report, both
from hardway.status import Renewal
from hardway.text import joined, text

NAMED = 3
"""Certificates whose names fit in a line."""


def issue(
    project: Project,
    by: Clock,
    report: Report,
    *,
    unneeded: Sequence[NamedKey] = (),
    own: bool = False,
) -> Secrets:
    """Issue what is missing or due, and say so; with `own` what is of this host alone.

    Encryption keys that are no longer needed are put away.

    Raises:
        ClockError: something is due, and this host's clock is not the machines'.
        PkiError: something that cannot be made again is damaged or half gone.
    """
    draft = store.draft(project.workspace.pki, project.cluster, by.now, unneeded)
    draft = draft.of_this_host(project.cluster) if own else draft
    by.permit(draft.issues)
    store.write(project.workspace.pki, draft.files)
    project.workspace.write_kubeconfigs(host_kubeconfigs(project.cluster, draft.secrets))
    _say(draft.issues, report)
    return draft.secrets


def _say(issues: Sequence[Issue], report: Report) -> None:
    for made in issues:
        said = f"{made.verb} {made.name}: {made.why}"
        report(Event(happened=Happened.CHANGED, machine=made.machine, text=said))
    named = [text("{name} ({why})", name=i.name, why=i.why) for i in issues[:NAMED]]
    more = len(issues) - NAMED
    if more > 0:
        named.append(text("and {count} more", count=more))
    if named:
        said = text("certificates and keys: {names}", names=joined(", ", named))
        report(Event(happened=Happened.DOING, text=said))


async def renew_own(project: Project, report: Report) -> None:
    """Issue this host's own certificates again if one has ended: no machine has to be changed.

    Raises:
        ClockError: they ended by this host's clock alone.
    """
    if not store.ended(project.workspace.pki, project.cluster, datetime.now(UTC)):
        return
    with project.workspace.locked():
        async with project.provider.connect(project.cluster) as fleet:
            hosts = await project.provider.facts(project.cluster, fleet)
            by = await clock(fleet, hosts)
            issue(project, by, both(report, project.workspace.journal), own=True)


def due(project: Project) -> tuple[Renewal, ...]:
    """Return what the next `up` issues again; nothing of a cluster that was never made."""
    if not project.workspace.pki.exists():
        return ()
    issues = decide(store.read(project.workspace.pki), project.cluster, datetime.now(UTC))
    return tuple(Renewal(issue.name, issue.machine, issue.why) for issue in issues)
