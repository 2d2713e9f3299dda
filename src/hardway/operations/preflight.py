"""Whether this host and the machines are fit for the cluster."""

from hardway.model.resources import Severity
from hardway.providers.admission import absent
from hardway.providers.base import Problem
from hardway.setup import Setup


async def preflight(at: Setup) -> list[Problem]:
    """Return what is found on this host and on machines that are there; changes nothing.

    Raises:
        PreflightError: with everything that this host lacks.
    """
    await at.provider.preflight(at.cluster)
    async with at.provider.connect(at.cluster) as fleet:
        hosts = await at.provider.facts(at.cluster, fleet)
        severity = Severity.WARN if at.workspace.pki.exists() else Severity.REFUSE
        admitted = await at.provider.admit(at.cluster, fleet, hosts, None)
        return [*absent(fleet, severity), *admitted]
