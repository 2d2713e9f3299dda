"""Taking each control plane away in turn, and what clients see of it."""

import ssl

from hardway.drill import Drill
from hardway.errors import RefusedError
from hardway.model.cluster import EndpointKind
from hardway.model.resources import Finding
from hardway.project import Project
from hardway.report import Report
from hardway.text import text

HIGHLY_AVAILABLE = 3
"""Control planes of which one may be lost; numbers in between are refused by the spec."""


async def dispensable(project: Project) -> None:
    """Look whether clients on this host can do without any one control plane.

    Raises:
        RefusedError: the cluster has one only, or clients here reach one only.
    """
    if len(project.cluster.control_planes) < HIGHLY_AVAILABLE:
        raise RefusedError(
            text("{cluster} has one control plane: without it there is no API",
                 cluster=project.cluster.name),
            hint="three survive the loss of one: machines.controlPlanes: 3",
        )  # fmt: skip
    if project.cluster.endpoint.kind is EndpointKind.PROXY:
        raise RefusedError(
            "clients on this host reach one control plane only: the balancers are on the machines",
            hint="`endpoint: {kind: vip}` or `given` is for clients anywhere",
        )
    if not await project.provider.within_reach(project.cluster):
        raise RefusedError(
            text("this host reaches {endpoint} over machines only",
                 endpoint=project.cluster.endpoint.host),
            hint="run it where no bastion and no name of ~/.ssh/config's is in between",
        )  # fmt: skip


async def verify_ha(project: Project, report: Report) -> list[Finding]:
    """Take each control plane away in turn; return what a client of the API saw of it."""
    drill = Drill(project.cluster, project.provider, project.reach, report)
    with project.workspace.locked():
        return await drill.control_planes_lost(credentials(project))


def credentials(project: Project) -> ssl.SSLContext:
    """Return what a client needs that may do everything, whatever becomes of the API's roles."""
    pki = project.workspace.pki / "kubernetes"
    tls = ssl.create_default_context(cafile=pki / "ca.crt")
    tls.load_cert_chain(pki / "break-glass.crt", pki / "break-glass.key")
    return tls
