"""Whether `up` may go on: machines that are not fit, and machines that do not answer."""

from collections.abc import Mapping, Sequence

from hardway.errors import ConnectError, PreflightError
from hardway.model.cluster import Cluster, quorum
from hardway.model.resources import Severity
from hardway.providers.base import Problem
from hardway.report import Event, Happened, Report
from hardway.text import joined, text
from hardway.transport.base import Fleet, refused


def silent(cluster: Cluster, fleet: Fleet) -> Mapping[str, ConnectError]:
    """Return why machines are absent from the fleet, in the cluster's order."""
    why = refused(fleet)
    unexplained = {
        m.name: ConnectError("no answer", where=m.name, hint="see: hardway machine list")
        for m in cluster.machines
    }
    return {name: why.get(name, unexplained[name]) for name in unexplained if name not in fleet}


def absent(fleet: Fleet, severity: Severity) -> list[Problem]:
    """Return a problem for each machine that does not answer."""
    return [
        Problem(machine=name, check="reached", severity=severity, found=error.why,
                needed=text("a login as root, or with sudo"), cure=error.hint)
        for name, error in refused(fleet).items()
    ]  # fmt: skip


def fit(
    cluster: Cluster, fleet: Fleet, problems: Sequence[Problem], report: Report, *, first: bool
) -> None:
    """Report what was found; silent machines are left out, except at the cluster's first `up`.

    Raises:
        PreflightError: a machine is not fit.
        ConnectError: too many machines are silent: any at the first `up`, later a majority of
            the control planes.
    """
    refusing = [p for p in problems if p.severity is Severity.REFUSE]
    if refusing:
        lines = [p.text for p in (*absent(fleet, Severity.REFUSE), *refusing)]
        raise PreflightError(lines, hint="fix these; to look again, as a table: hardway preflight")
    if first:
        everybody(cluster, fleet)
    _majority(cluster, fleet)
    for name, error in silent(cluster, fleet).items():
        left_out = text("left out: {error}", error=error.message)
        report(Event(happened=Happened.WARNED, machine=name, text=left_out))
    for problem in problems:
        report(Event(happened=Happened.WARNED, machine=problem.machine, text=problem.text))


def everybody(cluster: Cluster, fleet: Fleet) -> None:
    """Raise ConnectError unless all machines answer."""
    _raise_for(silent(cluster, fleet))


def _majority(cluster: Cluster, fleet: Fleet) -> None:
    members = [m.name for m in cluster.control_planes]
    missing = {n: error for n, error in silent(cluster, fleet).items() if n in members}
    if len(members) - len(missing) < quorum(len(members)):
        _raise_for(missing)


def _raise_for(missing: Mapping[str, ConnectError]) -> None:
    if missing:
        hints = dict.fromkeys(error.hint for error in missing.values())
        raise ConnectError(
            joined("\n", [error.message for error in missing.values()]),
            hint=joined("\n       ", hints),
        )
