"""kubectl as people use it."""

from collections.abc import Sequence

from hardway.errors import RefusedError
from hardway.providers.admission import everybody
from hardway.setup import Setup
from hardway.transport.base import way


async def kubectl(at: Setup, words: Sequence[str]) -> int:
    """Run kubectl as the cluster's admin; becomes it where no connection has to be kept meanwhile.

    Raises:
        RefusedError: no machine runs, so that there is no API to ask.
        ConnectError: the API is out of reach but over machines, and no control plane answers.
    """
    direct = await at.provider.within_reach(at.cluster)
    if not at.workspace.admin_kubeconfig.exists():
        raise RefusedError("there is no cluster yet", hint="hardway up")
    if direct:
        binary = at.kubectl_binary(absent_ok=False)
        at.kubectl(binary, at.workspace.admin_kubeconfig).become(words)
    async with at.provider.connect(at.cluster) as fleet:
        if way(fleet) is None:
            everybody(at.cluster, fleet)
        return await at.live(fleet).admin.call(words)
