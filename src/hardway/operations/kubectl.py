"""kubectl as people use it."""

from collections.abc import Sequence

from hardway.errors import RefusedError
from hardway.project import Project
from hardway.providers.admission import everybody
from hardway.transport.base import way


async def kubectl(project: Project, words: Sequence[str]) -> int:
    """Run kubectl as the cluster's admin; becomes it where no connection has to be kept meanwhile.

    Raises:
        RefusedError: no machine runs, so that there is no API to ask.
        ConnectError: the API is out of reach but over machines, and no control plane answers.
    """
    direct = await project.provider.within_reach(project.cluster)
    if not project.workspace.admin_kubeconfig.exists():
        raise RefusedError("there is no cluster yet", hint="hardway up")
    if direct:
        binary = project.kubectl_binary(absent_ok=False)
        project.kubectl(binary, project.workspace.admin_kubeconfig).become(words)
    async with project.provider.connect(project.cluster) as fleet:
        if way(fleet) is None:
            everybody(project.cluster, fleet)
        return await project.live(fleet).admin.call(words)
