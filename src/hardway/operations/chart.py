"""Drawing a cluster's atlas: from its folder alone, or with what its machines are like."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hardway.atlas.assumed import ordinary_hosts
from hardway.atlas.atlas import Atlas
from hardway.model.cluster import HostFacts
from hardway.pki import store
from hardway.project import Project
from hardway.steps.base import Given
from hardway.transport.base import Fleet, refused


def draw(project: Project, asked: Mapping[str, HostFacts] | None = None) -> Atlas:
    """Return a cluster's atlas; nothing is written.

    `asked` has the facts of machines that were asked; all others are taken for ordinary ones.
    Certificates that were not issued yet are made up and forgotten, and components that are not in
    the cache have digests that the real ones will not have.
    """
    hosts = {**ordinary_hosts(project.cluster), **(asked or {})}
    secrets = store.draft(project.workspace.pki, project.cluster, datetime.now(UTC)).secrets
    stored = project.stored({host.architecture for host in hosts.values()}, absent_ok=True)
    return Atlas.of(Given(project.cluster, secrets, stored, hosts), assumed=asked is None)


async def draw_live(project: Project, fleet: Fleet) -> Atlas:
    """Return a cluster's atlas with what the connected machines are like."""
    facts = await project.provider.facts(project.cluster, fleet)
    return draw(project, {name: own for name, own in facts.items() if name not in refused(fleet)})
