"""Whether this host and the machines are fit for the cluster."""

from hardway.model.resources import Severity
from hardway.ownership import claims
from hardway.project import Project
from hardway.providers.admission import absent
from hardway.providers.base import Problem


async def preflight(project: Project) -> list[Problem]:
    """Return what is found on this host and on machines that are there; changes nothing.

    Raises:
        PreflightError: with everything that this host lacks.
        RefusedError: a machine is another cluster's, or knows of a newer copy of the folder.
    """
    await project.provider.preflight(project.cluster)
    async with project.provider.connect(project.cluster) as fleet:
        project.owning(await claims(fleet))
        hosts = await project.provider.facts(project.cluster, fleet)
        severity = Severity.WARN if project.workspace.pki.exists() else Severity.REFUSE
        admitted = await project.provider.admit(project.cluster, fleet, hosts, None)
        return [*absent(fleet, severity), *admitted]
