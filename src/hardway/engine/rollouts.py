"""Deployments whose pods have to be made anew: by itself that takes minutes, or never is. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from hardway.model.names import API
from hardway.model.objects import crashes, identity, refused
from hardway.model.resources import Change, Kind, Manifest
from hardway.steps import dns
from hardway.text import text

DEPLOYMENT = "Deployment"
COREDNS = f"{DEPLOYMENT}/{dns.NAMESPACE}/coredns"


def suspected(
    wanted: Sequence[Manifest], there: Sequence[Manifest], former: Collection[str]
) -> list[Manifest]:
    """Return those of the wanted Deployments that the API has and whose pods may be ill.

    `former` are the uids of pods of CoreDNS with resolvers that their nodes had before.
    """
    names = {identity(o) for o in wanted if o["kind"] == DEPLOYMENT}
    doubted = {COREDNS} if former else set()
    return [o for o in there if identity(o) in names and (_lacks(o) or identity(o) in doubted)]


def ill(pods: Sequence[Manifest], former: Collection[str]) -> str:
    """Return why the pods of a Deployment do not serve as they should; nothing if they do."""
    if any(map(crashes, pods)):
        return text("its pods crash, and are not started again for minutes")
    # One that is being replaced answers for a while yet.
    metas = [pod["metadata"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    if any(meta["uid"] in former for meta in metas):
        return text("its pods ask resolvers that their nodes had before")
    return ""


def _lacks(deployment: Manifest) -> bool:
    return bool(deployment.get("status", {}).get("unavailableReplicas"))


def changes(
    step: str,
    wanted: Sequence[Manifest],
    there: Sequence[Manifest],
    reasons: Mapping[str, str],
    applied: Sequence[Change],
) -> Iterator[Change]:
    """Yield a change for each of a step's Deployments that is to make its pods anew.

    `reasons` says by identity why a Deployment's pods do not serve as they should; `applied` are
    the changes of objects.
    """
    found = {identity(o): o for o in there}
    edited = {c.path_or_unit for c in applied if c.path_or_unit in found and not c.prose}
    for manifest in wanted:
        name = identity(manifest)
        if manifest["kind"] == DEPLOYMENT and name in found:
            read = [o for o in _config_maps(manifest) if o in edited]
            if why := _why(found[name], reasons.get(name, ""), read):
                yield Change(machine=API, step=step, kind=Kind.ROLLOUT, path_or_unit=name,
                             item=manifest, diff=why)  # fmt: skip


def _why(found: Manifest, pods: str, edited: Sequence[str]) -> str:
    # The condition outlives what it tells of by a moment.
    if _lacks(found) and (said := refused(found)):
        # Its controller's pauses grow to 16 minutes (client-go, DefaultControllerRateLimiter).
        return text("the API refused its pods, and they are not tried again for minutes: {said}",
                    said=said)  # fmt: skip
    if pods:
        return pods
    if edited:
        return text("its pods would go on with the former {objects} for up to two minutes",
                    objects=", ".join(edited))  # fmt: skip
    return ""


def _config_maps(deployment: Manifest) -> Iterator[str]:
    """Yield the identities of the ConfigMaps that a Deployment's pods have as files."""
    namespace = deployment["metadata"]["namespace"]
    for volume in deployment["spec"]["template"]["spec"].get("volumes", ()):
        for source in volume.get("projected", {}).get("sources", ()):
            if "configMap" in source:
                yield f"ConfigMap/{namespace}/{source['configMap']['name']}"
