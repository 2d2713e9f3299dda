"""Whether machines are let into a cluster: what was found on them, and who did not answer."""

from collections.abc import Sequence

from hardway.errors import ConnectError, PreflightError
from hardway.model.cluster import Cluster
from hardway.providers.base import Problem, Severity
from hardway.report import Event, Happened, Report
from hardway.transport.base import Fleet, refused


def absent(fleet: Fleet) -> list[Problem]:
    """Return machines that do not answer as problems of theirs."""
    return [
        Problem(machine=name, check="reached", severity=Severity.REFUSE, found=str(error),
                needed="a login as root, or with sudo", cure=error.hint)
        for name, error in refused(fleet).items()
    ]  # fmt: skip


def fit(cluster: Cluster, fleet: Fleet, problems: Sequence[Problem], report: Report) -> None:
    """Raise PreflightError where a machine is not fit, ConnectError where one does not answer."""
    refusing = [p for p in problems if p.severity is Severity.REFUSE]
    if refusing:
        lines = [str(p) for p in (*absent(fleet), *refusing)]
        raise PreflightError(lines, hint="mend these; to look again, as a table: hardway preflight")
    everybody(cluster, fleet)
    for problem in problems:
        report(Event(happened=Happened.WARNED, machine=problem.machine, text=str(problem)))


def everybody(cluster: Cluster, fleet: Fleet) -> None:
    """Raise ConnectError unless all machines answer."""
    why = refused(fleet)
    missing = [m.name for m in cluster.machines if m.name not in fleet]
    if why:
        hints = dict.fromkeys(error.hint for error in why.values())
        raise ConnectError("\n".join(map(str, why.values())), hint="\n       ".join(hints))
    if missing:
        raise ConnectError(f"no answer from {', '.join(missing)}", hint="see: hardway machine list")
